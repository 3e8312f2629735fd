"""The same history on both sides: orders placed, approved, accepted and filled in two parts."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from benchmarks.orders import TraderbotOrders
from benchmarks.peer_eventsourcing import PeerOrder, PeerOrders
from traderbot.application.commands.record_fill import RecordAcceptance, RecordFill
from traderbot.application.ports.commands import Command, Origin
from traderbot.application.ports.recorded import Actor
from traderbot.application.views import OrderView
from traderbot.domain.orders.ticket import Fill
from traderbot.domain.shared.ids import FillId, OrderId
from traderbot.domain.shared.values import Money, Price, Quantity

_VENUE = Origin(actor=Actor("system", "venue", "benchmark"))
_CALLERS = 64


def our_history(url: str, orders: int) -> TraderbotOrders:
    """Write `orders` orders of eight events each: five of the order, three of its portfolio."""
    ours = TraderbotOrders(url)
    executor = ours.bot.application.executor

    async def one(number: int) -> None:
        command, origin = ours.command(number)
        order = await executor.execute(command, origin)
        for step in _steps(OrderId(order.order_id)):
            await executor.execute(step, _VENUE)

    async def everyone() -> None:
        for start in range(0, orders, _CALLERS):
            await asyncio.gather(*(one(n) for n in range(start, min(start + _CALLERS, orders))))

    asyncio.run(everyone())
    return ours


def peer_history(orders: int) -> tuple[PeerOrders, tempfile.TemporaryDirectory[str]]:
    """Write `orders` aggregates of five events each with the peer, on SQLite."""
    folder = tempfile.TemporaryDirectory(prefix="traderbot-bench-")
    path = str(Path(folder.name) / "peer.db")
    peer = PeerOrders(env={"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": path})
    for start in range(0, orders, 100):
        peer.save(*(_peer_order() for _ in range(start, min(start + 100, orders))))
    return peer, folder


def _peer_order() -> PeerOrder:
    order = PeerOrder(
        portfolio_id="0192f0c1-7a3e-7b52-8c11-2f3d4e5a6b7c",
        symbol="IBM",
        side="buy",
        quantity=Decimal(10),
        price=Decimal("120.50"),
    )
    checks = [
        {"code": "INSUFFICIENT_FUNDS", "limit": "1000000 USD", "value": "1206.205 USD"},
        {"code": "ORDER_NOTIONAL_MAX", "limit": "10000 USD", "value": "1205 USD"},
    ]
    order.approve(
        reserved=Decimal("1206.205"), closing=Decimal(0), reference=Decimal("120.50"), checks=checks
    )
    order.accept(venue="paper", venue_order_id="paper-1")
    for number, quantity in enumerate((Decimal(4), Decimal(6))):
        order.fill(
            fill_id=f"fill-{number}",
            quantity=quantity,
            price=Decimal("120.25"),
            fee=Decimal("0.481"),
            used=Decimal(600),
        )
    return order


def _steps(order_id: OrderId) -> list[Command[OrderView]]:
    at = datetime.now(UTC)
    fills = [
        Fill(
            id=FillId(f"{order_id}:{number}"),
            at=at,
            quantity=Quantity(quantity),
            price=Price("120.25"),
            fee=Money("0.481", "USD"),
        )
        for number, quantity in enumerate(("4", "6"))
    ]
    return [
        RecordAcceptance(order_id=order_id, venue="paper", venue_order_id="paper-1", at=at),
        *(RecordFill(order_id=order_id, fill=fill) for fill in fills),
    ]
