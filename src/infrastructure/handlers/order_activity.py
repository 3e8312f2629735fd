"""What became of orders, and when: by order, and counted by owner, day and symbol."""

from __future__ import annotations

from typing import Any, Final, get_args

from sqlalchemy import Connection

from traderbot.application.ports.recorded import Recorded
from traderbot.domain.orders.events import (
    CancelRefused,
    CancelRequested,
    OrderAccepted,
    OrderAmended,
    OrderApproved,
    OrderEvent,
    OrderFilled,
    OrderPlaced,
    OrderRefused,
)
from traderbot.domain.orders.lifecycle import OrderStatus, next_status
from traderbot.domain.shared.decimals import ZERO, add
from traderbot.domain.shared.errors import CorruptHistoryError
from traderbot.infrastructure.handlers.declared import EventHandler
from traderbot.infrastructure.handlers.projection import day_of, found, projection, put
from traderbot.infrastructure.persistence.projection_tables import (
    OrderActivityRow,
    OrderTimelineRow,
)

_EVENTS: Final = frozenset(get_args(OrderEvent))
# Whatever has not come to its end is working.
_ENDS: Final = {
    OrderStatus.REFUSED.value: "refused",
    OrderStatus.REJECTED.value: "rejected",
    OrderStatus.FILLED.value: "filled",
    OrderStatus.CANCELED.value: "canceled",
    OrderStatus.EXPIRED.value: "expired",
}
_NONE_YET: Final = {"working": 0, **dict.fromkeys(_ENDS.values(), 0)}


def order_activity() -> EventHandler:
    """Return the projection behind `order_timelines` and `order_activity`."""
    return projection(
        "order_activity",
        "when each order got how far; how the orders of each day ended",
        _handle,
        event_types=_EVENTS,
        models=(OrderTimelineRow, OrderActivityRow),
    )


def _handle(recorded: Recorded, connection: Connection) -> None:
    event = recorded.event
    assert isinstance(event, OrderEvent)  # noqa: S101 - for the type checker
    old = found(connection, OrderTimelineRow, order_id=event.order_id)
    if old is not None:
        new = _after(old, event)
    elif isinstance(event, OrderPlaced):
        new = _placed(event)
    else:
        msg = f"order {event.order_id} was never placed"
        raise CorruptHistoryError(msg)
    put(connection, OrderTimelineRow, new)
    _count(connection, new, old)


def _placed(event: OrderPlaced) -> dict[str, Any]:
    ticket = event.ticket
    return {
        "order_id": event.order_id,
        "owner_id": event.owner_id,
        "portfolio_id": ticket.portfolio_id,
        "symbol": ticket.symbol.code,
        "side": ticket.side.value,
        "quantity": ticket.quantity.value,
        "filled": ZERO,
        "fills": 0,
        "status": OrderStatus.PLACED.value,
        "day": day_of(event.at),
        "placed_at": event.at,
        "decided_at": None,
        "accepted_at": None,
        "first_fill_at": None,
        "last_fill_at": None,
        "closed_at": None,
        "cancel_requested": False,
    }


def _after(row: dict[str, Any], event: OrderEvent) -> dict[str, Any]:
    """Return the row after an event; statuses are those of the order itself."""
    if isinstance(event, OrderPlaced):
        msg = f"order {event.order_id} was placed twice"
        raise CorruptHistoryError(msg)
    status = next_status(
        OrderStatus(row["status"]),
        event,
        quantity=row["quantity"],
        filled=row["filled"],
        cancel_requested=row["cancel_requested"],
    ).value
    more: dict[str, Any] = {}
    match event:
        case OrderApproved() | OrderRefused():
            more = {"decided_at": event.at}
        case OrderAccepted():
            more = {"accepted_at": row["accepted_at"] or event.at}
        case OrderFilled(fill=fill):
            more = {
                "filled": add(row["filled"], fill.quantity.value),
                "fills": row["fills"] + 1,
                "first_fill_at": row["first_fill_at"] or event.at,
                "last_fill_at": event.at,
            }
        case CancelRequested() | CancelRefused():
            more = {"cancel_requested": isinstance(event, CancelRequested)}
        case OrderAmended(quantity=quantity):
            more = {"quantity": quantity.value}
        case _:
            pass
    closed_at = (row["closed_at"] or event.at) if status in _ENDS else None
    return {**row, **more, "status": status, "closed_at": closed_at}


def _count(connection: Connection, new: dict[str, Any], old: dict[str, Any] | None) -> None:
    """Count the order where it is now, and no longer where it was."""
    into = _ENDS.get(new["status"], "working")
    out_of = None if old is None else _ENDS.get(old["status"], "working")
    if into == out_of:
        return
    key = {name: new[name] for name in ("owner_id", "day", "symbol")}
    counts = found(connection, OrderActivityRow, **key) or {**key, **_NONE_YET}
    counts[into] += 1
    if out_of is not None:
        counts[out_of] -= 1
    put(connection, OrderActivityRow, counts)
