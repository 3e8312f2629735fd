"""Fetching bars from a feed, page by page, until what is stored reaches as far as was asked.

What is stored already is gone over, so a download that was stopped goes on where it was; what was
fetched until then is stored, and recorded in the log like every import.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from traderbot.application.bar_import import import_bars
from traderbot.application.errors import FeedUnavailableError
from traderbot.application.ports.commands import CommandExecutor, Origin
from traderbot.application.ports.feeds import BarFeed
from traderbot.application.ports.market_data import BarStore
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.calendar import Calendar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Symbol

PAUSES: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)  # seconds, while a feed is away
_PAGE: Final = 1000
_CHUNK: Final = 10_000  # bars stored, and recorded, at once
_JUST_BEFORE: Final = timedelta(microseconds=1)
_WHOLE_WEEK: Final = frozenset(range(7))
_WORKDAYS: Final = frozenset(range(5))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which bars: those that open at or after `since`, and have closed by `until`."""

    symbol: Symbol
    timeframe: Timeframe
    since: datetime
    until: datetime

    def __post_init__(self) -> None:
        """Raise InvalidValueError for naive instants, or an end that is not after the beginning."""
        for at in (self.since, self.until):
            if at.utcoffset() != timedelta(0):
                msg = f"bars are asked for by aware UTC instants, not {at.isoformat()}"
                raise InvalidValueError(msg)
        if self.until <= self.since:
            msg = f"nothing is between {self.since.isoformat()} and {self.until.isoformat()}"
            raise InvalidValueError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloaded:
    """What a download came to: how many bars were told, and how many of them were new."""

    bars: int
    new: int
    pages: int
    first_at: datetime | None  # of the bars that were told
    last_at: datetime | None


@dataclass(slots=True, kw_only=True)
class Download:
    """One download."""

    feed: BarFeed
    store: BarStore
    executor: CommandExecutor
    origin: Origin
    sleep: Callable[[float], None]
    on_progress: Callable[[int, int], None] = lambda _done, _total: None  # seconds of market time
    _waiting: list[Bar] = field(default_factory=list)
    _told: int = 0
    _new: int = 0
    _pages: int = 0
    _first: datetime | None = None
    _last: datetime | None = None

    def run(self, wanted: Wanted, *, again: bool = False) -> Downloaded:
        """Fetch what is missing; with `again`, everything, to compare it with what is stored.

        Raises:
            FeedUnavailableError: the feed was away for two minutes. What came before is stored.
            NotFoundError: the feed has no such series.
            ConflictingBarError: the feed tells a stored bar otherwise; its chunk is not stored.
        """
        try:
            self._fetch(wanted, again=again)
        finally:  # also when a person stops it
            self._keep()
        return Downloaded(
            bars=self._told,
            new=self._new,
            pages=self._pages,
            first_at=self._first,
            last_at=self._last,
        )

    def _fetch(self, wanted: Wanted, *, again: bool) -> None:
        whole = wanted.until - wanted.since
        after = wanted.since - _JUST_BEFORE
        while True:
            if not again:
                after = self._over_what_is_stored(wanted, after)
            reached = min(max(after - wanted.since, timedelta(0)), whole)
            self.on_progress(int(reached.total_seconds()), int(whole.total_seconds()))
            next_opens = wanted.timeframe.next_opening(after)
            if next_opens + wanted.timeframe.duration > wanted.until:
                return  # it has not closed by then
            page = self._page(wanted, after)
            if not page:
                return
            self._pages += 1
            self._take(page)
            after = page[-1].at

    def _page(self, wanted: Wanted, after: datetime) -> Sequence[Bar]:
        for pause in PAUSES:
            try:
                return self._asked(wanted, after)
            except FeedUnavailableError:
                self.sleep(pause)
        return self._asked(wanted, after)

    def _asked(self, wanted: Wanted, after: datetime) -> Sequence[Bar]:
        return self.feed.closed(
            wanted.symbol, wanted.timeframe, after=after, until=wanted.until, limit=_PAGE
        )

    def _take(self, page: Sequence[Bar]) -> None:
        self._told += len(page)
        self._first = self._first or page[0].at
        self._last = page[-1].at
        self._waiting += page
        if len(self._waiting) >= _CHUNK:
            self._keep()

    def _keep(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting:
            done = import_bars(
                waiting,
                self.feed.name,
                store=self.store,
                executor=self.executor,
                origin=self.origin,
            )
            self._new += done.new

    def _over_what_is_stored(self, wanted: Wanted, after: datetime) -> datetime:
        """Return the last bar that is stored without a hole after `after`."""
        of, timeframe = wanted.symbol, wanted.timeframe
        days = _WHOLE_WEEK if of.is_pair else _WORKDAYS
        calendar = Calendar(is_pair=of.is_pair, timeframe=timeframe, days=days)
        while bars := self.store.following(of, timeframe, after, _CHUNK):
            for bar in bars:
                before = timeframe.opening(after)
                if bar.closes_at > wanted.until or calendar.missing(before, bar.at):
                    return after
                after = bar.at
        return after
