"""Cancel what is not filled of an order."""

from __future__ import annotations

from dataclasses import dataclass

from traderbot.application.commands.releasing import record_released
from traderbot.application.errors import NotFoundError
from traderbot.application.ports.clock import Clock
from traderbot.application.ports.commands import Command
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.application.views import OrderView
from traderbot.domain.shared.ids import OrderId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder(Command[OrderView]):
    """Somebody gives an order up."""

    owner_id: UserId
    order_id: OrderId
    reason: str = "asked by the owner"


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrderHandler:
    """Handles `CancelOrder`. Asking twice is harmless."""

    clock: Clock

    def __call__(self, command: CancelOrder, unit: UnitOfWork) -> OrderView:
        """Return the order: canceled, or about to be if a venue has it.

        Raises:
            NotFoundError: there is no such order of this owner.
            OrderClosedError: it is filled or refused already.
        """
        order = unit.orders.find(command.order_id)
        if order is None or order.owner_id != command.owner_id:
            raise NotFoundError("order", command.order_id)
        events = order.request_cancel(command.reason, at=self.clock.now())
        if not events:
            return OrderView.of(order)
        closed = unit.orders.record(order.id, events)
        record_released(unit, order, events)
        return OrderView.of(closed)
