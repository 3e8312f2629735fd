"""The Order aggregate: from a wish to its end, by events only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from traderbot.domain.orders.errors import OrderClosedError
from traderbot.domain.orders.events import (
    OrderAccepted,
    OrderApproved,
    OrderCanceled,
    OrderEvent,
    OrderFilled,
    OrderPlaced,
    OrderRefused,
)
from traderbot.domain.orders.ticket import Check, Fill, Refused, Ticket, Verdict
from traderbot.domain.shared.decimals import EXACT, ZERO, canonical, share
from traderbot.domain.shared.errors import CorruptHistoryError
from traderbot.domain.shared.history import evolve, fold
from traderbot.domain.shared.ids import BotRunId, FillId, OrderId, UserId
from traderbot.domain.shared.values import Money, Quantity, trusted_money

_NOTHING = Quantity(0)


class OrderStatus(StrEnum):
    """Where an order is on its way."""

    PLACED = "placed"
    APPROVED = "approved"
    REFUSED = "refused"
    ACCEPTED = "accepted"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"

    @property
    def is_open(self) -> bool:
        """Whether the venue may still trade it."""
        return self in _OPEN


_ENDED = frozenset({OrderStatus.CANCELED, OrderStatus.REFUSED})
_OPEN = frozenset({OrderStatus.APPROVED, OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED})


@dataclass(frozen=True, kw_only=True)
class Order:
    """An order as its events have made it. Only `apply` makes the next one."""

    id: OrderId
    owner_id: UserId
    ticket: Ticket
    placed_at: datetime
    updated_at: datetime
    status: OrderStatus
    reserved: Money  # still set aside for what is not filled
    bot_run_id: BotRunId | None = None
    closing: Quantity = _NOTHING  # of what is not filled: how much reduces a position
    filled: Quantity = _NOTHING
    paid: Money  # sum of price times quantity over all fills
    fees: Money
    reasons: tuple[Check, ...] = ()
    fill_ids: frozenset[FillId] = frozenset()
    venue_order_id: str | None = None
    version: int = 1  # how many events made it

    @staticmethod
    def place(
        order_id: OrderId,
        owner_id: UserId,
        verdict: Verdict,
        *,
        at: datetime,
        bot_run_id: BotRunId | None = None,
    ) -> tuple[OrderEvent, ...]:
        """Open an order for a reviewed ticket. A refusal is recorded like any other fact."""
        placed = OrderPlaced(
            order_id=order_id,
            at=at,
            owner_id=owner_id,
            ticket=verdict.ticket,
            bot_run_id=bot_run_id,
        )
        if isinstance(verdict, Refused):
            return (placed, OrderRefused(order_id=order_id, at=at, reasons=verdict.reasons))
        approved = OrderApproved(
            order_id=order_id,
            at=at,
            reserved=verdict.reserved,
            closing=verdict.closing,
            reference=verdict.reference,
            checks=verdict.checks,
        )
        return (placed, approved)

    def accept(self, venue: str, venue_order_id: str, *, at: datetime) -> tuple[OrderEvent, ...]:
        """Note that the venue has it. Hearing it twice changes nothing."""
        if self.venue_order_id is not None:
            return ()
        return (OrderAccepted(order_id=self.id, at=at, venue=venue, venue_order_id=venue_order_id),)

    def record_fill(self, fill: Fill) -> tuple[OrderEvent, ...]:
        """Accept what the venue reports, even after a cancel. A known fill yields no event."""
        if fill.id in self.fill_ids:
            return ()
        rest = self.remaining
        if rest and fill.quantity < rest:
            # A fill closes first, and what closes had set no cash aside.
            closing_used = min(self.closing, fill.quantity)
            opened, to_open = fill.quantity - closing_used, rest - self.closing
            amount = share(self.reserved.amount, opened.value, to_open.value) if opened else ZERO
            used = trusted_money(amount, self.reserved.currency)
        else:  # the last of it, or more than was asked: nothing stays set aside
            used, closing_used = self.reserved, self.closing
        return (
            OrderFilled(
                order_id=self.id,
                at=fill.at,
                fill=fill,
                reservation_used=used,
                closing_used=closing_used,
            ),
        )

    def cancel(self, reason: str, *, at: datetime) -> tuple[OrderEvent, ...]:
        """Give up what is not filled yet. Asking twice is harmless.

        Raises:
            OrderClosedError: the order is already filled or refused.
        """
        if self.status is OrderStatus.CANCELED:
            return ()
        if not self.status.is_open:
            raise OrderClosedError(self.id, self.status.value)
        return (
            OrderCanceled(
                order_id=self.id,
                at=at,
                reason=reason,
                released=self.reserved,
                closing_released=self.closing,
            ),
        )

    @property
    def remaining(self) -> Quantity:
        """What the venue has not traded yet; nothing when it traded more than was asked."""
        if self.filled >= self.ticket.quantity:
            return _NOTHING
        return self.ticket.quantity - self.filled

    @property
    def average_price(self) -> Decimal | None:
        """What one unit cost on average, to 18 places; None before the first fill."""
        if not self.filled:
            return None
        average = EXACT.divide(self.paid.amount, self.filled.value)
        return canonical(average.quantize(Decimal(1).scaleb(-18), context=EXACT))

    @staticmethod
    def begin(event: OrderEvent) -> Order:
        """Return the order its first event opened.

        Raises:
            CorruptHistoryError: the history does not start with a placement.
        """
        if not isinstance(event, OrderPlaced):
            msg = f"order {event.order_id} starts with {type(event).__name__}"
            raise CorruptHistoryError(msg)
        nothing = Money.zero(event.ticket.symbol.quote)
        return Order(
            id=event.order_id,
            owner_id=event.owner_id,
            ticket=event.ticket,
            placed_at=event.at,
            updated_at=event.at,
            status=OrderStatus.PLACED,
            bot_run_id=event.bot_run_id,
            reserved=nothing,
            paid=nothing,
            fees=nothing,
        )

    def apply(self, event: OrderEvent) -> Order:
        """Return the order after `event`."""
        version = self.version + 1
        match event:
            case OrderFilled(fill=fill):
                return self._after_fill(event, fill)
            case OrderApproved():
                return evolve(
                    self,
                    version=version,
                    updated_at=event.at,
                    status=OrderStatus.APPROVED,
                    reserved=event.reserved,
                    closing=event.closing,
                )
            case OrderAccepted():
                status = (
                    OrderStatus.ACCEPTED if self.status is OrderStatus.APPROVED else self.status
                )
                return evolve(
                    self,
                    version=version,
                    updated_at=event.at,
                    status=status,
                    venue_order_id=event.venue_order_id,
                )
            case OrderCanceled():
                return evolve(
                    self,
                    version=version,
                    updated_at=event.at,
                    status=OrderStatus.CANCELED,
                    reserved=self.reserved - event.released,
                    closing=self.closing - event.closing_released,
                )
            case OrderRefused():
                return evolve(
                    self,
                    version=version,
                    updated_at=event.at,
                    status=OrderStatus.REFUSED,
                    reasons=event.reasons,
                )
            case OrderPlaced():
                msg = f"order {self.id} was placed twice"
                raise CorruptHistoryError(msg)

    def _after_fill(self, event: OrderFilled, fill: Fill) -> Order:
        filled = self.filled + fill.quantity
        if filled >= self.ticket.quantity:
            status = OrderStatus.FILLED
        elif self.status in _ENDED:
            status = self.status  # a late fill does not bring the rest back
        else:
            status = OrderStatus.PARTIALLY_FILLED
        return evolve(
            self,
            version=self.version + 1,
            updated_at=event.at,
            status=status,
            filled=filled,
            paid=self.paid + fill.price.notional(fill.quantity, self.ticket.symbol),
            fees=self.fees + fill.fee if fill.fee.currency == self.fees.currency else self.fees,
            reserved=self.reserved - event.reservation_used,
            closing=self.closing - event.closing_used,
            fill_ids=self.fill_ids | {fill.id},
        )

    @staticmethod
    def from_events(events: Iterable[OrderEvent]) -> Order:
        """Fold a whole history. Raises CorruptHistoryError."""
        return fold(Order.begin, events)
