"""The figures of a backtest as numpy arrays: what statistics and reports read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traderbot.domain.orders.ticket import Side
from traderbot.infrastructure.compute.statistics.trade_table import COLUMNS

if TYPE_CHECKING:
    from traderbot.application.backtesting.result import BacktestResult
    from traderbot.application.backtesting.tape import Tape
    from traderbot.infrastructure.compute.arrays import FloatArray
    from traderbot.infrastructure.compute.statistics.trade_table import TradeTable
    from traderbot.infrastructure.reports.report_input import Instants

_FIGURES = ("quantity", "entry_price", "exit_price", "profit", "fees")
_KIND = np.dtype([*COLUMNS.items(), ("symbol", "<i8")])
_LONG, _SHORT = 1, -1


def trade_table(result: BacktestResult) -> TradeTable:
    """Return the closed trades, each exact amount as the nearest float.

    Bars are numbers in `result.at`; `symbol` counts the series of the run from 0.
    """
    numbers = {tape.symbol: number for number, tape in reversed([*enumerate(result.spec.tapes)])}
    rows = [
        (
            result.place_of(it.entry_at),
            result.place_of(it.exit_at),
            _LONG if it.side is Side.BUY else _SHORT,
            *(float(getattr(it, name)) for name in _FIGURES),
            numbers[it.symbol],
        )
        for it in result.trades
    ]
    return np.array(rows, dtype=_KIND)


def opens_at(result: BacktestResult) -> Instants:
    """Return when each bar of the run opened, in nanoseconds since 1970, UTC.

    Of series of several timeframes it is that of the shortest.
    """
    shortest = min(tape.timeframe.duration for tape in result.spec.tapes)
    found = [at - shortest for at in result.at]
    return np.array([at.replace(tzinfo=None) for at in found], "datetime64[ns]").astype(np.int64)


def prices_of(result: BacktestResult, tape: Tape, name: str) -> FloatArray:
    """Return a column of a series, one value a bar of the run: the newest that was known."""
    column = tape.amounts[name]
    return np.array([float(column[max(number, 0)]) for number in _numbers(result, tape)])


def _numbers(result: BacktestResult, tape: Tape) -> list[int]:
    """Return the number of the newest closed bar of a series at each bar of the run."""
    if len(result.spec.tapes) == 1:
        return list(range(len(result.at)))
    found, number, closes_at = [], -1, tape.closes_at
    for at in result.at:
        while number + 1 < len(closes_at) and closes_at[number + 1] <= at:
            number += 1
        found.append(number)
    return found
