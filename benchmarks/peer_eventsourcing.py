"""The peer: the `eventsourcing` library (version 9.5), used as its documentation shows."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

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
