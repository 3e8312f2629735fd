"""Why an order's owner may hear no."""

from __future__ import annotations

from typing import ClassVar

from traderbot.domain.shared.errors import DomainError
from traderbot.domain.shared.ids import OrderId


class InvalidTicketError(DomainError):
    """The wish contradicts itself: a limit order without a price, a quantity of nothing."""

    code: ClassVar[str] = "INVALID_TICKET"


class OrderClosedError(DomainError):
    """The order has reached its end."""

    code: ClassVar[str] = "ORDER_CLOSED"

    def __init__(self, order_id: OrderId, status: str) -> None:
        super().__init__(f"order {order_id} is {status}: there is nothing left of it to change")
        self.order_id = order_id
        self.status = status


class OrderNotSubmittableError(DomainError):
    """The order is with the venue, or may be: sending or changing it now could do it twice."""

    code: ClassVar[str] = "ORDER_NOT_SUBMITTABLE"

    def __init__(self, order_id: OrderId, status: str) -> None:
        super().__init__(f"order {order_id} is {status}: wait until the venue has answered")
        self.order_id = order_id
        self.status = status
