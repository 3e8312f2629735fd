"""Bars as Parquet files, exact to the last digit: prices are DECIMAL(38, 18), never floats."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.decimals import canonical
from traderbot.domain.shared.values import Symbol, trusted_price, trusted_quantity
from traderbot.infrastructure.brokers.extras import MissingExtraError

AMOUNTS = ("open", "high", "low", "close", "volume")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def arrow(module: str = "pyarrow") -> Any:  # noqa: ANN401 - a library without types
    """Return pyarrow, or a module of it. Raises MissingExtraError."""
    try:
        return import_module(module)
    except ImportError as error:
        msg = (
            "Parquet needs pyarrow, which is not installed: install this program with its extra "
            "[data], as in pip install '.[data]'; CSV needs nothing"
        )
        raise MissingExtraError(msg) from error


def write_parquet(path: Path, bars: Sequence[Bar]) -> None:
    """Write the bars of one series, in their order. Raises MissingExtraError, OSError."""
    pa, parquet = arrow(), arrow("pyarrow.parquet")
    exact = pa.decimal128(38, 18)
    columns: dict[str, Any] = {
        "at": pa.array([_micros(bar.at) for bar in bars], pa.timestamp("us", tz="UTC"))
    }
    for name in AMOUNTS:
        columns[name] = pa.array([getattr(bar, name).value for bar in bars], exact)
    parquet.write_table(pa.table(columns), path, compression="zstd")


def bars_from(table: Any, symbol: Symbol, timeframe: Timeframe) -> list[Bar]:  # noqa: ANN401
    """Return the bars of a table that `write_parquet` wrote."""
    whole = arrow().int64()
    ats = table["at"].cast(whole).to_pylist()
    amounts = [[canonical(it) for it in table[name].to_pylist()] for name in AMOUNTS]
    return [
        Bar(
            symbol=symbol,
            timeframe=timeframe,
            at=_EPOCH + at * _MICROSECOND,
            open=trusted_price(open_),
            high=trusted_price(high),
            low=trusted_price(low),
            close=trusted_price(close),
            volume=trusted_quantity(volume),
        )
        for at, open_, high, low, close, volume in zip(ats, *amounts, strict=True)
    ]


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND
