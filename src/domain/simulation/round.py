"""One look at the market: what it does to a book, event after event."""

from __future__ import annotations

from datetime import datetime

from traderbot.domain.market.instrument import Instrument
from traderbot.domain.orders.ticket import Side
from traderbot.domain.shared.ids import OrderId
from traderbot.domain.shared.values import Price, Quantity, trusted_quantity
from traderbot.domain.simulation.book import TIME_IS_OVER, Book
from traderbot.domain.simulation.events import (
    PaperCanceled,
    PaperEvent,
    PaperExpired,
    PaperRejected,
    PaperRested,
    PaperTraded,
    PaperTrailMoved,
    PaperTriggered,
)
from traderbot.domain.simulation.fill_model import FillModel
from traderbot.domain.simulation.resting import Resting

NOTHING_TO_REDUCE = "there is nothing left to reduce"
NOT_AT_ONCE = "not all of it could be had at once"


class Round:
    """Collects what happens, and keeps the book as it is after each of it.

    It lives for one call of a matching function; nothing of it is kept.
    """

    def __init__(
        self,
        book: Book,
        model: FillModel,
        instrument: Instrument,
        *,
        at: datetime,
        seen_at: datetime,
        seen_sequence: int = 0,
    ) -> None:
        """Begin with nothing having happened; `at` is when whatever happens happened."""
        self.book = book
        self.events: list[PaperEvent] = []
        self.model = model
        self.tick = instrument.tick_size
        self.instrument = instrument
        self._at = at
        self._seen_at = seen_at
        self._seen_sequence = seen_sequence

    def active(self) -> list[Resting]:
        """Return the orders that see this market, those that came first at the head."""
        return [it for it in self.book.queue() if it.active_at <= self._at]

    def current(self, order_id: OrderId) -> Resting | None:
        """Return an order as it is by now, None once it has ended."""
        return self.book.working.get(order_id)

    def wanted(self, order: Resting) -> Quantity:
        """Return how much it may trade: what is left of it, or of the position it reduces."""
        if not order.ticket.reduce_only:
            return order.remaining
        reducible = self.book.reducible(order.ticket.side)
        return trusted_quantity(min(order.remaining.value, reducible.value))

    def ends_reducing(self, order: Resting) -> bool:
        """Cancel an order that only reduces when there is nothing to reduce; say whether."""
        if self.wanted(order):
            return False
        self.cancel(order, NOTHING_TO_REDUCE)
        return True

    def trade(self, order: Resting, quantity: Quantity, price: Price, *, maker: bool) -> None:
        """Trade so much of an order."""
        current = self.book.working[order.order_id]
        reducible = bool(self.book.reducible(order.ticket.side))
        notional = price.notional(quantity, self.book.symbol)
        self._say(
            PaperTraded(
                at=self._at,
                order_id=order.order_id,
                client_order_id=order.client_order_id,
                side=order.ticket.side,
                # Made from the order alone: whoever hears of it twice can tell.
                trade_id=f"{order.order_id}:{current.trades + 1}",
                quantity=quantity,
                price=price,
                fee=self.model.fee(notional, maker=maker),
                maker=maker,
                model=self.model.name,
                seen_at=self._seen_at,
                seen_sequence=self._seen_sequence,
            )
        )
        if reducible:
            self._end_what_reduced(order.ticket.side)

    def trigger(self, order: Resting, price: Price) -> None:
        """Let its stop be reached."""
        self._say(
            PaperTriggered(
                at=self._at,
                order_id=order.order_id,
                price=price,
                seen_at=self._seen_at,
                seen_sequence=self._seen_sequence,
            )
        )

    def move_trail(self, order: Resting, best: Price, stop: Price) -> None:
        """Let its stop follow the market; a stop that stays where it is is no news."""
        if stop == order.stop:
            return
        self._say(
            PaperTrailMoved(
                at=self._at,
                order_id=order.order_id,
                best=best,
                stop_price=stop,
                seen_at=self._seen_at,
                seen_sequence=self._seen_sequence,
            )
        )

    def rest(self, order: Resting) -> None:
        """Let it stand in the book, if it does not already."""
        if order.rested:
            return
        self._say(
            PaperRested(
                at=self._at,
                order_id=order.order_id,
                seen_at=self._seen_at,
                seen_sequence=self._seen_sequence,
            )
        )

    def cancel(self, order: Resting, reason: str) -> None:
        """Take it out."""
        self._say(
            PaperCanceled(
                at=self._at,
                order_id=order.order_id,
                reason=reason,
                seen_at=self._seen_at,
                seen_sequence=self._seen_sequence,
            )
        )

    def reject(self, order: Resting, code: str, reason: str) -> None:
        """Send it back: it met the market for the first time, and is not allowed to trade so."""
        self._say(
            PaperRejected(
                at=self._at,
                order_id=order.order_id,
                code=code,
                reason=reason,
                seen_at=self._seen_at,
                seen_sequence=self._seen_sequence,
            )
        )

    def expire(self, at: datetime) -> None:
        """Let end what was good until then at most."""
        for order in self.book.queue():
            if order.is_over(at):
                self._say(
                    PaperExpired(
                        at=order.expires_at or at,
                        order_id=order.order_id,
                        reason=TIME_IS_OVER,
                        seen_at=self._seen_at,
                        seen_sequence=self._seen_sequence,
                    )
                )

    def _end_what_reduced(self, side: Side) -> None:
        """Cancel what only reduces, on a side of which a trade has just used up the position.

        One that came before there is anything to reduce waits for that.
        """
        if not self.book.reducible(side):
            for order in self.book.queue():
                if order.ticket.reduce_only and order.ticket.side is side:
                    self.cancel(order, NOTHING_TO_REDUCE)

    def _say(self, event: PaperEvent) -> None:
        self.book = self.book.apply(event)
        self.events.append(event)
