"""Giving back to a portfolio what an order had set aside, with the event that frees it."""

from __future__ import annotations

from collections.abc import Sequence

from traderbot.application.errors import NotFoundError
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.domain.orders.events import AmendRefused, OrderAmended, OrderEnded, OrderEvent
from traderbot.domain.orders.order import Order


def free(unit: UnitOfWork, order: Order, events: Sequence[OrderEvent]) -> None:
    """Free in the portfolio what these events of the order have freed.

    Raises:
        NotFoundError: the order's portfolio is gone.
    """
    for event in events:
        if isinstance(event, OrderEnded | OrderAmended | AmendRefused):
            portfolio = unit.portfolios.find(order.ticket.portfolio_id)
            if portfolio is None:
                raise NotFoundError("portfolio", order.ticket.portfolio_id)
            released = portfolio.release(order.ticket, event)
            if released:
                unit.portfolios.record(portfolio.id, released)
