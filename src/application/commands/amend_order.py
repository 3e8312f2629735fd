"""Change an order that is not filled yet: its quantity, its limit price, its stop price."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from traderbot.application.commands.exits import claimant_beside, without_claim
from traderbot.application.commands.placing import ensure_active, measured_with
from traderbot.application.commands.releasing import record_released
from traderbot.application.errors import NotFoundError
from traderbot.application.gate import Asked, Gate, record_lapsed, record_stop
from traderbot.application.ports.clock import Clock
from traderbot.application.ports.commands import Command
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.application.views import OrderView, ReasonView
from traderbot.domain.orders.errors import InvalidTicketError, OrderClosedError
from traderbot.domain.orders.events import AmendRefused, AmendRequested, OrderAmended, OrderEvent
from traderbot.domain.orders.order import Amendment, Order
from traderbot.domain.orders.ticket import Approved, Check, Ticket, Verdict
from traderbot.domain.portfolio.events import ExposureReleased
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.shared.ids import OrderId, UserId
from traderbot.domain.shared.values import Money, Price, Quantity

# amended: it is done. requested: the venue was not asked yet, or has not answered.
# refused: by the gate, and `reasons` say why. unchanged: it is like that already.
Outcome = Literal["amended", "requested", "refused", "unchanged"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendmentView:
    """The order after a wish to change it, and what became of the wish."""

    order: OrderView
    outcome: Outcome
    reasons: tuple[ReasonView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendOrder(Command[AmendmentView]):
    """Somebody wants an order changed. What is None stays; a quantity counts fills too."""

    owner_id: UserId
    order_id: OrderId
    quantity: Quantity | None = None
    limit_price: Price | None = None
    stop_price: Price | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendOrderHandler:
    """Handles `AmendOrder`. A refusal by the gate is an answer, and recorded; the order stays."""

    gate: Gate
    clock: Clock

    def __call__(self, command: AmendOrder, unit: UnitOfWork) -> AmendmentView:
        """Return the order, changed, or about to be if a venue has it.

        Raises:
            NotFoundError: there is no such order of this owner.
            NotAllowedError: the owner was deactivated.
            InvalidTicketError: no such order could be: a market order has no limit price.
            OrderClosedError: it has ended.
            OrderNotSubmittableError: its state is in doubt, or another change is on its way.
        """
        ensure_active(unit, command.owner_id)
        order = unit.orders.find(command.order_id)
        if order is None or order.owner_id != command.owner_id:
            raise NotFoundError("order", command.order_id)
        if not order.status.is_open:
            raise OrderClosedError(order.id, order.status.value)
        wanted = _wanted(order, command)
        if _is_so_already(order, wanted):
            return AmendmentView(order=OrderView.of(order), outcome="unchanged")
        left = _left_to_fill(order, wanted)
        at = self.clock.now()
        # Whatever the gate will say: an order that cannot be changed now is not reviewed at all.
        order.request_amend(wanted, _as_it_is(order), at=at)
        portfolio = unit.portfolios.find(order.ticket.portfolio_id)
        if portfolio is None:
            raise NotFoundError("portfolio", order.ticket.portfolio_id)
        verdict = self._reviewed(order, left, portfolio, unit, at)
        if isinstance(verdict, Approved):
            events = order.request_amend(wanted, verdict, at=at)
            return _recorded(order, events, portfolio, unit)
        refused = unit.orders.record(order.id, (_refusal(order, verdict.reasons, at),))
        reasons = tuple(ReasonView(it.code, it.limit, it.value) for it in verdict.reasons)
        return AmendmentView(order=OrderView.of(refused), outcome="refused", reasons=reasons)

    def _reviewed(
        self, order: Order, left: Ticket, portfolio: Portfolio, unit: UnitOfWork, at: datetime
    ) -> Verdict:
        """Ask the gate about what would be left, as if the order were not there any more."""
        controls = self.gate.controls(unit, portfolio.id, order.bot_run_id)
        asked = Asked(
            ticket=left,
            reference=measured_with(left, None, self.gate, unit),
            at=at,
            controls=record_lapsed(controls, unit, at),
            itself=order.id,
            holds=order.reserved.amount,
        )
        seen, beside = without(portfolio, order, at), claimant_beside(order, unit)
        if beside is not None:
            seen = without_claim(seen, beside)
        answered = self.gate.ask(asked, seen, unit)
        if answered.stop is not None:
            record_stop(
                answered.stop,
                unit,
                at,
                venue=self.gate.venue,
                portfolio_id=portfolio.id,
                bot_run_id=order.bot_run_id,
            )
        verdict = answered.verdict
        if isinstance(verdict, Approved) and beside is not None:
            return replace(verdict, closing=Quantity(0))  # what the other has claimed covers both
        return verdict


def without(portfolio: Portfolio, order: Order, at: datetime) -> Portfolio:
    """Return the portfolio as it would be if this order had never set anything aside.

    It is only looked at: what the order holds is free for the order itself, and counted once.
    """
    return portfolio.apply(
        ExposureReleased(
            portfolio_id=portfolio.id,
            at=at,
            order_id=order.id,
            symbol=order.ticket.symbol,
            cash=order.reserved,
            closing=order.closing,
            side=order.ticket.side if order.closing else None,
        )
    )


def _wanted(order: Order, command: AmendOrder) -> Amendment:
    ticket = order.ticket
    if command.quantity is None and command.limit_price is None and command.stop_price is None:
        msg = "say what to change: the quantity, the limit price or the stop price"
        raise InvalidTicketError(msg)
    if command.quantity is not None and order.oco_group is not None:
        msg = "its quantity is that of the fill it is an exit of; change a price, or cancel it"
        raise InvalidTicketError(msg)
    if command.stop_price is not None and order.triggered:
        msg = f"the market has reached the stop price {ticket.stop_price}; change its limit price"
        raise InvalidTicketError(msg)
    return Amendment(
        quantity=ticket.quantity if command.quantity is None else command.quantity,
        limit_price=command.limit_price or ticket.limit_price,
        stop_price=command.stop_price or ticket.stop_price,
    )


def _is_so_already(order: Order, wanted: Amendment) -> bool:
    on_its_way = order.amendment
    now = order.ticket if on_its_way is None else on_its_way
    return (now.quantity, now.limit_price, now.stop_price) == (
        wanted.quantity,
        wanted.limit_price,
        wanted.stop_price,
    )


def _left_to_fill(order: Order, wanted: Amendment) -> Ticket:
    """Return the amended ticket with what would be left of it to fill. Raises as the ticket."""
    if wanted.quantity <= order.filled:
        msg = f"{order.filled} of it is filled; to have no more of it, cancel the order"
        raise InvalidTicketError(msg)
    return replace(
        order.ticket,
        quantity=wanted.quantity - order.filled,
        limit_price=wanted.limit_price,
        stop_price=wanted.stop_price,
    )


def _as_it_is(order: Order) -> Approved:
    """Return a yes to what the order holds, which is what no gate has to be asked for."""
    return Approved(
        ticket=order.ticket,
        reserved=order.reserved,
        closing=order.closing,
        reference=Price(1),
        checks=(),
    )


def _refusal(order: Order, reasons: tuple[Check, ...], at: datetime) -> AmendRefused:
    said = "; ".join(f"{it.code}: limit {it.limit}, value {it.value}" for it in reasons)
    return AmendRefused(
        order_id=order.id,
        at=at,
        reason=f"refused by the gate: {said}",
        released=Money.zero(order.reserved.currency),
        closing_released=Quantity(0),
    )


def _recorded(
    order: Order, events: tuple[OrderEvent, ...], portfolio: Portfolio, unit: UnitOfWork
) -> AmendmentView:
    after = unit.orders.record(order.id, events)
    asked = events[0]
    assert isinstance(asked, AmendRequested)  # noqa: S101 - what `request_amend` begins with
    reserved = portfolio.reserve_more(order.ticket, asked)
    if reserved:
        unit.portfolios.record(portfolio.id, reserved)
    record_released(unit, order, events)
    done = isinstance(events[-1], OrderAmended)
    return AmendmentView(order=OrderView.of(after), outcome="amended" if done else "requested")
