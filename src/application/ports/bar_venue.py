"""A venue in this process: a venue like any other, that is also shown the market bar by bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from traderbot.application.ports.commands import Origin
from traderbot.application.ports.venue import Venue, VenueOrder, VenueTrade
from traderbot.domain.market.bars import Bar
from traderbot.domain.shared.ids import OrderId
from traderbot.domain.shared.values import Price, Symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class StopReached:
    """The market reached an order's stop price; from now on it may trade."""

    order_id: OrderId
    at: datetime
    price: Price


BarNews = VenueTrade | VenueOrder | StopReached


class BarVenue(Venue, Protocol):
    """A venue that trades against bars."""

    def working(self, symbol: Symbol) -> Sequence[OrderId]:
        """Return the orders it has working of a symbol. Raises VenueUnavailableError."""
        ...

    def forget(self, order_id: OrderId, symbol: Symbol) -> None:
        """Cancel an order nobody counts on any more; harmless if it does not work."""
        ...

    def on_bar(self, bar: Bar, origin: Origin | None = None) -> Sequence[BarNews]:
        """Trade what the bar trades; return trades, and orders that ended, as they happened.

        Each is told once. Whoever could not record it finds it again by `find` and `trades`.

        Raises:
            ExternalError: nobody knows whether the bar was traded; bring it again.
        """
        ...
