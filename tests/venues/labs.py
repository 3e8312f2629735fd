"""A venue's adapter with the venue behind it, for tests that ask every adapter the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any

from tests.builders import PORTFOLIO_ID
from tests.venues.alpaca import AlpacaServer
from tests.venues.binance import BinanceServer
from tests.venues.orders import Order, Top
from tests.venues.serving import VenueServer
from traderbot.application.errors import VenueUnavailableError
from traderbot.application.ports.venue import Venue, WorkingOrder
from traderbot.domain.orders.ticket import OrderKind, Side, Ticket, TimeInForce
from traderbot.domain.shared.ids import OrderId
from traderbot.domain.shared.values import Price, Quantity, Symbol, symbol
from traderbot.infrastructure.brokers.alpaca_venue import AlpacaVenue
from traderbot.infrastructure.brokers.ccxt_venue import CcxtVenue
from traderbot.infrastructure.system import SystemClock

KEY, SECRET = "a-key-of-nobody", "a-secret-of-nobody"
PATIENT_SECONDS = 5.0  # the machine is shared, and slowness is no failure
IMPATIENT_SECONDS = 0.6


@dataclass(slots=True)
class Lab:
    """An adapter, the server it speaks to, and what is traded there."""

    server: VenueServer
    venue: Venue
    build: Callable[..., Any]
    symbol: Symbol
    listed: str  # the server's name of the symbol
    quote: str
    gone: Symbol  # not traded there
    duration: TimeInForce = TimeInForce.GTC
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def order(self, **how: Any) -> WorkingOrder:
        """Make an order as the program would send it; a limit that rests, unless told."""
        number = next(self._numbers)
        kind = how.pop("kind", OrderKind.LIMIT)
        price = how.pop("price", "90" if kind is OrderKind.LIMIT else None)
        quantity = how.pop("quantity", "2")
        of = how.pop("symbol", self.symbol)
        client_order_id = how.pop("client_order_id", f"{number:032x}")
        ticket = Ticket(
            portfolio_id=PORTFOLIO_ID,
            symbol=of,
            side=how.pop("side", Side.BUY),
            quantity=Quantity(quantity),
            kind=kind,
            limit_price=None if price is None else Price(price),
            time_in_force=how.pop("duration", self.duration),
            **how,
        )
        return WorkingOrder(
            order_id=OrderId(f"0192f0c1-0000-7000-8000-{number:012x}"),
            ticket=ticket,
            remaining=ticket.quantity,
            placed_at=datetime.now(UTC),
            client_order_id=client_order_id,
        )

    def market(self, bid: str = "99", ask: str = "100") -> None:
        """Set the best prices."""
        self.server.book.set_price(self.listed, Top(Decimal(bid), Decimal(ask)))

    def theirs(self, order: WorkingOrder) -> list[Order]:
        """Return what the venue has under an order's name."""
        return [it for it in self.server.book.orders() if it.client_id == order.client_order_id]

    def fill(self, order: WorkingOrder, quantity: str, price: str = "90") -> None:
        """Trade a part of an order."""
        self.server.book.fill(self.theirs(order)[-1], Decimal(quantity), Decimal(price))

    def another(self) -> Any:
        """Build the adapter anew, as after a restart."""
        return self.build(address=self.server.host)

    @contextmanager
    def impatient(self) -> Iterator[Venue]:
        """Build the adapter with a time-out a test can wait for."""
        with closing(
            self.build(address=self.server.host, timeout_seconds=IMPATIENT_SECONDS)
        ) as venue:
            for _ in range(20):
                with suppress(VenueUnavailableError):
                    venue.instrument(self.symbol)
                    break
            yield venue

    def named(self, order: WorkingOrder, venue_order_id: str | None) -> WorkingOrder:
        """Return the order as it is once the venue's name of it is known."""
        return replace(order, venue_order_id=venue_order_id)


def ccxt_venue(**how: Any) -> CcxtVenue:
    """Build the adapter of crypto venues for the account of the labs."""
    fields: Mapping[str, Any] = {
        "account": "main",
        "key": KEY,
        "secret": SECRET,
        "clock": SystemClock(),
        "timeout_seconds": PATIENT_SECONDS,
    }
    return CcxtVenue(**{**fields, **how})


def alpaca_venue(**how: Any) -> AlpacaVenue:
    """Build Alpaca's adapter for the account of the labs."""
    fields: Mapping[str, Any] = {
        "account": "main",
        "key": KEY,
        "secret": SECRET,
        "clock": SystemClock(),
        "timeout_seconds": PATIENT_SECONDS,
    }
    return AlpacaVenue(**{**fields, **how})


@contextmanager
def lab(kind: str) -> Iterator[Lab]:
    """Run a venue and its adapter: `ccxt` or `alpaca`."""
    if kind == "ccxt":
        server: VenueServer = BinanceServer()
        build: Callable[..., Any] = ccxt_venue
        names = ("BTC/USDT", "BTCUSDT", "USDT", "DOGE/USDT", "BTC")
    else:
        alpaca = AlpacaServer()
        alpaca.limit = 1_000_000
        server, build = alpaca, alpaca_venue
        names = ("AAPL", "AAPL", "USD", "NOPE", "AAPL")
    traded, listed, quote, gone, base = names
    balances = {quote: Decimal(100_000), base: Decimal(100)}
    server.book.open_account(KEY, SECRET, balances)
    with server:
        venue = build(address=server.host)
        try:
            yield Lab(server, venue, build, symbol(traded), listed, quote, symbol(gone))
        finally:
            venue.close()
    server.book.check()
