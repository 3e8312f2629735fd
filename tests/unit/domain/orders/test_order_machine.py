"""An order and its hundred-line model, through everything that can happen, in any order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.builders import NOON, a_fill, an_order
from tests.reference.order_model import OrderModel
from traderbot.domain.orders.errors import OrderClosedError, OrderNotSubmittableError
from traderbot.domain.orders.events import OrderEvent, OrderFilled
from traderbot.domain.orders.lifecycle import EDGES, OrderStatus
from traderbot.domain.orders.order import Order
from traderbot.domain.shared.values import Quantity

_RESERVED = Decimal(1000)


class OrderMachine(RuleBasedStateMachine):
    """Does the same to both, and compares."""

    order: Order
    model: OrderModel

    @initialize(quantity=st.integers(1, 20))
    def begin(self, quantity: int) -> None:
        self.now = NOON
        self.order = an_order(quantity=str(quantity), reserved=f"{_RESERVED} USD")
        self.model = OrderModel(quantity=Decimal(quantity), reserved=_RESERVED)
        self.released = Decimal(0)

    def later(self) -> datetime:
        self.now += timedelta(seconds=6)
        return self.now

    def take(self, events: Sequence[OrderEvent], *, counted: bool) -> None:
        assert bool(events) is counted, (self.order.status, events)
        for event in events:
            before = self.order
            self.order = before.apply(event)
            assert self.order.status in EDGES[before.status, type(event)]
            assert self.order.version == before.version + 1
            if isinstance(event, OrderFilled):
                self.released += event.reservation_used.amount
            else:
                released = getattr(event, "released", None)
                self.released += released.amount if released is not None else 0

    @rule()
    def submit(self) -> None:
        try:
            events = self.order.submit("paper", "main", at=self.later())
        except (OrderClosedError, OrderNotSubmittableError):
            events = ()
        self.take(events, counted=self.model.submit())

    @rule()
    def defer(self) -> None:
        self.take(self.order.defer("away", at=self.later()), counted=self.model.defer())

    @rule()
    def lose_sight(self) -> None:
        self.take(self.order.lose_sight("503", at=self.later()), counted=self.model.lose_sight())

    @rule()
    def not_found(self) -> None:
        events = self.order.note_not_found(at=self.later())
        self.take(events, counted=self.model.not_found_now())

    @rule()
    def give_up(self) -> None:
        self.take(self.order.give_up("why", at=self.later()), counted=self.model.give_up())

    @rule()
    def accept(self) -> None:
        events = self.order.accept("paper", "venue-1", at=self.later())
        self.take(events, counted=self.model.accept())

    @rule(name=st.sampled_from("abcdefgh"), quantity=st.integers(1, 12))
    def fill(self, name: str, quantity: int) -> None:
        fill = a_fill(fill_id=name, quantity=str(quantity))
        counted = self.model.fill(name, Decimal(quantity))
        self.take(self.order.record_fill(fill), counted=counted)

    @rule()
    def request_cancel(self) -> None:
        try:
            events = self.order.request_cancel("asked", at=self.later())
        except OrderClosedError:
            events = ()
        self.take(events, counted=self.model.request_cancel())

    @rule()
    def refuse_cancel(self) -> None:
        events = self.order.refuse_cancel("too late", at=self.later())
        self.take(events, counted=self.model.refuse_cancel())

    @rule(how=st.sampled_from(["canceled", "expired", "rejected"]))
    def end(self, how: str) -> None:
        at = self.later()
        try:
            if how == "canceled":
                events = self.order.cancel("by the venue", at=at)
            elif how == "expired":
                events = self.order.expire("over", at=at)
            else:
                events = self.order.reject("NO", "no", at=at)
        except OrderClosedError:
            events = ()
        self.take(events, counted=self.model.end(how))

    @invariant()
    def they_agree(self) -> None:
        order, model = self.order, self.model
        assert order.status == model.status
        assert order.filled.value == model.filled
        assert order.attempts == model.attempts
        assert order.fill_ids == model.known
        assert order.remaining == Quantity(max(model.quantity - model.filled, Decimal(0)))
        assert abs(order.reserved.amount - model.reserved) < Decimal("1e-12")

    @invariant()
    def what_was_set_aside_is_used_released_or_still_there(self) -> None:
        assert self.order.reserved.amount + self.released == _RESERVED
        assert self.order.reserved.amount >= 0
        if not self.order.status.is_open:
            assert not self.order.reserved

    @invariant()
    def a_status_is_one_that_fits(self) -> None:
        if self.order.status is OrderStatus.FILLED:
            assert self.order.filled >= self.order.ticket.quantity


# 1,000 sequences of 50 steps.
TestOrderMachine = OrderMachine.TestCase
TestOrderMachine.settings = settings(max_examples=1_000, stateful_step_count=50)
