"""Orders nobody can say the state of: the venue is asked by client order id until it says.

Only evidence ends a doubt. The venue has it, or has ended it: that is recorded. The venue says
twice, some seconds apart and after it would have shown it, that it has no such order: then it is
sent once more under the same name, which a venue that has it after all refuses. Anything else:
a person is called, and the asking goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import assert_never

from traderbot.application.commands.venue_answers import Heard
from traderbot.application.ports.clock import Clock
from traderbot.application.ports.venue import (
    Absent,
    Acknowledged,
    NotSent,
    Unclear,
    WorkingOrder,
)
from traderbot.application.trading.alarms import Alarm, AlarmKind
from traderbot.application.trading.booking import Booking
from traderbot.application.trading.pace import DeskPace
from traderbot.domain.orders.lifecycle import OrderStatus
from traderbot.domain.orders.order import PROOFS_OF_ABSENCE
from traderbot.domain.shared.ids import OrderId

MOST_TRIES = 2  # how often one order may leave


@dataclass(slots=True)
class _Question:
    """What this process knows of one doubt."""

    since: float
    next_at: float
    asked: int = 0


@dataclass(slots=True)
class Asking:
    """Asks one venue about orders in doubt, each at its own pace."""

    booking: Booking
    pace: DeskPace
    monotonic: Callable[[], float]
    clock: Clock
    _open: dict[OrderId, _Question] = field(default_factory=dict)

    def is_due(self, order: WorkingOrder) -> bool:
        """Whether it is time to ask about this order."""
        now = self.monotonic()
        question = self._open.get(order.order_id)
        if question is None:
            question = self._open[order.order_id] = _Question(since=now, next_at=now)
        return now >= question.next_at

    def settled(self, still_in_doubt: set[OrderId]) -> None:
        """Forget every doubt but these."""
        for order_id in self._open.keys() - still_in_doubt:
            del self._open[order_id]

    def ask(self, order: WorkingOrder) -> bool:
        """Ask once. True: it may be sent again, for the venue has proven that it has it not."""
        question = self._open.setdefault(
            order.order_id, _Question(since=self.monotonic(), next_at=0.0)
        )
        question.asked += 1
        question.next_at = self.monotonic() + self.pace.pause(question.asked)
        answer = self.booking.hearing.venue.find(order)
        match answer:
            case Acknowledged(order=theirs):
                self.booking.take(theirs, "find")
            case Absent(raw=raw):
                return self._not_found(order, raw, question)
            case NotSent(reason=reason):
                self._nothing_said(order, question, reason)
            case Unclear(cause=cause):
                self._nothing_said(order, question, cause)
            case _:
                assert_never(answer)
        return False

    def watch(self, order: WorkingOrder) -> None:
        """Call a person about a doubt that lasts too long, also while nothing is answered."""
        since = order.doubt.since if order.doubt is not None else order.updated_at
        if since is None or (self.clock.now() - since).total_seconds() <= self.pace.give_up:
            return
        if order.status is OrderStatus.SUBMITTING:  # whoever sent it has not come back
            why = "nobody heard the answer"
            self.booking.hearing.record(order.order_id, "find", Heard.UNCLEAR, reason=why)
        elif order.status is not OrderStatus.UNKNOWN:
            return
        self._give_up(order, "the venue has not answered")

    def _not_found(self, order: WorkingOrder, raw: str, question: _Question) -> bool:
        hearing = self.booking.hearing
        if order.status is OrderStatus.SUBMITTING:
            # The call may still be on its way: only then do its answers count as proof.
            hearing.record(
                order.order_id, "find", Heard.UNCLEAR, raw=raw, reason="nobody heard the answer"
            )
            question.since = self.monotonic()
            return False
        after = hearing.record(order.order_id, "find", Heard.NOT_FOUND, raw=raw)
        if order.status is OrderStatus.UNKNOWN:  # it answers: the proof is a matter of seconds
            question.next_at = self.monotonic() + self.pace.between_proofs
        waited = self.monotonic() - question.since
        if after.not_found < PROOFS_OF_ABSENCE or waited < self.pace.horizon:
            self._call_a_person(order, question, "the venue does not know it, and may be late")
            return False
        if after.cancel_requested:
            reason = "it never reached the venue"
            hearing.record(order.order_id, "find", Heard.CANCELED, raw=raw, reason=reason)
            return False
        fresh = self.clock.now() - order.placed_at < timedelta(seconds=self.pace.send_again)
        if fresh and after.attempts < MOST_TRIES and after.status == OrderStatus.UNKNOWN.value:
            del self._open[order.order_id]  # the next doubt is a new one
            return True
        question.since = self.monotonic() - self.pace.give_up  # there is nothing to wait for
        why = "sent twice, and the venue knows of neither"
        if not fresh:
            why = "the venue does not know it, and it is too old to be sent again"
        self._call_a_person(order, question, why)
        return False

    def _nothing_said(self, order: WorkingOrder, question: _Question, why: str) -> None:
        if order.status is OrderStatus.SUBMITTING:  # whoever sent it is gone: it is in doubt
            self.booking.hearing.record(order.order_id, "find", Heard.UNCLEAR, reason=why)
        self._call_a_person(order, question, why)

    def _call_a_person(self, order: WorkingOrder, question: _Question, why: str) -> None:
        if order.status is not OrderStatus.UNKNOWN:
            return
        if self.monotonic() - question.since >= self.pace.give_up:
            self._give_up(order, why)

    def _give_up(self, order: WorkingOrder, why: str) -> None:
        hearing = self.booking.hearing
        hearing.record(order.order_id, "find", Heard.GIVEN_UP, reason=why)
        hearing.alarms(
            Alarm(
                kind=AlarmKind.UNCONFIRMED,
                venue=hearing.venue.name,
                key=f"{order.order_id}:unconfirmed",
                sentence=f"order {order.order_id} may be at the venue or not: {why}",
                order_id=order.order_id,
            )
        )
