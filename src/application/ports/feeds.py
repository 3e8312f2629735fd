"""Where bars and quotes come from: a file, a venue, a recording. Asked again and again, never held.

A feed tells only what is certain: a bar is told once it has closed, and a bar that was told never
changes. Whoever follows a series asks for what came after the last bar it took in; so a feed that
was away, and a process that slept, miss nothing and repeat nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from traderbot.domain.market.bars import Bar
from traderbot.domain.market.sentiment import Mood
from traderbot.domain.market.sightings import Sighting
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.risk.exposure import Quote
from traderbot.domain.shared.values import Symbol


class BarFeed(Protocol):
    """Closed bars of a symbol, oldest first."""

    @property
    def name(self) -> str:
        """What bars from here are recorded with, such as `csv:ibm.csv` or `binance`."""
        ...

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

        The oldest come first, none is left out between them, and an empty answer means that there
        is none yet. Without `after`, the series begins where the feed begins.

        Raises:
            FeedUnavailableError: nobody can say now; ask again later.
            NotFoundError: it has no such series, and never will.
        """
        ...


class QuoteFeed(Protocol):
    """The newest price of a symbol."""

    def quote(self, symbol: Symbol) -> Quote | None:
        """Return the newest known quote from memory, at once; None if there is none."""
        ...


class SentimentFeed(Protocol):
    """How the market feels, as somebody published it."""

    def mood(self, symbol: Symbol, at: datetime) -> Mood | None:
        """Return the newest mood that was known at an instant; None if there was none.

        Raises:
            FeedUnavailableError: nobody can say now.
        """
        ...


class Recording(Protocol):
    """What was seen of the market, as it was seen, and when. Nothing is ever taken out of it."""

    def note(self, sightings: Sequence[Sighting]) -> None:
        """Keep these; when it returns, they are durable.

        Raises:
            FeedUnavailableError: they cannot be kept; whoever must record goes no further.
        """
        ...

    def sightings(self) -> Sequence[Sighting]:
        """Return everything that was noted, in that order.

        Raises:
            FeedUnavailableError: it cannot be read, or is damaged.
        """
        ...
