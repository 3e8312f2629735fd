"""Asking the gate and recording its verdict: the one way any order comes to be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from traderbot.application.errors import NoReferencePriceError, NotAllowedError, NotFoundError
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.domain.orders.events import OrderApproved
from traderbot.domain.orders.order import Order
from traderbot.domain.orders.ticket import Ticket
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.risk.limits import Limits
from traderbot.domain.risk.review import review
from traderbot.domain.shared.ids import BotRunId, OrderId, PortfolioId, UserId
from traderbot.domain.shared.values import Price


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
    bot_run_id: BotRunId | None = None
    reference: Price | None = None  # what a market order is measured with, if the caller knows


def place(placing: Placing, portfolio: Portfolio, limits: Limits, unit: UnitOfWork) -> Order:
    """Review the ticket, record the verdict, and set aside what an approved order may cost.

    Raises:
        NoReferencePriceError: a market order in a symbol of which no price is known.
    """
    ticket = placing.ticket
    reference = (
        ticket.limit_price or placing.reference or unit.references.latest_close(ticket.symbol)
    )
    if reference is None:
        msg = f"no price of {ticket.symbol} is known; import bars, or place a limit order"
        raise NoReferencePriceError(msg)
    verdict = review(ticket, portfolio, reference, limits)
    events = Order.place(
        placing.order_id,
        placing.owner_id,
        verdict,
        at=placing.at,
        bot_run_id=placing.bot_run_id,
    )
    order = unit.orders.record(placing.order_id, events)
    approved = events[-1]
    if isinstance(approved, OrderApproved):
        unit.portfolios.record(portfolio.id, portfolio.reserve(ticket, approved))
    return order
