"""What portfolios have at stake, and which limits their orders broke."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection

from traderbot.application.ports.recorded import Recorded
from traderbot.domain.orders.events import OrderApproved, OrderPlaced, OrderRefused
from traderbot.domain.orders.ticket import Side
from traderbot.domain.portfolio.events import ExposureReleased, ExposureReserved, FillBooked
from traderbot.domain.shared.decimals import ZERO, add, subtract
from traderbot.domain.shared.errors import CorruptHistoryError
from traderbot.infrastructure.handlers.declared import EventHandler
from traderbot.infrastructure.handlers.projection import found, projection, put, remove
from traderbot.infrastructure.persistence.projection_tables import (
    RiskExposureRow,
    RiskPendingRow,
    RiskRefusalRow,
)

_EVENTS: Final = frozenset(
    {
        OrderPlaced,
        OrderApproved,
        OrderRefused,
        ExposureReserved,
        ExposureReleased,
        FillBooked,
    }
)


def risk() -> EventHandler:
    """Return the projection behind `risk_exposures` and `risk_refusals`."""
    return projection(
        "risk",
        "what each portfolio has at stake by symbol; every limit that an order broke",
        _handle,
        event_types=_EVENTS,
        models=(RiskExposureRow, RiskRefusalRow, RiskPendingRow),
    )


def _handle(recorded: Recorded, connection: Connection) -> None:
    match event := recorded.event:
        case OrderPlaced(ticket=ticket):
            order = {
                "order_id": event.order_id,
                "owner_id": event.owner_id,
                "portfolio_id": ticket.portfolio_id,
                "symbol": ticket.symbol.code,
            }
            put(connection, RiskPendingRow, order)
        case OrderApproved():
            _answered(connection, event)
        case OrderRefused():
            _refuse(connection, recorded, event)
        case ExposureReserved(cash=cash):
            row = _exposure(connection, event)
            row["reserved"] = add(row["reserved"], cash.amount)
            put(connection, RiskExposureRow, row)
        case ExposureReleased(cash=cash):
            row = _exposure(connection, event)
            row["reserved"] = subtract(row["reserved"], cash.amount)
            put(connection, RiskExposureRow, row)
        case FillBooked():
            row = _exposure(connection, event)
            move = add if event.side is Side.BUY else subtract
            row["quantity"] = move(row["quantity"], event.quantity.value)
            row["cost"] = add(row["cost"], event.cost_change.amount)
            row["reserved"] = subtract(row["reserved"], event.reservation_used.amount)
            put(connection, RiskExposureRow, row)
        case _:
            pass  # not one of _EVENTS


def _refuse(connection: Connection, recorded: Recorded, event: OrderRefused) -> None:
    order = _answered(connection, event)
    for line, check in enumerate(event.reasons):
        row = {
            **order,
            "log_index": recorded.position,
            "line": line,
            "code": check.code,
            "limit_text": check.limit,
            "value_text": check.value,
            "at": event.at,
        }
        put(connection, RiskRefusalRow, row)


def _answered(connection: Connection, event: OrderApproved | OrderRefused) -> dict[str, Any]:
    """Return whose order it is, and wait for its answer no longer."""
    order = found(connection, RiskPendingRow, order_id=event.order_id)
    if order is None:
        msg = f"order {event.order_id} was never placed"
        raise CorruptHistoryError(msg)
    remove(connection, RiskPendingRow, order_id=event.order_id)
    return order


def _exposure(
    connection: Connection, event: ExposureReserved | ExposureReleased | FillBooked
) -> dict[str, Any]:
    key = {"portfolio_id": event.portfolio_id, "symbol": event.symbol.code}
    nothing = {"currency": event.symbol.quote.code, "quantity": ZERO, "cost": ZERO}
    row = found(connection, RiskExposureRow, **key) or {**key, **nothing, "reserved": ZERO}
    row["updated_at"] = event.at
    return row
