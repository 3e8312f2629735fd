"""What can happen to an order. Stored names and fields are promises to every log ever written."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from traderbot.domain.orders.ticket import SETTINGS, Check, Fill, Ticket
from traderbot.domain.shared.fields import LATER
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
    parent_id: OrderId | None = field(
        default=None, metadata=LATER
    )  # the order whose fill this one is an exit of
    oco_group: str | None = field(
        default=None, metadata=LATER
    )  # of the orders that share a name, one cancels the others


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderApproved:
    """The gate let it pass; `reserved` is set aside in the portfolio in the same transaction.

    `limits_version` names the scopes whose limits were in force, `installed` says those of the
    settings.
    """

    order_id: OrderId
    at: datetime
    reserved: Money
    closing: Quantity
    reference: Price
    checks: tuple[Check, ...]
    limits_version: str = field(default=SETTINGS, metadata=LATER)
    venue: str | None = field(default=None, metadata=LATER)  # where it may be sent; None: on paper
    installed: str = field(default="", metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRefused:
    """The gate stopped it."""

    order_id: OrderId
    at: datetime
    reasons: tuple[Check, ...]
    limits_version: str = field(default=SETTINGS, metadata=LATER)
    installed: str = field(default="", metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSubmitting:
    """It is about to be sent. Durable before the call: whatever happens next, this is known."""

    order_id: OrderId
    at: datetime
    venue: str
    account: str
    client_order_id: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionDeferred:
    """It was certainly not sent; it waits for the next try."""

    order_id: OrderId
    at: datetime
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionUnknown:
    """Nobody knows whether the venue has it. Only the venue's own word ends this."""

    order_id: OrderId
    at: datetime
    attempt: int
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderNotFound:
    """The venue was asked by client order id and has no such order; once is no proof."""

    order_id: OrderId
    at: datetime
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderUnconfirmed:
    """The venue could not be made to say. A person has to look; what is set aside stays so."""

    order_id: OrderId
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueAnswered:
    """What a venue said, in its own words: the evidence for the events beside it.

    `call` is what was asked (submit, cancel, amend, find, trades) or `stream`; `outcome` is how it
    was read; `raw` is cut at 4096 characters.
    """

    order_id: OrderId
    at: datetime
    venue: str
    call: str
    outcome: str
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAccepted:
    """The venue has it working."""

    order_id: OrderId
    at: datetime
    venue: str
    venue_order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRejected:
    """The venue does not want it, and said so. `released` went back to the portfolio."""

    order_id: OrderId
    at: datetime
    code: str
    reason: str
    released: Money
    closing_released: Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTriggered:
    """The market reached its stop price; from now on it may trade."""

    order_id: OrderId
    at: datetime
    price: Price


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilled:
    """The venue traded some or all of it."""

    order_id: OrderId
    at: datetime
    fill: Fill
    reservation_used: Money
    closing_used: Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequested:
    """Somebody wants it back. It may still be filled until the venue has answered."""

    order_id: OrderId
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRefused:
    """The venue keeps it working."""

    order_id: OrderId
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCanceled:
    """What was not filled will not be. `released` went back to the portfolio."""

    order_id: OrderId
    at: datetime
    reason: str
    released: Money
    closing_released: Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderExpired:
    """Its time is over. `released` went back to the portfolio."""

    order_id: OrderId
    at: datetime
    reason: str
    released: Money
    closing_released: Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendRequested:
    """Somebody wants it changed, and the gate let the change pass.

    `quantity` is the whole new quantity, fills included. `reserved_more` and `closing_more` are set
    aside beside what the order holds already; `reserved_spare` and `closing_spare` become free when
    the venue has changed it.
    """

    order_id: OrderId
    at: datetime
    quantity: Quantity
    limit_price: Price | None
    stop_price: Price | None
    reserved_more: Money
    reserved_spare: Money
    closing_more: Quantity
    closing_spare: Quantity
    checks: tuple[Check, ...]
    limits_version: str
    installed: str = field(default="", metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAmended:
    """The venue changed it. `released` is what the smaller order needs no more."""

    order_id: OrderId
    at: datetime
    quantity: Quantity
    limit_price: Price | None
    stop_price: Price | None
    released: Money
    closing_released: Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendRefused:
    """It stays as it was. `released` had been set aside for the change."""

    order_id: OrderId
    at: datetime
    reason: str
    released: Money
    closing_released: Quantity


OrderEnded = OrderCanceled | OrderExpired | OrderRejected
OrderEvent = (
    OrderPlaced
    | OrderApproved
    | OrderRefused
    | OrderSubmitting
    | SubmissionDeferred
    | SubmissionUnknown
    | OrderNotFound
    | OrderUnconfirmed
    | VenueAnswered
    | OrderAccepted
    | OrderRejected
    | OrderTriggered
    | OrderFilled
    | CancelRequested
    | CancelRefused
    | OrderCanceled
    | OrderExpired
    | AmendRequested
    | OrderAmended
    | AmendRefused
)
