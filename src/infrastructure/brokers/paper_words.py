"""The paper venue's words: its orders and trades as any venue tells of them."""

from __future__ import annotations

import json

from traderbot.application.ports.venue import VenueOrder, VenueStatus, VenueTrade
from traderbot.domain.orders.ticket import Ticket
from traderbot.domain.shared.ids import OrderId
from traderbot.domain.shared.instants import instant_text
from traderbot.domain.shared.values import Symbol
from traderbot.domain.simulation.events import PaperTraded
from traderbot.domain.simulation.record import OrderRecord, PaperStatus, record_of
from traderbot.domain.simulation.resting import Resting

NAME = "paper"
_STATUSES = {
    PaperStatus.WORKING: VenueStatus.WORKING,
    PaperStatus.FILLED: VenueStatus.FILLED,
    PaperStatus.CANCELED: VenueStatus.CANCELED,
    PaperStatus.EXPIRED: VenueStatus.EXPIRED,
    PaperStatus.REJECTED: VenueStatus.REJECTED,
}


def venue_order_id(order_id: OrderId) -> str:
    """Return what the paper venue calls an order."""
    return f"{NAME}-{order_id}"


def told_working(order: Resting) -> VenueOrder:
    """Return an order that works."""
    return told_order(record_of(order), order.ticket, order.client_order_id)


def told_order(record: OrderRecord, ticket: Ticket, client_order_id: str) -> VenueOrder:
    """Return an order as the venue tells of it; `ticket` is for one that never came in."""
    ticket = record.ticket or ticket
    client_order_id = record.client_order_id or client_order_id
    said = {
        "at": instant_text(record.at),
        "client_order_id": client_order_id,
        "code": record.code,
        "filled": str(record.traded),
        "id": venue_order_id(record.order_id),
        "quantity": str(ticket.quantity),
        "reason": record.reason,
        "side": ticket.side.value,
        "status": record.status.value,
        "symbol": ticket.symbol.code,
    }
    return VenueOrder(
        venue_order_id=venue_order_id(record.order_id),
        client_order_id=client_order_id,
        symbol=ticket.symbol,
        side=ticket.side,
        quantity=ticket.quantity,
        filled=record.traded,
        status=_STATUSES[record.status],
        at=record.at,
        raw=json.dumps({name: text for name, text in said.items() if text}),
        limit_price=ticket.limit_price,
        stop_price=ticket.stop_price,
        reason=record.reason,
    )


def told_trade(event: PaperTraded, symbol: Symbol) -> VenueTrade:
    """Return a trade."""
    said = {
        "at": instant_text(event.at),
        "client_order_id": event.client_order_id,
        "fee": str(event.fee),
        "id": event.trade_id,
        "liquidity": "maker" if event.maker else "taker",
        "model": event.model,
        "order": venue_order_id(event.order_id),
        "price": str(event.price),
        "quantity": str(event.quantity),
        "side": event.side.value,
        "symbol": symbol.code,
    }
    return VenueTrade(
        trade_id=event.trade_id,
        venue_order_id=venue_order_id(event.order_id),
        client_order_id=event.client_order_id,
        symbol=symbol,
        side=event.side,
        quantity=event.quantity,
        price=event.price,
        fee=event.fee,
        at=event.at,
        raw=json.dumps(said),
    )
