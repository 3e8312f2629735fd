"""Where an order is on its way, and every way it may go: the one table of legal edges.

`docs/orders.md` draws it. A fill is a fact at any point of the way, even after the end: the venue
may trade what we thought was canceled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import StrEnum

from traderbot.domain.orders.events import (
    AmendRefused,
    AmendRequested,
    CancelRefused,
    CancelRequested,
    OrderAccepted,
    OrderAmended,
    OrderApproved,
    OrderCanceled,
    OrderEvent,
    OrderExpired,
    OrderFilled,
    OrderNotFound,
    OrderPlaced,
    OrderRefused,
    OrderRejected,
    OrderSubmitting,
    OrderTriggered,
    OrderUnconfirmed,
    SubmissionDeferred,
    SubmissionUnknown,
    VenueAnswered,
)
from traderbot.domain.shared.decimals import add
from traderbot.domain.shared.errors import CorruptHistoryError


class OrderStatus(StrEnum):
    """Where an order is on its way."""

    PLACED = "placed"
    APPROVED = "approved"
    REFUSED = "refused"
    SUBMITTING = "submitting"
    UNKNOWN = "unknown"
    UNCONFIRMED = "unconfirmed"
    ACCEPTED = "accepted"
    PARTIALLY_FILLED = "partially_filled"
    PENDING_CANCEL = "pending_cancel"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"

    @property
    def is_open(self) -> bool:
        """Whether it may still trade, as far as we know."""
        return self in _OPEN

    @property
    def is_with_venue(self) -> bool:
        """Whether the venue may have it: it was sent, and has not ended."""
        return self in _WITH_VENUE

    @property
    def is_doubtful(self) -> bool:
        """Whether only the venue can say what became of it."""
        return self in _DOUBTFUL


_DOUBTFUL = frozenset({OrderStatus.SUBMITTING, OrderStatus.UNKNOWN, OrderStatus.UNCONFIRMED})
_WORKING = frozenset(
    {OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED, OrderStatus.PENDING_CANCEL}
)
_WITH_VENUE = _DOUBTFUL | _WORKING
_OPEN = _WITH_VENUE | {OrderStatus.APPROVED}

S = OrderStatus
_ENDS: Mapping[type, OrderStatus] = {
    OrderCanceled: S.CANCELED,
    OrderExpired: S.EXPIRED,
    OrderRejected: S.REJECTED,
}


def _edges() -> Iterator[tuple[OrderStatus, type, OrderStatus]]:
    yield S.PLACED, OrderApproved, S.APPROVED
    yield S.PLACED, OrderRefused, S.REFUSED
    yield S.APPROVED, OrderSubmitting, S.SUBMITTING
    yield S.APPROVED, OrderAccepted, S.ACCEPTED  # a venue in this process has it at once
    yield S.APPROVED, OrderTriggered, S.APPROVED
    yield S.SUBMITTING, SubmissionDeferred, S.APPROVED
    yield S.SUBMITTING, SubmissionUnknown, S.UNKNOWN
    yield S.UNKNOWN, OrderNotFound, S.UNKNOWN
    yield S.UNKNOWN, OrderSubmitting, S.SUBMITTING  # only after proof that the venue has it not
    yield S.UNKNOWN, OrderUnconfirmed, S.UNCONFIRMED
    yield S.UNCONFIRMED, OrderNotFound, S.UNCONFIRMED
    for doubtful in (S.SUBMITTING, S.UNKNOWN, S.UNCONFIRMED):
        yield doubtful, OrderAccepted, S.ACCEPTED
        yield doubtful, OrderAccepted, S.PENDING_CANCEL  # a cancel was asked for meanwhile
        yield doubtful, CancelRequested, doubtful
    for working in (S.ACCEPTED, S.PARTIALLY_FILLED):
        yield working, OrderAccepted, working
        yield working, CancelRequested, S.PENDING_CANCEL
        yield S.PENDING_CANCEL, CancelRefused, working
    for standing in (S.APPROVED, S.ACCEPTED, S.PARTIALLY_FILLED):
        for change in (AmendRequested, OrderAmended, AmendRefused):
            yield standing, change, standing
    yield S.FILLED, AmendRefused, S.FILLED
    yield S.FILLED, OrderAmended, S.FILLED
    yield S.FILLED, OrderAmended, S.PARTIALLY_FILLED  # made larger before it was filled
    yield S.PARTIALLY_FILLED, OrderAmended, S.FILLED  # made as small as what is filled
    yield S.PENDING_CANCEL, OrderAmended, S.FILLED
    yield S.PENDING_CANCEL, OrderAccepted, S.PENDING_CANCEL
    yield S.PENDING_CANCEL, OrderAmended, S.PENDING_CANCEL
    yield S.PENDING_CANCEL, AmendRefused, S.PENDING_CANCEL
    for open_ in _OPEN:
        for end, ended in _ENDS.items():
            yield open_, end, ended
    for with_venue in _WITH_VENUE:
        yield with_venue, OrderTriggered, with_venue
    yield from _fills()
    for any_ in S:
        yield any_, VenueAnswered, any_
    for closed in (S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED):
        yield closed, OrderAccepted, closed  # a late word; it only names the venue's id


def _fills() -> Iterator[tuple[OrderStatus, type, OrderStatus]]:
    for before in S:
        yield before, OrderFilled, S.FILLED
    for before in (S.PLACED, S.APPROVED, S.ACCEPTED, S.PARTIALLY_FILLED):
        yield before, OrderFilled, S.PARTIALLY_FILLED
    for doubtful in _DOUBTFUL:  # a fill proves that the venue has it
        yield doubtful, OrderFilled, S.PARTIALLY_FILLED
        yield doubtful, OrderFilled, S.PENDING_CANCEL
    for keeps in (S.PENDING_CANCEL, S.REFUSED, S.CANCELED, S.EXPIRED, S.REJECTED):
        yield keeps, OrderFilled, keeps


def _table() -> Mapping[tuple[OrderStatus, type], frozenset[OrderStatus]]:
    table: dict[tuple[OrderStatus, type], frozenset[OrderStatus]] = {}
    for before, event, after in _edges():
        table[before, event] = table.get((before, event), frozenset()) | {after}
    return table


# (status, event) → where it may lead; what is not here cannot happen.
EDGES = _table()


# The edges that lead to one status only, which are most of them: folding a log asks here first.
SURE: Mapping[tuple[OrderStatus, type], OrderStatus] = {
    edge: next(iter(targets)) for edge, targets in EDGES.items() if len(targets) == 1
}

# What an edge with several ends leads to when nothing else decides: with fills, and without.
_PREFERRED = {
    True: (S.PARTIALLY_FILLED, S.ACCEPTED),
    False: (S.ACCEPTED, S.PARTIALLY_FILLED),
}


def next_status(
    status: OrderStatus,
    event: OrderEvent,
    *,
    quantity: Decimal,
    filled: Decimal,
    cancel_requested: bool,
) -> OrderStatus:
    """Return where the event leads an order that is there, and has so much of its quantity filled.

    Raises:
        CorruptHistoryError: the event cannot follow.
    """
    targets = EDGES.get((status, type(event)))
    if targets is None:
        msg = f"{type(event).__name__} cannot follow where an order is {status}"
        if isinstance(event, OrderPlaced):
            msg = f"order {event.order_id} was placed twice"
        raise CorruptHistoryError(msg)
    if len(targets) == 1:
        (only,) = targets
        return only
    full = False
    if isinstance(event, OrderFilled):
        filled = add(filled, event.fill.quantity.value)
        full = filled >= quantity
    elif isinstance(event, OrderAmended):
        full = bool(filled) and filled >= event.quantity.value
    if full:
        return S.FILLED
    asked_back = cancel_requested and not isinstance(event, CancelRefused)
    if asked_back and S.PENDING_CANCEL in targets:
        return S.PENDING_CANCEL
    return next((it for it in _PREFERRED[bool(filled)] if it in targets), status)
