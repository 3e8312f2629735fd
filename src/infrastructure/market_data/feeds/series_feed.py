"""Bars that are all there already, such as those of a file, told as a live feed would tell them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime

from traderbot.application.errors import NotFoundError
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.values import Symbol


class SeriesFeed:
    """`BarFeed` over bars in memory, of any number of series."""

    def __init__(self, name: str, bars: Iterable[Bar]) -> None:
        """Tell these bars, in any order, under a name such as `csv:ibm.csv`."""
        self._name = name
        self._series: dict[tuple[Symbol, Timeframe], list[Bar]] = {}
        for bar in bars:
            self._series.setdefault((bar.symbol, bar.timeframe), []).append(bar)
        for series in self._series.values():
            series.sort(key=_opens)

    @property
    def name(self) -> str:
        """What bars from here are recorded with."""
        return self._name

    def closed(
        self,
        symbol: Symbol,
        timeframe: Timeframe,
        *,
        after: datetime | None,
        until: datetime,
        limit: int = 1000,
    ) -> Sequence[Bar]:
        """Return at most `limit` bars that open after `after` and have closed by `until`.

        Raises:
            NotFoundError: there is no such series.
        """
        series = self._series.get((symbol, timeframe))
        if series is None:
            raise no_such_series(self._name, symbol, timeframe)
        first = 0 if after is None else bisect_right(series, after, key=_opens)
        end = bisect_right(series, until - timeframe.duration, key=_opens)
        return series[first : min(end, first + limit)]


def no_such_series(feed: str, symbol: Symbol, timeframe: Timeframe) -> NotFoundError:
    """Return the error of a series that a feed does not have."""
    return NotFoundError("series of bars", f"{symbol} {timeframe.value} in {feed}")


def _opens(bar: Bar) -> datetime:
    return bar.at
