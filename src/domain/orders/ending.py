"""How an order ends without being filled: asked back, expired, or not wanted by the venue."""

from __future__ import annotations

from datetime import datetime

from traderbot.domain.orders.errors import OrderClosedError
from traderbot.domain.orders.events import (
    CancelRefused,
    CancelRequested,
    OrderCanceled,
    OrderEvent,
    OrderExpired,
    OrderRejected,
)
from traderbot.domain.orders.lifecycle import OrderStatus
from traderbot.domain.orders.order_state import OrderState


class Ending(OrderState):
    """What may be decided of an order that shall not, or cannot, go on."""

    def request_cancel(self, reason: str, *, at: datetime) -> tuple[OrderEvent, ...]:
        """Want back what is not filled. What no venue has is canceled at once.

        Asking twice is harmless.

        Raises:
            OrderClosedError: the order is already filled, refused, rejected or expired.
        """
        if self.status is OrderStatus.CANCELED or self.cancel_requested:
            return ()
        if not self.status.is_with_venue:
            return self.cancel(reason, at=at)
        return (CancelRequested(order_id=self.id, at=at, reason=reason),)

    def refuse_cancel(self, reason: str, *, at: datetime) -> tuple[OrderEvent, ...]:
        """Note that the venue keeps it working. Not asked for, it changes nothing."""
        if self.status is not OrderStatus.PENDING_CANCEL:
            return ()
        return (CancelRefused(order_id=self.id, at=at, reason=reason),)

    def cancel(self, reason: str, *, at: datetime) -> tuple[OrderEvent, ...]:
        """Note that what is not filled will not be. Hearing it twice is harmless.

        Raises:
            OrderClosedError: the order is already filled, refused, rejected or expired.
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

    def expire(self, reason: str, *, at: datetime) -> tuple[OrderEvent, ...]:
        """Note that its time is over. Of an order that ended, it changes nothing."""
        if not self.status.is_open:
            return ()
        return (
            OrderExpired(
                order_id=self.id,
                at=at,
                reason=reason,
                released=self.reserved,
                closing_released=self.closing,
            ),
        )

    def reject(self, code: str, reason: str, *, at: datetime) -> tuple[OrderEvent, ...]:
        """Note that the venue does not want it. Of an order that ended, it changes nothing."""
        if not self.status.is_open:
            return ()
        return (
            OrderRejected(
                order_id=self.id,
                at=at,
                code=code,
                reason=reason,
                released=self.reserved,
                closing_released=self.closing,
            ),
        )
