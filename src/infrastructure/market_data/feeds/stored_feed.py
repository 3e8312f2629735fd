"""Stored bars, told as a live feed would tell them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from traderbot.application.errors import DatabaseUnavailableError, FeedUnavailableError
from traderbot.application.ports.market_data import BarStore
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.values import Symbol
from traderbot.infrastructure.market_data.feeds.series_feed import no_such_series


class StoredFeed:
    """`BarFeed` over a store: for replaying what was imported, downloaded or taken in live."""

    name = "stored"

    def __init__(self, store: BarStore) -> None:
        """Tell what a store has, also what it gets later."""
        self._store = store

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
            FeedUnavailableError: the store does not answer.
            NotFoundError: nothing of that series was ever stored.
        """
        try:
            found = self._store.following(symbol, timeframe, after, limit)
            if not found and not self._store.following(symbol, timeframe, None, 1):
                raise no_such_series(self.name, symbol, timeframe)
        except DatabaseUnavailableError as error:
            raise FeedUnavailableError(str(error)) from error
        return [bar for bar in found if bar.closes_at <= until]
