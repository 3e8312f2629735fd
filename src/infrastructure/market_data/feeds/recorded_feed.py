"""A feed whose every bar is written down as it was seen, before anybody acts on it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from threading import Lock
from typing import Final

from traderbot.application.ports.clock import Clock
from traderbot.application.ports.feeds import BarFeed, Recording
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.sightings import Sighting
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.values import Symbol

_REMEMBERED: Final = 10_000  # bars; one seen again after so many others is noted again, no harm


class RecordedFeed:
    """`BarFeed` that notes what another one tells. A bar that comes in another form is noted too.

    What is replayed is played faster or slower, so a bar is never noted before it closes.
    """

    def __init__(self, feed: BarFeed, recording: Recording, clock: Clock) -> None:
        """Tell what `feed` tells, once `recording` has it. Raises FeedUnavailableError."""
        self._feed, self._recording, self._clock = feed, recording, clock
        self._seen: OrderedDict[tuple[Symbol, Timeframe, datetime], Bar] = OrderedDict()
        self._lock = Lock()  # bots ask from threads of their own
        for each in recording.sightings()[-_REMEMBERED:]:
            self._remember(each.bar)

    @property
    def name(self) -> str:
        """What bars from here are recorded with."""
        return self._feed.name

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
            FeedUnavailableError: nobody can say now, or it cannot be written down.
            NotFoundError: it has no such series, and never will.
        """
        bars = self._feed.closed(symbol, timeframe, after=after, until=until, limit=limit)
        now = self._clock.now()
        news = [bar for bar in bars if self._seen.get(_key(bar)) != bar]
        self._recording.note(
            [Sighting(bar=bar, known_at=max(now, bar.closes_at), source=self.name) for bar in news]
        )
        for bar in news:
            self._remember(bar)
        return bars

    def _remember(self, bar: Bar) -> None:
        self._seen[_key(bar)] = bar
        self._seen.move_to_end(_key(bar))
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)


def _key(bar: Bar) -> tuple[Symbol, Timeframe, datetime]:
    return bar.symbol, bar.timeframe, bar.at
