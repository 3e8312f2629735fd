"""Sending an order, and what a venue says of it: first the intent, then evidence, then fact.

`BeginSubmission` makes the intent durable before anything is sent. `RecordVenueAnswer` keeps the
venue's words together with what follows from them. Hearing the same twice records nothing twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from traderbot.application.commands.exits import claimant_beside
from traderbot.application.commands.releasing import record_released
from traderbot.application.errors import NotFoundError
from traderbot.application.gate import Gate
from traderbot.application.ports.clock import Clock
from traderbot.application.ports.commands import Command
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.application.views import OrderView
from traderbot.domain.orders.events import OrderEvent
from traderbot.domain.orders.order import Order
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.shared.ids import OrderId
from traderbot.domain.shared.values import Price


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginSubmission(Command[OrderView]):
    """An approved order is about to be sent to a venue.

    `must_reduce`: the venue has no reduce-only orders, so none may leave that would not reduce.
    The answer is `submitting` if it may be sent, `rejected` if it would not reduce, and as it was
    while another order is at the venue for the same units.
    """

    order_id: OrderId
    venue: str
    account: str
    must_reduce: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginSubmissionHandler:
    """Handles `BeginSubmission`. Whoever gets an answer sends the order once, and nobody else."""

    clock: Clock
    gate: Gate

    def __call__(self, command: BeginSubmission, unit: UnitOfWork) -> OrderView:
        """Return the order, about to be sent.

        Raises:
            NotFoundError: there is no such order.
            OrderClosedError: there is nothing to send any more.
            OrderNotSubmittableError: it is with a venue already, or may be.
            TradingHaltedError, TradingReducingError: it must not go out now.
        """
        order = unit.orders.find(command.order_id)
        if order is None:
            raise NotFoundError("order", command.order_id)
        at = self.clock.now()
        events = order.submit(command.venue, command.account, at=at)
        # In the transaction of the intent: a halt is before it, or after it, and never beside it.
        self.gate.ensure_may_send(order, command.venue, unit, at)
        if command.must_reduce and order.ticket.reduce_only:
            beside = claimant_beside(order, unit)
            if beside is not None and beside.status.is_open:
                return OrderView.of(order)
            portfolio = unit.portfolios.find(order.ticket.portfolio_id)
            assert portfolio is not None  # noqa: S101 - no order is without one
            refused = _unless_it_reduces(order, portfolio, at)
            if refused:
                after = unit.orders.record(order.id, refused)
                record_released(unit, order, refused, self.gate)
                return OrderView.of(after)
        return OrderView.of(unit.orders.record(order.id, events))


def _unless_it_reduces(order: Order, portfolio: Portfolio, at: datetime) -> Sequence[OrderEvent]:
    """Return its rejection if what is left of it closes more than there is to close."""
    ticket = order.ticket
    room = portfolio.position_in(ticket.symbol).closable(ticket.side) + order.closing
    if order.remaining <= room:
        return ()
    reason = f"it only reduces, and {order.remaining} of it is more than the {room} left to close"
    return order.reject("REDUCE_ONLY", reason, at=at)


class Heard(StrEnum):
    """How a venue's answer was read."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    NOT_SENT = "not_sent"
    UNCLEAR = "unclear"
    NOT_FOUND = "not_found"
    TRIGGERED = "triggered"
    CANCELED = "canceled"
    CANCEL_REFUSED = "cancel_refused"
    EXPIRED = "expired"
    AMENDED = "amended"
    AMEND_REFUSED = "amend_refused"
    GIVEN_UP = "given_up"  # not the venue's word but ours: a person has to look


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordVenueAnswer(Command[OrderView]):
    """A venue said something about an order, or could not be made to.

    `call` is what was asked: submit, cancel, amend, find, list or stream. `raw` is what came back.
    """

    order_id: OrderId
    venue: str
    call: str
    heard: Heard
    at: datetime | None = None  # now, unless the venue lives in another time
    raw: str = ""
    reason: str = ""
    code: str = ""
    venue_order_id: str | None = None
    price: Price | None = None
    attempt: int | None = None  # which try it answers; None: it is about the order, not a call


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordVenueAnswerHandler:
    """Handles `RecordVenueAnswer`."""

    clock: Clock
    gate: Gate

    def __call__(self, command: RecordVenueAnswer, unit: UnitOfWork) -> OrderView:
        """Return the order after the answer; what says nothing new records nothing.

        Raises:
            NotFoundError: there is no such order.
        """
        order = unit.orders.find(command.order_id)
        if order is None:
            raise NotFoundError("order", command.order_id)
        at = command.at or self.clock.now()
        follows = _what_follows(order, command, at)
        if not follows:
            return OrderView.of(order)
        said: Sequence[OrderEvent] = ()
        if command.raw:
            said = order.hear(command.venue, command.call, command.heard.value, command.raw, at=at)
        after = unit.orders.record(order.id, (*said, *follows))
        record_released(unit, order, follows, self.gate)
        return OrderView.of(after)


def _what_follows(  # noqa: PLR0911 - one for each thing that may be heard
    order: Order, it: RecordVenueAnswer, at: datetime
) -> Sequence[OrderEvent]:
    match it.heard:
        case Heard.ACCEPTED:
            return order.accept(it.venue, it.venue_order_id or "", at=at)
        case Heard.REJECTED:
            return order.reject(it.code, it.reason, at=at)
        case Heard.NOT_SENT:
            return order.defer(it.reason, at=at, attempt=it.attempt)
        case Heard.UNCLEAR:
            return order.lose_sight(it.reason, at=at, attempt=it.attempt)
        case Heard.TRIGGERED:
            return () if it.price is None else order.trigger(it.price, at=at)
        case Heard.GIVEN_UP:
            return order.give_up(it.reason, at=at)
        case Heard.AMENDED | Heard.AMEND_REFUSED:
            return _of_amendment(order, it, at)
        case _:
            return _of_end(order, it, at)


def _of_end(order: Order, it: RecordVenueAnswer, at: datetime) -> Sequence[OrderEvent]:
    match it.heard:
        case Heard.NOT_FOUND:
            return order.note_not_found(at=at)
        case Heard.CANCELED if order.status.is_open:
            return order.cancel(it.reason, at=at)
        case Heard.CANCEL_REFUSED:
            return order.refuse_cancel(it.reason, at=at)
        case Heard.EXPIRED:
            return order.expire(it.reason, at=at)
        case _:
            return ()


def _of_amendment(order: Order, it: RecordVenueAnswer, at: datetime) -> Sequence[OrderEvent]:
    if it.heard is Heard.AMENDED:
        return order.amend(at=at)
    if not order.status.is_open:  # filled meanwhile: there is nothing that could have been changed
        return ()
    return order.refuse_amend(it.reason, at=at)
