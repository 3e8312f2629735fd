"""What can happen to an order. Stored names and fields are promises to every log ever written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from traderbot.domain.orders.ticket import Check, Fill, Ticket
from traderbot.domain.shared.ids import BotRunId, OrderId, UserId
from traderbot.domain.shared.values import Money, Price, Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPlaced:
    """Somebody asked for it."""

    order_id: OrderId
    at: datetime
    owner_id: UserId
    ticket: Ticket
    bot_run_id: BotRunId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderApproved:
    """The gate let it pass; `reserved` is set aside in the portfolio in the same transaction."""

    order_id: OrderId
    at: datetime
    reserved: Money
    closing: Quantity
    reference: Price
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRefused:
    """The gate stopped it."""

    order_id: OrderId
    at: datetime
    reasons: tuple[Check, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAccepted:
    """The venue has it working."""

    order_id: OrderId
    at: datetime
    venue: str
    venue_order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilled:
    """The venue traded some or all of it."""

    order_id: OrderId
    at: datetime
    fill: Fill
    reservation_used: Money
    closing_used: Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCanceled:
    """What was not filled will not be. `released` went back to the portfolio."""

    order_id: OrderId
    at: datetime
    reason: str
    released: Money
    closing_released: Quantity


OrderEvent = (
    OrderPlaced | OrderApproved | OrderRefused | OrderAccepted | OrderFilled | OrderCanceled
)
