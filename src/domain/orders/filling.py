"""A fill of an order, and which part of what the order holds it uses up."""

from __future__ import annotations

from dataclasses import dataclass

from traderbot.domain.orders.events import OrderEvent, OrderFilled
from traderbot.domain.orders.order_state import OrderState
from traderbot.domain.orders.ticket import Fill, Side
from traderbot.domain.shared.decimals import ZERO, share
from traderbot.domain.shared.values import Money, Quantity, trusted_money

_NOTHING = Quantity(0)


class Filling(OrderState):
    """What may be decided when the venue has traded."""

    def record_fill(self, fill: Fill) -> tuple[OrderEvent, ...]:
        """Accept what the venue reports, even after a cancel. A known fill yields no event."""
        if fill.id in self.fill_ids:
            return ()
        used, closing_used = self._held_for(fill).used_by(fill.quantity)
        return (
            OrderFilled(
                order_id=self.id,
                at=fill.at,
                fill=fill,
                reservation_used=used,
                closing_used=closing_used,
            ),
        )

    def _held_for(self, fill: Fill) -> _Held:
        """Return what the fill may use.

        What was set aside for a change waits for the venue's answer: if it refuses, the order has
        to be left with what it had. Only a fill that nothing but the change allows, by its size or
        by its price, proves that the order is the other one already. The last of it ends the order,
        whatever was asked for beside.
        """
        asked, rest = self.amendment, self.remaining
        if asked is None or fill.quantity == rest:
            return _Held(self.reserved, self.closing, rest)
        if fill.quantity > rest or self._is_beyond_limit(fill):
            return _Held(self.reserved, self.closing, _less(asked.quantity, self.filled))
        own = self.reserved - min(asked.reserved_more, self.reserved)
        return _Held(own, _less(self.closing, asked.closing_more), rest)

    def _is_beyond_limit(self, fill: Fill) -> bool:
        limit = self.ticket.limit_price
        if limit is None:
            return False
        return fill.price > limit if self.ticket.side is Side.BUY else fill.price < limit


@dataclass(frozen=True, slots=True)
class _Held:
    """What is set aside for so much that is not filled."""

    reserved: Money
    closing: Quantity
    rest: Quantity

    def used_by(self, quantity: Quantity) -> tuple[Money, Quantity]:
        """Return what a fill takes of it; the last one, or more than was asked, takes all."""
        if not self.rest or quantity >= self.rest:
            return self.reserved, self.closing
        # A fill closes first, and what closes had set no cash aside.
        closing_used = min(self.closing, quantity)
        opened, to_open = quantity - closing_used, self.rest - self.closing
        amount = share(self.reserved.amount, opened.value, to_open.value) if opened else ZERO
        return trusted_money(amount, self.reserved.currency), closing_used


def _less(one: Quantity, other: Quantity) -> Quantity:
    return one - other if one > other else _NOTHING
