"""One order on its way out: intent durable first, one call, and the answer on record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from traderbot.application.commands.venue_answers import BeginSubmission, Heard
from traderbot.application.errors import StaleAggregateError
from traderbot.application.ports.venue import (
    Absent,
    Acknowledged,
    ChangeAnswer,
    Denied,
    NotSent,
    SubmitAnswer,
    Unclear,
    WorkingOrder,
)
from traderbot.application.trading.alarms import Alarm, AlarmKind
from traderbot.application.trading.hearing import Hearing
from traderbot.application.views import OrderView
from traderbot.domain.orders.errors import OrderClosedError, OrderNotSubmittableError
from traderbot.domain.orders.lifecycle import OrderStatus
from traderbot.domain.shared.errors import DomainError
from traderbot.domain.shared.ids import OrderId

DIFFERENT = "what would be sent is not what was approved"


@dataclass(frozen=True, slots=True)
class Held:
    """It must not leave now."""


@dataclass(frozen=True, slots=True)
class Sending:
    """Sends orders to one venue, and changes them there."""

    hearing: Hearing
    monotonic: Callable[[], float]
    deadline: float

    def submit(self, order: WorkingOrder) -> SubmitAnswer | Held | None:
        """Send an order, if it is still ours to send; None if it is not.

        The intent is good for `deadline` seconds. Whoever was suspended for longer sends nothing:
        others may have asked the venue since, and sent it again.
        """
        hearing, venue = self.hearing, self.hearing.venue
        began = self.monotonic()
        try:
            intent = hearing.executor.run(
                BeginSubmission(
                    order_id=order.order_id,
                    venue=venue.name,
                    account=venue.account,
                    must_reduce=not venue.abilities.reduce_only,
                ),
                hearing.origin,
            )
        except (OrderClosedError, OrderNotSubmittableError, StaleAggregateError):
            return None  # somebody was faster; that is what the intent is for
        except DomainError:
            return Held()  # trading is halted: it stays approved until it is resumed or canceled
        if intent.status != OrderStatus.SUBMITTING.value:
            # Another order is at the venue for the same units; or it would not reduce anything.
            return Held() if intent.status == OrderStatus.APPROVED.value else None
        # As it stands with the intent: somebody may have changed it since it was looked up.
        sent = hearing.views.sent_order(order.order_id)
        if sent is None or not _is_same(intent, sent):
            return self._refuse_to_send(order)
        if self.monotonic() - began > self.deadline:
            late = NotSent(reason="too long ago")
            self._heard_of_submission(intent, late)
            return late
        answer = venue.submit(sent)
        self._heard_of_submission(intent, answer)
        return answer

    def amend(self, order: WorkingOrder) -> ChangeAnswer:
        """Ask for the change that is on record."""
        hearing = self.hearing
        hearing.will_change(order)
        answer = hearing.venue.amend(order)
        match answer:
            case Acknowledged(order=theirs):
                hearing.record(order.order_id, "amend", Heard.AMENDED, raw=theirs.raw)
                hearing.take_order(theirs, "amend")
            case Denied(reason=reason, raw=raw):
                hearing.record(order.order_id, "amend", Heard.AMEND_REFUSED, raw=raw, reason=reason)
            case Absent(raw=raw):
                hearing.record(
                    order.order_id,
                    "amend",
                    Heard.AMEND_REFUSED,
                    raw=raw,
                    reason="the venue has no such order",
                )
            case NotSent() | Unclear():
                pass
            case _:
                assert_never(answer)
        return answer

    def _heard_of_submission(self, intent: OrderView, answer: SubmitAnswer) -> None:
        hearing, order_id, attempt = self.hearing, OrderId(intent.order_id), intent.attempts
        match answer:
            case Acknowledged(order=theirs):
                hearing.record(
                    order_id,
                    "submit",
                    Heard.ACCEPTED,
                    raw=theirs.raw,
                    venue_order_id=theirs.venue_order_id,
                )
                hearing.take_order(theirs, "submit")
            case Denied(code=code, reason=reason, raw=raw) if attempt == 1:
                hearing.record(
                    order_id, "submit", Heard.REJECTED, raw=raw, reason=reason, code=code
                )
            case Denied(reason=cause, raw=raw) | Unclear(cause=cause, raw=raw):
                # What is said of a second try says nothing of the first.
                hearing.record(
                    order_id, "submit", Heard.UNCLEAR, raw=raw, reason=cause, attempt=attempt
                )
            case NotSent(reason=reason):
                hearing.record(order_id, "submit", Heard.NOT_SENT, reason=reason, attempt=attempt)
            case _:
                assert_never(answer)

    def _refuse_to_send(self, order: WorkingOrder) -> SubmitAnswer:
        hearing = self.hearing
        reason = DIFFERENT
        hearing.record(order.order_id, "submit", Heard.NOT_SENT, reason=reason)
        hearing.alarms(
            Alarm(
                kind=AlarmKind.DIFFERENT_ORDER,
                venue=hearing.venue.name,
                key=f"{order.order_id}:different",
                sentence=f"order {order.order_id}: {reason}",
                order_id=order.order_id,
            )
        )
        return NotSent(reason=reason)


def _is_same(intent: OrderView, order: WorkingOrder) -> bool:
    """Whether the row that would be sent says what the log has approved."""
    ticket = order.ticket
    limit, stop = ticket.limit_price, ticket.stop_price
    return (
        intent.symbol == ticket.symbol.code
        and intent.side == ticket.side.value
        and intent.type == ticket.kind.value
        and intent.quantity == str(ticket.quantity)
        and intent.limit_price == (None if limit is None else str(limit))
        and intent.stop_price == (None if stop is None else str(stop))
        and intent.time_in_force == ticket.time_in_force.value
        and intent.remaining == str(order.remaining)
        and intent.post_only is ticket.post_only
        and intent.reduce_only is ticket.reduce_only
        and intent.expires_at == ticket.expires_at
    )
