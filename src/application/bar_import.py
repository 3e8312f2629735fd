"""Taking bars in: stored first, then recorded in the log as they are stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from traderbot.application.commands.market import RecordBars
from traderbot.application.ports.commands import CommandExecutor, Origin
from traderbot.application.ports.market_data import BarStore
from traderbot.domain.market.bar_series import digest_of
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.values import Symbol

_NEXT = timedelta(microseconds=1)  # the end of a question is excluded


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedSeries:
    """One series of an import. `count` and `digest` are of all bars stored within its span."""

    symbol: Symbol
    timeframe: Timeframe
    first_at: datetime
    last_at: datetime
    count: int
    digest: str
    recorded: bool  # False if the log knew exactly these bars already


@dataclass(frozen=True, slots=True, kw_only=True)
class BarImport:
    """What an import came to: how many bars were new, and each series it touched."""

    new: int
    series: tuple[ImportedSeries, ...]


def import_bars(
    bars: Sequence[Bar], source: str, *, store: BarStore, executor: CommandExecutor, origin: Origin
) -> BarImport:
    """Store the bars, all or none, and record what is stored then, series by series.

    If the program ends between the two, the bars are there and the log does not say so; the same
    import once more adds no bar and records them.

    Raises:
        ConflictingBarError: a bar is known with other values; nothing was stored.
        InvalidValueError: the source is not 1 to 200 printable characters.
    """
    new = store.add(bars, source)
    series = tuple(
        _record(each, source, store=store, executor=executor, origin=origin)
        for each in _series_of(bars)
    )
    return BarImport(new=new, series=series)


def _record(
    series: tuple[Symbol, Timeframe, datetime, datetime],
    source: str,
    *,
    store: BarStore,
    executor: CommandExecutor,
    origin: Origin,
) -> ImportedSeries:
    symbol, timeframe, first_at, last_at = series
    stored = store.bars(symbol, timeframe, first_at, last_at + _NEXT)
    record = RecordBars(
        symbol=symbol,
        timeframe=timeframe,
        first_at=first_at,
        last_at=last_at,
        count=len(stored),
        digest=digest_of(stored),
        source=source,
    )
    return ImportedSeries(
        symbol=symbol,
        timeframe=timeframe,
        first_at=first_at,
        last_at=last_at,
        count=record.count,
        digest=record.digest,
        recorded=executor.run(record, origin),
    )


def _series_of(bars: Iterable[Bar]) -> list[tuple[Symbol, Timeframe, datetime, datetime]]:
    """Return each series with the instants at which its first and last bars open."""
    spans: dict[tuple[Symbol, Timeframe], tuple[datetime, datetime]] = {}
    for bar in bars:
        first, last = spans.get((bar.symbol, bar.timeframe), (bar.at, bar.at))
        spans[bar.symbol, bar.timeframe] = min(first, bar.at), max(last, bar.at)
    return [(*series, *span) for series, span in spans.items()]
