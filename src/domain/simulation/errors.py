"""Why the simulated venue may say no to a change."""

from __future__ import annotations

from typing import ClassVar

from traderbot.domain.shared.errors import DomainError
from traderbot.domain.shared.ids import OrderId


class NotWorkingError(DomainError):
    """The simulated venue has no such order working: it ended there, or never came."""

    code: ClassVar[str] = "NOT_WORKING"

    def __init__(self, order_id: OrderId) -> None:
        super().__init__(f"order {order_id} is not working at the paper venue; ask for it by id")
        self.order_id = order_id


class NotAmendableError(DomainError):
    """The order works, and cannot become what was asked."""

    code: ClassVar[str] = "NOT_AMENDABLE"
