"""How an order stands at the venue, and all that it traded: booked before the order may end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from traderbot.application.ports.venue import VenueOrder
from traderbot.application.trading.hearing import Hearing, order_id_of
from traderbot.domain.shared.values import Symbol

_BEFORE = timedelta(hours=1)  # venues' clocks and ours differ


@dataclass(frozen=True, slots=True)
class Booking:
    """Takes in orders together with the trades that belong to them."""

    hearing: Hearing

    def take(self, it: VenueOrder, call: str, since: datetime | None = None) -> bool:
        """Take in how an order stands, asking for its trades if some are not booked yet.

        False: the venue says that it traded more than it can show; it has to be asked again.

        Raises:
            VenueUnavailableError: the venue did not show its trades.
        """
        if self.hearing.take_order(it, call):
            return True
        self.trades(it.symbol, since or self._placed_at(it))
        return self.hearing.take_order(it, call)

    def _placed_at(self, it: VenueOrder) -> datetime | None:
        order_id = order_id_of(it.client_order_id)
        ours = None if order_id is None else self.hearing.views.order(None, order_id)
        return None if ours is None else ours.placed_at

    def trades(self, symbol: Symbol, since: datetime | None) -> int:
        """Book what the account traded of a symbol; return how many trades were shown.

        Raises:
            VenueUnavailableError: the venue did not show them.
        """
        shown = self.hearing.venue.trades(symbol, None if since is None else since - _BEFORE)
        for trade in shown:
            self.hearing.take_trade(trade, "trades")
        return len(shown)
