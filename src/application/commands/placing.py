"""Asking the gate and recording its verdict: the one way any order comes to be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from traderbot.application.errors import NoReferencePriceError, NotAllowedError, NotFoundError
from traderbot.application.gate import Asked, Gate, record_lapsed, record_stop
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.domain.bots.bot_run import BotRun
from traderbot.domain.orders.events import OrderApproved
from traderbot.domain.orders.order import Order
from traderbot.domain.orders.ticket import OrderKind, Ticket
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.shared.ids import BotRunId, OrderId, PortfolioId, UserId
from traderbot.domain.shared.values import Price, Quantity


def owned_portfolio(unit: UnitOfWork, id_: PortfolioId, owner_id: UserId) -> Portfolio:
    """Return the portfolio if that user owns it; others' are as missing as absent ones.

    Raises:
        NotFoundError: there is none, or it is somebody else's.
    """
    portfolio = unit.portfolios.find(id_)
    if portfolio is None or portfolio.owner_id != owner_id:
        raise NotFoundError("portfolio", id_)
    return portfolio


def ensure_active(unit: UnitOfWork, user_id: UserId) -> None:
    """Raise NotAllowedError unless the user exists and may act."""
    user = unit.users.find(user_id)
    if user is None or not user.active:
        msg = "this user may not act"
        raise NotAllowedError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """A ticket on its way through the gate."""

    order_id: OrderId
    owner_id: UserId
    ticket: Ticket
    at: datetime
    run: BotRun | None = None  # the bot that asks
    reference: Price | None = None  # what a market order is measured with, if the caller knows
    parent_id: OrderId | None = None
    oco_group: str | None = None
    parent_room: Quantity | None = None  # what the children of the parent may still add

    @property
    def bot_run_id(self) -> BotRunId | None:
        """Which bot run asks."""
        return None if self.run is None else self.run.id


PAPER = "paper"  # what no venue elsewhere is called


def place(placing: Placing, portfolio: Portfolio, gate: Gate, unit: UnitOfWork) -> Order:
    """Ask the gate, record the verdict, and set aside what an approved order may cost.

    What the gate finds may stop the bot or the portfolio: then that is recorded with the refusal.

    Raises:
        NoReferencePriceError: a market order in a symbol of which no price is known.
    """
    ticket, at = placing.ticket, placing.at
    controls = gate.controls(unit, portfolio.id, placing.bot_run_id)
    answered = gate.ask(
        Asked(
            ticket=ticket,
            reference=measured_with(ticket, placing.reference, gate, unit),
            at=at,
            controls=controls,
            run=placing.run,
            parent_room=placing.parent_room,
        ),
        portfolio,
        unit,
    )
    events = Order.place(
        placing.order_id,
        placing.owner_id,
        answered.verdict,
        at=at,
        bot_run_id=placing.bot_run_id,
        parent_id=placing.parent_id,
        oco_group=placing.oco_group,
        venue=None if gate.venue == PAPER else gate.venue,
    )
    order = unit.orders.record(placing.order_id, events)
    record_lapsed(controls, unit, at)  # behind the order: a command's first event says what it was
    approved = events[-1]
    if isinstance(approved, OrderApproved):
        unit.portfolios.record(portfolio.id, portfolio.reserve(ticket, approved))
    elif answered.stop is not None:
        record_stop(
            answered.stop,
            unit,
            at,
            venue=gate.venue,
            portfolio_id=portfolio.id,
            bot_run_id=placing.bot_run_id,
        )
    return order


def measured_with(ticket: Ticket, known: Price | None, gate: Gate, unit: UnitOfWork) -> Price:
    """Return the price an order is measured with: its own, a known one, the quote, the last close.

    Raises:
        NoReferencePriceError: it has none, and no price of its symbol is known.
    """
    if known is None and ticket.limit_price is None and gate.venue != PAPER:
        quote = gate.markets.quote(ticket.symbol)
        known = None if quote is None else quote.price
    return reference_of(ticket, known, unit)


def reference_of(ticket: Ticket, known: Price | None, unit: UnitOfWork) -> Price:
    """Return the price a ticket is measured with: its own, else the market's.

    Raises:
        NoReferencePriceError: it has none, and no price of its symbol is known.
    """
    own = ticket.limit_price
    if own is None and ticket.kind is OrderKind.STOP:
        own = ticket.stop_price  # nothing is traded before the market is there
    reference = own or known or unit.references.latest_close(ticket.symbol)
    if reference is None:
        msg = f"no price of {ticket.symbol} is known; import bars, or place a limit order"
        raise NoReferencePriceError(msg)
    return reference
