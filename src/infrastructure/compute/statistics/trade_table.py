"""The table of closed trades: one row per round trip, as every statistic and report reads it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from traderbot.domain.shared.errors import InvalidValueError

# Bars are counted from 0, the run's first. `side` is +1 for a trade that bought first, -1 for one
# that sold first. `profit` is what was kept, after `fees`; both are in the quote currency, as are
# the prices per unit. A trade that entered and left within one bar has equal bars.
COLUMNS = {
    "entry_bar": "<i8",
    "exit_bar": "<i8",
    "side": "<i1",
    "quantity": "<f8",
    "entry_price": "<f8",
    "exit_price": "<f8",
    "profit": "<f8",
    "fees": "<f8",
}
# What a table may have besides. `symbol` counts the report's price paths from 0. The excursions
# are how far the trade was against its holder (mae) and for him (mfe), both 0 or above, in money.
EXTRA = {"symbol": "<i8", "mae": "<f8", "mfe": "<f8"}
TRADE = np.dtype(list(COLUMNS.items()))

TradeTable = npt.NDArray[np.void]


def no_trades() -> TradeTable:
    """Return a table without a row."""
    return np.empty(0, dtype=TRADE)


def trade_table(rows: Iterable[tuple[Any, ...]]) -> TradeTable:
    """Return a table of these rows, each in the order of `TRADE`'s columns.

    Raises:
        InvalidValueError: a row does not have these columns.
    """
    try:
        return np.array(list(rows), dtype=TRADE)
    except (TypeError, ValueError) as error:
        columns = ", ".join(COLUMNS)
        raise InvalidValueError(f"a trade is a tuple of {columns}: {error}") from error


def trades_of(table: npt.NDArray[Any], bars: int) -> TradeTable:
    """Return the table with its columns in their own types, sorted by exit, then by entry.

    Equal trades keep their order. Columns that are neither of `TRADE` nor of `EXTRA` are left out.

    Raises:
        InvalidValueError: a column is missing, a bar lies outside the run, a trade ends before it
            begins, a side is neither +1 nor -1, or an amount is no number; it names row and column.
    """
    names = table.dtype.names or ()
    missing = [name for name in COLUMNS if name not in names]
    if missing or table.ndim != 1:
        raise InvalidValueError(
            "trades are one table with the columns "
            f"{', '.join(COLUMNS)}; missing: {', '.join(missing) or 'one dimension'}"
        )
    extra = {name: code for name, code in EXTRA.items() if name in names}
    found = np.empty(table.shape, dtype=np.dtype(list((COLUMNS | extra).items())))
    for name in found.dtype.names or ():
        found[name] = table[name]
    _refuse("entry_bar", found, (found["entry_bar"] < 0) | (found["entry_bar"] >= bars))
    _refuse("exit_bar", found, (found["exit_bar"] >= bars))
    _refuse("exit_bar", found, (found["exit_bar"] < found["entry_bar"]))
    _refuse("side", found, np.abs(found["side"]) != 1)
    _refuse("quantity", found, ~(found["quantity"] > 0))
    for name in ("quantity", "entry_price", "exit_price", "profit", "fees", *extra):
        _refuse(name, found, ~np.isfinite(found[name]))
    return found[np.lexsort((found["entry_bar"], found["exit_bar"]))]


def _refuse(column: str, table: TradeTable, wrong: npt.NDArray[np.bool_]) -> None:
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InvalidValueError(
            f"trades row {row}, column {column} is {table[column][row]}: bars lie within the run, "
            "an exit is not before its entry, a side is +1 or -1, quantities are above zero, and "
            "amounts are finite"
        )
