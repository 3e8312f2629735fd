"""The peer: the `eventsourcing` library (version 9.5), used as its documentation shows."""

from __future__ import annotations

import tempfile
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from sqlalchemy.engine import make_url

from benchmarks.databases import Databases


class PeerOrder(Aggregate):
    """An order with the same facts as ours."""

    @event("Placed")
    def __init__(
        self, portfolio_id: str, symbol: str, side: str, quantity: Decimal, price: Decimal
    ) -> None:
        self.portfolio_id = portfolio_id
        self.symbol = symbol
        self.side = side
        self.quantity = quantity
        self.price = price
        self.filled = Decimal(0)
        self.paid = Decimal(0)
        self.status = "placed"

    @event("Accepted")
    def accept(self, venue: str, venue_order_id: str) -> None:
        """Note that the venue has it."""
        self.venue_order_id = venue_order_id
        self.status = "accepted"

    @event("Approved")
    def approve(
        self, reserved: Decimal, closing: Decimal, reference: Decimal, checks: list[dict[str, str]]
    ) -> None:
        """Note the gate's verdict."""
        self.reserved = reserved
        self.status = "approved"

    @event("Filled")
    def fill(
        self, fill_id: str, quantity: Decimal, price: Decimal, fee: Decimal, used: Decimal
    ) -> None:
        """Note a fill."""
        self.filled += quantity
        self.paid += quantity * price
        self.reserved -= used
        self.status = "filled" if self.filled >= self.quantity else "partially_filled"


class PeerPortfolio(Aggregate):
    """The portfolio that an order sets cash aside in."""

    @event("Opened")
    def __init__(self, owner_id: str, cash: Decimal) -> None:
        self.owner_id = owner_id
        self.free = cash
        self.reserved = Decimal(0)

    @event("ExposureReserved")
    def reserve(self, order_id: UUID, symbol: str, cash: Decimal, closing: Decimal) -> None:
        """Set cash aside."""
        self.free -= cash
        self.reserved += cash


class PeerOrders(Application[Any]):
    """The library's own way to save aggregates."""


class EventsourcingOrders:
    """Appends one placed order per call."""

    def __init__(self, databases: Databases) -> None:
        """Open the library's application on a database of the same kind, with its defaults."""
        self._folder = tempfile.TemporaryDirectory(prefix="traderbot-bench-")
        environment = {"PERSISTENCE_MODULE": "eventsourcing.sqlite"}
        if databases.server is None:
            environment["SQLITE_DBNAME"] = str(Path(self._folder.name) / "peer.db")
        else:
            url = make_url(databases.new())
            environment = {
                "PERSISTENCE_MODULE": "eventsourcing.postgres",
                "POSTGRES_DBNAME": str(url.database),
                "POSTGRES_HOST": str(url.query["host"]),
                "POSTGRES_PORT": "5432",
                "POSTGRES_USER": str(url.username),
                "POSTGRES_PASSWORD": "-",
                # Enough connections for sixteen at once; the others wait in the library's pool.
                "POSTGRES_POOL_SIZE": "16",
                "POSTGRES_MAX_OVERFLOW": "0",
                "POSTGRES_MAX_WAITING": "0",
            }
        self.application = PeerOrders(env=environment)

    def append(self, _caller: int, _number: int) -> None:
        """Save one new aggregate."""
        self.application.save(
            PeerOrder(
                portfolio_id="0192f0c1-7a3e-7b52-8c11-2f3d4e5a6b7c",
                symbol="IBM",
                side="buy",
                quantity=Decimal(10),
                price=Decimal("120.50"),
            )
        )

    def close(self) -> None:
        """Close it."""
        self.application.close()
        self._folder.cleanup()


class EventsourcingThreeEvents(EventsourcingOrders):
    """Writes the same three events for an order as we do: placed, approved, cash reserved.

    The portfolios stay in memory behind a lock each: the library would otherwise read a history
    that grows with every order, or have callers overtake each other and try again.
    """

    def __init__(self, databases: Databases, portfolios: int) -> None:
        """Open it, with a few portfolios that can afford everything."""
        super().__init__(databases)
        self._portfolios = [
            PeerPortfolio(owner_id="bench", cash=Decimal(1_000_000_000_000))
            for _ in range(portfolios)
        ]
        self._locks = [threading.Lock() for _ in range(portfolios)]
        self.application.save(*self._portfolios)

    def append(self, caller: int, _number: int) -> None:
        """Save a new order, approved, and what it sets aside, in one transaction."""
        which = caller % len(self._portfolios)
        cost, price = Decimal("1206.205"), Decimal("120.50")
        with self._locks[which]:
            portfolio = self._portfolios[which]
            order = PeerOrder(
                portfolio_id=str(portfolio.id),
                symbol="IBM",
                side="buy",
                quantity=Decimal(10),
                price=price,
            )
            checks = [
                {
                    "code": "INSUFFICIENT_FUNDS",
                    "limit": f"{portfolio.free} USD",
                    "value": f"{cost} USD",
                },
                {"code": "ORDER_NOTIONAL_MAX", "limit": "10000 USD", "value": "1205 USD"},
            ]
            order.approve(reserved=cost, closing=Decimal(0), reference=price, checks=checks)
            portfolio.reserve(order_id=order.id, symbol="IBM", cash=cost, closing=Decimal(0))
            self.application.save(order, portfolio)
