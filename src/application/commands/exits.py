"""The exits of a fill: placed with it, and kept in step with each other (docs/decisions/0026).

Each fill of an order that has exits gets a stop and a limit order of its own, which only reduce.
They are a pair: both may close the same units, so one claim in the portfolio covers both, and it is
the stop's. What the limit order trades makes the stop smaller; once the stop trades, the limit
order is asked back; and when nothing is left to close, so is whatever still works.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import Final

from traderbot.application.commands.freeing import free
from traderbot.application.commands.placing import PAPER
from traderbot.application.gate import Asked, Gate, record_alarm, record_stop
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.domain.orders.events import AmendRefused, AmendRequested, OrderApproved, OrderEvent
from traderbot.domain.orders.lifecycle import EDGES, OrderStatus
from traderbot.domain.orders.order import Amendment, Order
from traderbot.domain.orders.ticket import (
    Approved,
    Check,
    OrderKind,
    Refused,
    Side,
    Ticket,
    Verdict,
)
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.risk.policies_order import not_a_duplicate
from traderbot.domain.shared.errors import TraderbotError
from traderbot.domain.shared.history import evolve
from traderbot.domain.shared.ids import OrderId
from traderbot.domain.shared.values import Price, Quantity

_log = logging.getLogger(__name__)

# An exit belongs to one fill, which is booked once: it cannot be a wish sent twice, though others
# look the same.
_NOT_OF_EXITS: Final = (not_a_duplicate,)
EXIT_REFUSED: Final = "EXIT_REFUSED"  # the cause of the alarm: something is held without its exit
_NUMBER: Final = 3  # the last digits of an id number the members of a pair
_NOTHING: Final = Quantity(0)
_TRADED: Final = "the other exit of the fill is traded"
_SMALLER: Final = "the rest of what it protects is less by now"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """One exit that shall be placed."""

    id: OrderId
    parent: Order
    ticket: Ticket
    price: Price
    group: str | None
    at: datetime
    beside: Order | None = None  # the other one of the pair, if it claims already


def place_exits(parent: Order, opened: Quantity, id_: str, unit: UnitOfWork, gate: Gate) -> None:
    """Place the exits of the newest fill of an order, which `opened` so much of a position.

    They are recorded if the gate refuses them: then the fill stands without its protection, and
    that is an error in the log of the program. `id_` is new; its last digits number the exits.
    """
    exits = parent.ticket.exits
    if exits is None or not opened:
        return
    both = exits.take_profit is not None and exits.stop_loss is not None
    group = f"{parent.id}:{len(parent.fill_ids)}" if both else None
    first: Order | None = None
    kinds = ((OrderKind.STOP, exits.stop_loss), (OrderKind.LIMIT, exits.take_profit))
    for kind, price in kinds:
        if price is None:
            continue
        wanted = _Wanted(
            id=_numbered(id_, 1 if first is None else 2),
            parent=parent,
            ticket=_ticket(parent, kind, price, opened),
            price=price,
            group=group,
            at=parent.updated_at,  # when it was filled
            beside=first,
        )
        first = _place(wanted, unit, gate)


def settle(
    order: Order,
    events: Sequence[OrderEvent],
    unit: UnitOfWork,
    at: datetime,
    gate: Gate | None = None,
) -> None:
    """Keep a pair in step after `events` of one of its orders. Asked twice, it does nothing more.

    Without a gate nothing is placed anew: only who sends orders ever has to.
    """
    if order.oco_group is None:
        return
    pair = _Pair.of(order, unit)
    profit = pair.profit
    if profit is None:
        return
    book, left, stop = _Book(unit, at), pair.left, pair.stop
    if not left or any(it.filled for it in pair.stops):
        book.ask_back(profit, _TRADED)
    if stop.status.is_open:
        if not left:
            book.ask_back(stop, _TRADED)
        elif _will_be_left(stop) > left:
            book.make_smaller(stop, left, events)
    elif gate is not None and pair.needs_another_stop:
        _place_anew(pair, unit, gate, at)
    book.hand_over(order)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """What was placed for one fill: its stops, of which the newest counts, and its limit order."""

    stops: tuple[Order, ...]
    profit: Order | None

    @staticmethod
    def of(order: Order, unit: UnitOfWork) -> _Pair:
        """Return the pair that an order is one of."""
        found = list(_members(order, unit))
        stops = tuple(it for it in found if it.ticket.kind is OrderKind.STOP)
        profit = next((it for it in found if it.ticket.kind is OrderKind.LIMIT), None)
        return _Pair(stops=stops, profit=profit if stops else None)

    @property
    def stop(self) -> Order:
        """The newest stop."""
        return self.stops[-1]

    @property
    def left(self) -> Quantity:
        """What is left to close: the limit order is as large as the fill was, and stays so."""
        assert self.profit is not None  # noqa: S101 - only pairs are asked
        traded = self.profit.filled
        for stop in self.stops:
            traded += stop.filled
        whole = self.profit.ticket.quantity
        return whole - traded if whole > traded else _NOTHING

    @property
    def needs_another_stop(self) -> bool:
        """Whether the newest stop ended because it was too large for what is left."""
        profit, stop = self.profit, self.stop
        return (
            profit is not None
            and profit.status.is_open
            and not profit.cancel_requested
            and stop.status is OrderStatus.CANCELED
            and not stop.filled
            and bool(self.left)
            and stop.remaining > self.left
        )


def _members(order: Order, unit: UnitOfWork) -> Iterator[Order]:
    for number in count(1):
        member = unit.orders.find(_numbered(order.id, number))
        if member is None:
            return
        yield member


def _numbered(id_: str, number: int) -> OrderId:
    return OrderId(f"{id_[:-_NUMBER]}{number:0{_NUMBER}x}")


def _ticket(parent: Order, kind: OrderKind, price: Price, quantity: Quantity) -> Ticket:
    wish = parent.ticket
    return Ticket(
        portfolio_id=wish.portfolio_id,
        symbol=wish.symbol,
        side=Side.SELL if wish.side is Side.BUY else Side.BUY,
        quantity=quantity,
        kind=kind,
        limit_price=price if kind is OrderKind.LIMIT else None,
        stop_price=price if kind is OrderKind.STOP else None,
        reduce_only=True,
    )


# Placing --------------------------------------------------------------------------------------


def _place(wanted: _Wanted, unit: UnitOfWork, gate: Gate) -> Order:
    """Place one exit, approved or refused."""
    parent, at = wanted.parent, wanted.at
    portfolio = unit.portfolios.find(parent.ticket.portfolio_id)
    assert portfolio is not None  # noqa: S101 - the fill was booked in it a moment ago
    verdict = _verdict(wanted, portfolio, unit, gate)
    events = Order.place(
        wanted.id,
        parent.owner_id,
        verdict,
        at=at,
        bot_run_id=parent.bot_run_id,
        parent_id=parent.id,
        oco_group=wanted.group,
        venue=None if parent.venue == PAPER else parent.venue,  # what it protects is there
    )
    order = unit.orders.record(wanted.id, events)
    approved = events[-1]
    if isinstance(approved, OrderApproved):
        unit.portfolios.record(portfolio.id, portfolio.reserve(wanted.ticket, approved))
    else:
        codes = ", ".join(reason.code for reason in order.reasons)
        said = f"what was filled has no {wanted.ticket.kind.value} at {wanted.price}: {codes}"
        _log.error("order %s: %s", parent.id, said)
        message = f"order {parent.id}: {said} (refused as order {order.id})"
        record_alarm(unit, portfolio.id, EXIT_REFUSED, message, at)
    return order


def _verdict(wanted: _Wanted, portfolio: Portfolio, unit: UnitOfWork, gate: Gate) -> Verdict:
    """Ask the gate. A fact is behind this wish, so whatever is wrong with it is a refusal."""
    parent, ticket = wanted.parent, wanted.ticket
    asked = Asked(
        ticket=ticket,
        reference=wanted.price,
        at=wanted.at,
        controls=gate.controls(unit, portfolio.id, parent.bot_run_id),
        itself=parent.id,  # an exit closes what its parent opens: they never meet by mistake
        parent_room=ticket.quantity,
    )
    lenient = replace(gate, policies=tuple(it for it in gate.policies if it not in _NOT_OF_EXITS))
    beside = wanted.beside
    seen = portfolio if beside is None else without_claim(portfolio, beside)
    try:
        answered = lenient.ask(asked, seen, unit)
    except TraderbotError as error:
        return Refused(ticket=ticket, reasons=(Check(error.code, "an exit", str(error)),))
    if answered.stop is not None:
        record_stop(
            answered.stop,
            unit,
            wanted.at,
            venue=gate.venue,
            portfolio_id=portfolio.id,
            bot_run_id=parent.bot_run_id,
        )
    verdict = answered.verdict
    if isinstance(verdict, Refused):
        return verdict
    # What the one has claimed covers both.
    return verdict if beside is None or not beside.closing else replace(verdict, closing=_NOTHING)


def claimant_beside(order: Order, unit: UnitOfWork) -> Order | None:
    """Return the other exit of the pair that claims for both, if this one is covered by it."""
    if order.oco_group is None or order.closing:
        return None
    return next((it for it in _members(order, unit) if it.id != order.id and it.closing), None)


def without_claim(portfolio: Portfolio, order: Order) -> Portfolio:
    """Return the portfolio, only to look at, as if this order claimed nothing of its position."""
    symbol = order.ticket.symbol
    held = portfolio.position_in(symbol)
    free_again = held.unclaim(order.ticket.side, order.closing)
    return evolve(portfolio, positions={**portfolio.positions, symbol: free_again})


# Keeping in step ------------------------------------------------------------------------------


def _will_be_left(order: Order) -> Quantity:
    """Return what is left of an order to fill, once a change on its way has come about."""
    quantity = order.ticket.quantity if order.amendment is None else order.amendment.quantity
    return quantity - order.filled if quantity > order.filled else _NOTHING


def _may_change(order: Order) -> bool:
    return (
        order.amendment is None
        and not order.cancel_requested
        and (order.status, AmendRequested) in EDGES
        and order.status.is_open
    )


@dataclass(frozen=True, slots=True)
class _Book:
    """Where changes of exits are recorded, and when."""

    unit: UnitOfWork
    at: datetime

    def ask_back(self, order: Order, reason: str) -> None:
        """Want an exit back, unless it is on its way back, or over."""
        if order.status.is_open:
            events = order.request_cancel(reason, at=self.at)
            if events:
                self.unit.orders.record(order.id, events)
                free(self.unit, order, events)

    def make_smaller(self, stop: Order, left: Quantity, events: Sequence[OrderEvent]) -> None:
        """Let a stop close no more than is left. Where the venue would not, it is asked back."""
        if any(isinstance(it, AmendRefused) and it.order_id == stop.id for it in events):
            self.ask_back(stop, _SMALLER)
        elif _may_change(stop):
            self._change(stop, stop.filled + left, min(stop.closing, left))
        # Else the venue has yet to answer something, and then it is looked at again.

    def hand_over(self, order: Order) -> None:
        """Let the limit order claim what it may close, when no stop does that any more."""
        pair = _Pair.of(order, self.unit)
        profit = pair.profit
        if profit is None or profit.closing or any(it.status.is_open for it in pair.stops):
            return
        if _may_change(profit):
            ticket = profit.ticket
            closable = self._portfolio_of(profit).position_in(ticket.symbol).closable(ticket.side)
            claim = min(profit.remaining, closable)
            if claim:
                self._change(profit, ticket.quantity, claim, at_once=True)

    def _change(
        self, order: Order, quantity: Quantity, closing: Quantity, *, at_once: bool = False
    ) -> None:
        """Change a quantity, or a claim. `at_once`: a claim is nothing a venue would know of."""
        ticket = order.ticket
        price = ticket.limit_price or ticket.stop_price
        assert price is not None  # noqa: S101 - every exit has one
        approved = Approved(
            ticket=ticket,
            reserved=order.reserved,
            closing=closing,
            reference=price,
            checks=(),
            limits_version=order.limits_version,
        )
        wanted = Amendment(
            quantity=quantity, limit_price=ticket.limit_price, stop_price=ticket.stop_price
        )
        events = order.request_amend(wanted, approved, at=self.at)
        asked = events[0]
        assert isinstance(asked, AmendRequested)  # noqa: S101 - what `request_amend` begins with
        if at_once and len(events) == 1:
            events = (*events, *order.apply(asked).amend(at=self.at))
        portfolio = self._portfolio_of(order)
        self.unit.orders.record(order.id, events)
        claimed = portfolio.reserve_more(ticket, asked)
        if claimed:
            self.unit.portfolios.record(portfolio.id, claimed)
        free(self.unit, order, events)

    def _portfolio_of(self, order: Order) -> Portfolio:
        portfolio = self.unit.portfolios.find(order.ticket.portfolio_id)
        assert portfolio is not None  # noqa: S101 - no order is without one
        return portfolio


def _place_anew(pair: _Pair, unit: UnitOfWork, gate: Gate, at: datetime) -> None:
    """Place the stop again that was asked back because it was too large."""
    was, profit = pair.stop, pair.profit
    parent = None if was.parent_id is None else unit.orders.find(was.parent_id)
    price = was.ticket.stop_price
    assert parent is not None  # noqa: S101 - exits have parents
    assert price is not None  # noqa: S101 - stops have stop prices
    wanted = _Wanted(
        id=_numbered(was.id, len(pair.stops) + 2),  # the limit order has a number too
        parent=parent,
        ticket=replace(was.ticket, quantity=pair.left),
        price=price,
        group=was.oco_group,
        at=at,
        beside=profit if profit is not None and profit.closing else None,
    )
    _place(wanted, unit, gate)
