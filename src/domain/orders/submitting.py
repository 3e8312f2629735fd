"""On the way to a venue: the intent, what came of it, and what the venue says it is."""

from __future__ import annotations

from datetime import datetime

from traderbot.domain.orders.doubt import BETWEEN_PROOFS, PROOFS_OF_ABSENCE
from traderbot.domain.orders.ending import Ending
from traderbot.domain.orders.errors import OrderClosedError, OrderNotSubmittableError
from traderbot.domain.orders.events import (
    OrderAccepted,
    OrderEvent,
    OrderNotFound,
    OrderSubmitting,
    OrderTriggered,
    OrderUnconfirmed,
    SubmissionDeferred,
    SubmissionUnknown,
    VenueAnswered,
)
from traderbot.domain.orders.lifecycle import OrderStatus
from traderbot.domain.shared.values import Price

RAW_LENGTH = 4096


class Submitting(Ending):
    """What may be decided of an order while it is sent, and until the venue has it."""

    def submit(self, venue: str, account: str, *, at: datetime) -> tuple[OrderEvent, ...]:
        """Intend to send it; whoever sends it does so after this is durable, and only once.

        Sent before, it is sent again only when the venue has proven that it has no such order.

        Raises:
            OrderClosedError: there is nothing to send any more.
            OrderNotSubmittableError: it is with a venue already or may be, it was approved for
                another one, or it was asked back.
        """
        if not self.status.is_open:
            raise OrderClosedError(self.id, self.status.value)
        proven = self.status is OrderStatus.UNKNOWN and self.is_proven_absent
        elsewhere = self.venue is not None and (
            self.venue != venue or (self.account is not None and self.account != account)
        )
        if (
            self.cancel_requested
            or elsewhere
            or not (proven or self.status is OrderStatus.APPROVED)
        ):
            raise OrderNotSubmittableError(self.id, self.status.value)
        return (
            OrderSubmitting(
                order_id=self.id,
                at=at,
                venue=venue,
                account=account,
                client_order_id=self.venue_client_id,
                attempt=self.attempts + 1,
            ),
        )

    def defer(
        self, reason: str, *, at: datetime, attempt: int | None = None
    ) -> tuple[OrderEvent, ...]:
        """Note that it was certainly not sent. Of an earlier try it says nothing."""
        if self.status is not OrderStatus.SUBMITTING or attempt not in (None, self.attempts):
            return ()
        deferred = SubmissionDeferred(order_id=self.id, at=at, attempt=self.attempts, reason=reason)
        if self.cancel_requested:  # nobody has it, so nobody needs to be asked
            return (deferred, *self.apply(deferred).cancel("asked for before it was sent", at=at))
        return (deferred,)

    def lose_sight(
        self, cause: str, *, at: datetime, attempt: int | None = None
    ) -> tuple[OrderEvent, ...]:
        """Note that nobody knows whether the venue has it. Hearing it late changes nothing."""
        if self.status is not OrderStatus.SUBMITTING or attempt not in (None, self.attempts):
            return ()
        return (SubmissionUnknown(order_id=self.id, at=at, attempt=self.attempts, cause=cause),)

    def note_not_found(self, *, at: datetime) -> tuple[OrderEvent, ...]:
        """Note that the venue has no such order; asked again too soon, it proves nothing new."""
        if self.doubt is None:
            return ()
        last = self.doubt.last_asked
        if last is not None and at - last < BETWEEN_PROOFS:
            return ()
        if self.doubt.not_found >= PROOFS_OF_ABSENCE:
            return ()
        return (OrderNotFound(order_id=self.id, at=at, times=self.doubt.not_found + 1),)

    def give_up(self, reason: str, *, at: datetime) -> tuple[OrderEvent, ...]:
        """Leave it to a person to find out. What is set aside stays set aside."""
        if self.status is not OrderStatus.UNKNOWN:
            return ()
        return (OrderUnconfirmed(order_id=self.id, at=at, reason=reason),)

    def hear(
        self, venue: str, call: str, outcome: str, raw: str, *, at: datetime
    ) -> tuple[OrderEvent, ...]:
        """Keep what the venue said, in its own words, cut at `RAW_LENGTH` characters."""
        return (
            VenueAnswered(
                order_id=self.id,
                at=at,
                venue=venue,
                call=call,
                outcome=outcome,
                raw=_storable(raw[:RAW_LENGTH]),
            ),
        )

    def accept(self, venue: str, venue_order_id: str, *, at: datetime) -> tuple[OrderEvent, ...]:
        """Note that the venue has it. Hearing it twice changes nothing."""
        if self.venue_order_id is not None and not self.status.is_doubtful:
            return ()
        if self.status in (OrderStatus.PLACED, OrderStatus.REFUSED):
            return ()
        return (OrderAccepted(order_id=self.id, at=at, venue=venue, venue_order_id=venue_order_id),)

    def trigger(self, price: Price, *, at: datetime) -> tuple[OrderEvent, ...]:
        """Note that the market reached its stop price. Hearing it twice changes nothing."""
        if self.triggered or not self.status.is_open or not self.ticket.kind.waits:
            return ()
        return (OrderTriggered(order_id=self.id, at=at, price=price),)


def _storable(text: str) -> str:
    """Return what a venue said as text every database takes: no NUL, no half of a character."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
