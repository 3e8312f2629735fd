"""What follows from an order that ended, or was changed: for its portfolio, and for its pair."""

from __future__ import annotations

from collections.abc import Sequence

from traderbot.application.commands.exits import settle
from traderbot.application.commands.freeing import free
from traderbot.application.gate import Gate
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.domain.orders.events import OrderEvent
from traderbot.domain.orders.order import Order


def record_released(
    unit: UnitOfWork, order: Order, events: Sequence[OrderEvent], gate: Gate | None = None
) -> None:
    """Free in the portfolio what these recorded events have freed, and keep a pair in step.

    `order` is the order before them. With a gate, an exit that has to be placed anew is.

    Raises:
        NotFoundError: the order's portfolio is gone.
    """
    free(unit, order, events)
    if order.oco_group is not None and events:
        settle(order, events, unit, events[-1].at, gate)
