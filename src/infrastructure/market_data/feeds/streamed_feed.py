"""A feed that listens, and asks only for what it did not hear."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from traderbot.application.ports.feeds import BarFeed
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.risk.exposure import Quote
from traderbot.domain.shared.values import Symbol
from traderbot.infrastructure.market_data.feeds.heard_bars import HeardBars

_OVERDUE: Final = timedelta(seconds=5)  # a bar that is not heard by then is asked for


class BarStream(Protocol):
    """What tells bars as they close, and the price in between."""

    heard: HeardBars

    def want(self, symbol: Symbol, timeframe: Timeframe) -> None:
        """Listen to a series from now on; once more changes nothing."""
        ...

    def stop(self) -> None:
        """End it."""
        ...


class StreamedFeed:
    """`BarFeed` and `QuoteFeed` over a stream, with another feed behind it for what is missing.

    The stream only saves time and questions: without it everything is told as well, only later.
    """

    def __init__(self, feed: BarFeed, stream: BarStream) -> None:
        """Ask `feed` for what `stream` cannot tell. Both end with `close`."""
        self._feed, self._stream = feed, stream
        self._known: set[tuple[Symbol, Timeframe]] = set()

    @property
    def name(self) -> str:
        """What bars from here are recorded with."""
        return self._feed.name

    def close(self) -> None:
        """Stop listening."""
        self._stream.stop()

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
            FeedUnavailableError: it was not heard, and nobody can say now.
            NotFoundError: there is no such series.
        """
        if after is not None and (symbol, timeframe) in self._known:
            heard = self._stream.heard.following(symbol, timeframe, after)
            closes = timeframe.next_opening(after) + timeframe.duration
            overdue = closes + _OVERDUE <= until
            if heard or (heard is not None and not overdue):
                return [bar for bar in heard if bar.closes_at <= until][:limit]
        found = self._feed.closed(symbol, timeframe, after=after, until=until, limit=limit)
        # Only now: a series that is not there is not listened to.
        self._known.add((symbol, timeframe))
        self._stream.want(symbol, timeframe)
        return found

    def quote(self, symbol: Symbol) -> Quote | None:
        """Return the newest known quote from memory, at once; None if there is none."""
        return self._stream.heard.quote(symbol)
