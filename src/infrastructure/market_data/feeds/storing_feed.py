"""A live feed whose bars are stored before they are told, so that what a bot saw can be shown."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from traderbot.application.errors import DatabaseUnavailableError, FeedUnavailableError
from traderbot.application.ports.feeds import BarFeed
from traderbot.application.ports.market_data import BarStore
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.values import Symbol

_log = logging.getLogger(__name__)
_NEXT = timedelta(microseconds=1)  # the end of a question is excluded


class StoringFeed:
    """`BarFeed` that asks the store first, then another feed, and keeps what that one tells.

    Several bots on one series ask the source once. A bar that is stored with other values than the
    source tells now is told as it is stored: bots decided on it, and what was told never changes.
    """

    def __init__(self, feed: BarFeed, store: BarStore) -> None:
        """Keep in `store` what `feed` tells."""
        self._feed, self._store = feed, store

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
            FeedUnavailableError: nobody can say now, or it cannot be stored.
            NotFoundError: it has no such series, and never will.
        """
        try:
            stored = self._stored(symbol, timeframe, after, until, limit)
            if stored:
                return stored
            told = self._feed.closed(symbol, timeframe, after=after, until=until, limit=limit)
            return self._kept(told) if told else ()
        except DatabaseUnavailableError as error:
            raise FeedUnavailableError(str(error)) from error

    def _stored(
        self,
        symbol: Symbol,
        timeframe: Timeframe,
        after: datetime | None,
        until: datetime,
        limit: int,
    ) -> list[Bar]:
        """Return what is stored right after `after`, up to the first bar that is not."""
        if after is None:
            return []
        run: list[Bar] = []
        opens = timeframe.next_opening(after)
        for bar in self._store.following(symbol, timeframe, after, limit):
            if bar.at != opens or bar.closes_at > until:
                break
            run.append(bar)
            opens = bar.closes_at
        return run

    def _kept(self, told: Sequence[Bar]) -> list[Bar]:
        first, last = told[0], told[-1]
        span = (first.symbol, first.timeframe, first.at, last.at + _NEXT)
        stored = {bar.at: bar for bar in self._store.bars(*span)}
        for bar in told:
            if stored.get(bar.at, bar) != bar:
                _log.warning(
                    "%s now tells %s %s of %s otherwise; what is stored stays",
                    self.name,
                    bar.symbol,
                    bar.timeframe.value,
                    bar.at.isoformat(),
                )
        self._store.add([bar for bar in told if bar.at not in stored], self.name)
        return [stored.get(bar.at, bar) for bar in told]
