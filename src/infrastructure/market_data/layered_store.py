"""Long histories in files, and what comes in bar by bar in the database: one store of both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from heapq import merge
from typing import Final

from traderbot.application.ports.market_data import BarStore, ConflictingBarError, SeriesSummary
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.values import Symbol

LIVE: Final = 200  # bars; so many at once, or fewer, are no import
_NEXT: Final = timedelta(microseconds=1)  # the end of a question is excluded

_Key = tuple[Symbol, Timeframe]


class LayeredBarStore(BarStore):
    """`BarStore` over two others. A bar is in one of them, and never told twice."""

    def __init__(self, files: BarStore, live: BarStore) -> None:
        """Keep imports in `files`, and few bars at a time in `live`."""
        self._files, self._live = files, live

    def add(self, bars: Sequence[Bar], source: str = "") -> int:
        """Keep these bars, all or none; return how many were new. Raises ConflictingBarError."""
        is_live = len(bars) <= LIVE
        mine, other = (self._live, self._files) if is_live else (self._files, self._live)
        known = _known_to(other, bars)
        new: list[Bar] = []
        for bar in bars:
            there = known.get((bar.symbol, bar.timeframe, bar.at))
            if there is None:
                new.append(bar)
            elif there != bar:
                raise ConflictingBarError(there, bar)
        return mine.add(new, source)

    def bars(
        self,
        symbol: Symbol,
        timeframe: Timeframe,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
    ) -> list[Bar]:
        """Return the bars within [start, end), the last `limit` of them, oldest first."""
        found = _merged(
            store.bars(symbol, timeframe, start, end, limit) for store in (self._files, self._live)
        )
        return found if limit is None else found[max(len(found) - limit, 0) :]

    def following(
        self, symbol: Symbol, timeframe: Timeframe, after: datetime | None, limit: int
    ) -> list[Bar]:
        """Return the first `limit` bars that open after `after`, oldest first."""
        return _merged(
            store.following(symbol, timeframe, after, limit) for store in (self._files, self._live)
        )[:limit]

    def latest(self, symbol: Symbol) -> Bar | None:
        """Return the bar that closes last, over all timeframes; of several, the shortest."""
        found = (store.latest(symbol) for store in (self._files, self._live))
        return max(
            (bar for bar in found if bar is not None),
            key=lambda bar: (bar.closes_at, -bar.timeframe.duration),
            default=None,
        )

    def series(self) -> list[SeriesSummary]:
        """Return what is stored, by symbol and then from the shortest timeframe to the longest."""
        found: dict[_Key, SeriesSummary] = {}
        for each in (*self._files.series(), *self._live.series()):
            key = (each.symbol, each.timeframe)
            known = found.get(key)
            found[key] = each if known is None else _both(known, each)
        return sorted(found.values(), key=lambda each: (each.symbol, each.timeframe.duration))


def _known_to(
    store: BarStore, bars: Iterable[Bar]
) -> dict[tuple[Symbol, Timeframe, datetime], Bar]:
    """Return what a store has of the series and within the spans of these bars."""
    spans: dict[_Key, tuple[datetime, datetime]] = {}
    for bar in bars:
        first, last = spans.get((bar.symbol, bar.timeframe), (bar.at, bar.at))
        spans[bar.symbol, bar.timeframe] = min(first, bar.at), max(last, bar.at)
    return {
        (bar.symbol, bar.timeframe, bar.at): bar
        for key, (first, last) in spans.items()
        for bar in store.bars(*key, first, last + _NEXT)
    }


def _merged(parts: Iterable[list[Bar]]) -> list[Bar]:
    return list({bar.at: bar for bar in merge(*parts, key=_opens)}.values())


def _both(one: SeriesSummary, other: SeriesSummary) -> SeriesSummary:
    return SeriesSummary(
        symbol=one.symbol,
        timeframe=one.timeframe,
        first=min(one.first, other.first),
        last=max(one.last, other.last),
        count=one.count + other.count,
    )


def _opens(bar: Bar) -> datetime:
    return bar.at
