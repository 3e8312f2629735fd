"""What the simulated venue can say about one order, working or ended, from its events alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from traderbot.domain.orders.ticket import Ticket
from traderbot.domain.shared.ids import OrderId
from traderbot.domain.shared.values import Quantity
from traderbot.domain.simulation.events import (
    PaperAccepted,
    PaperAmended,
    PaperBookOpened,
    PaperCanceled,
    PaperEvent,
    PaperExpired,
    PaperRejected,
    PaperTraded,
)
from traderbot.domain.simulation.resting import Resting

_NOTHING = Quantity(0)


class PaperStatus(StrEnum):
    """Where an order is at the simulated venue."""

    WORKING = "working"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRecord:
    """An order as the venue has it. A rejected one that never came in has no ticket."""

    order_id: OrderId
    status: PaperStatus
    at: datetime
    client_order_id: str = ""
    ticket: Ticket | None = None
    traded: Quantity = _NOTHING
    reason: str = ""
    code: str = ""


def record_of(order: Resting) -> OrderRecord:
    """Return what a working order is."""
    return OrderRecord(
        order_id=order.order_id,
        status=PaperStatus.WORKING,
        at=order.placed_at,
        client_order_id=order.client_order_id,
        ticket=order.ticket,
        traded=order.traded,
    )


def records_of(
    events: Iterable[PaperEvent], working: Iterable[Resting] = ()
) -> dict[OrderId, OrderRecord]:
    """Return what became of every order that these events of one book are about.

    `working` are orders that worked before the first of them.
    """
    return follow({order.order_id: record_of(order) for order in working}, events)


def follow(
    records: dict[OrderId, OrderRecord], events: Iterable[PaperEvent]
) -> dict[OrderId, OrderRecord]:
    """Bring records up to date, in their place, by the events that came after them."""
    for event in events:
        if isinstance(event, PaperBookOpened):
            continue
        record = records.get(event.order_id) or OrderRecord(
            order_id=event.order_id, status=PaperStatus.WORKING, at=event.at
        )
        records[event.order_id] = _after(replace(record, at=event.at), event)
    return records


def _after(it: OrderRecord, event: PaperEvent) -> OrderRecord:  # noqa: PLR0911 - one case each
    match event:
        case PaperAccepted():
            return replace(it, client_order_id=event.client_order_id, ticket=event.ticket)
        case PaperRejected():
            ended = PaperStatus.REJECTED
            return replace(it, status=ended, reason=event.reason, code=event.code)
        case PaperCanceled():
            return replace(it, status=PaperStatus.CANCELED, reason=event.reason)
        case PaperExpired():
            return replace(it, status=PaperStatus.EXPIRED, reason=event.reason)
        case PaperTraded():
            return _filled(replace(it, traded=it.traded + event.quantity))
        case PaperAmended() if it.ticket is not None:
            ticket = replace(
                it.ticket,
                quantity=event.quantity,
                limit_price=event.limit_price,
                stop_price=event.stop_price,
            )
            return _filled(replace(it, ticket=ticket))
        case _:
            return it


def _filled(it: OrderRecord) -> OrderRecord:
    whole = it.ticket is not None and it.traded >= it.ticket.quantity
    return replace(it, status=PaperStatus.FILLED) if whole else it
