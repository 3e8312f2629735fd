"""One trader at a desk in memory, and the short way to what venues and people do to an order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import count
from typing import Any

from tests.builders import NOON, a_fill, a_ticket, limits
from tests.stores import Desk, LogLine, MemoryStore, Owned
from traderbot.application.commands.amend_order import AmendmentView, AmendOrder
from traderbot.application.commands.place_order import PlaceOrder
from traderbot.application.commands.record_fill import RecordFill
from traderbot.application.commands.venue_answers import (
    BeginSubmission,
    Heard,
    RecordVenueAnswer,
)
from traderbot.application.ports.views import OrderFilter
from traderbot.application.views import OrderView
from traderbot.domain.orders.order import Order
from traderbot.domain.orders.ticket import Exits, Ticket
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.risk.events import AlarmRaised
from traderbot.domain.risk.limits import Limits
from traderbot.domain.shared.ids import OrderId
from traderbot.domain.shared.values import Currency, Price, Quantity, symbol
from traderbot.infrastructure.event_store.codec import EventCodec

USD = Currency("USD")
VENUE = "elsewhere"
CODEC = EventCodec()
# Nothing here is about how large an order may be.
ROOMY = limits(order_notional_max="10000000", order_notional_fraction="1", fee_bps="0")


@dataclass
class Trader:
    """A portfolio with cash, and its orders."""

    desk: Desk
    owned: Owned
    fills: Iterator[int] = field(default_factory=count)
    log: Callable[[], list[LogLine]] = list  # every event there is

    def afresh(self) -> Trader:
        """Return the same desk with another portfolio, that holds nothing but cash."""
        return replace(self, owned=self.desk.second_portfolio(self.owned.owner))

    def ticket(
        self,
        *,
        take_profit: str | None = None,
        stop_loss: str | None = None,
        client_order_id: str | None = None,
        reduce_only: bool = False,
        **ticket: Any,
    ) -> Ticket:
        exits = None
        if take_profit or stop_loss:
            exits = Exits(
                take_profit=Price(take_profit) if take_profit else None,
                stop_loss=Price(stop_loss) if stop_loss else None,
            )
        return replace(
            a_ticket(**{"limit_price": "100", **ticket}),
            portfolio_id=self.owned.id,
            exits=exits,
            client_order_id=client_order_id,
            reduce_only=reduce_only,
        )

    def alarms(self) -> list[AlarmRaised]:
        """Return what people were told to look at in this portfolio, oldest first."""
        stream = f"risk-portfolio-{self.owned.id}"
        events = [CODEC.event_of(line.body) for line in self.log() if line.stream == stream]
        return [it for it in events if isinstance(it, AlarmRaised)]

    def place(self, **ticket: Any) -> OrderView:
        wish = self.ticket(**ticket)
        return self.desk.run(PlaceOrder(owner_id=self.owned.owner, ticket=wish))

    def send(self, *orders: OrderView) -> None:
        """Have the venue accept them."""
        for order in orders:
            id_ = OrderId(order.order_id)
            self.desk.run(BeginSubmission(order_id=id_, venue=VENUE, account="main"))
            self.hear(order, Heard.ACCEPTED)

    def working(self, **ticket: Any) -> OrderView:
        order = self.place(**ticket)
        assert order.status == "approved", order.reasons
        self.send(order)
        return self.now(order)

    def hear(self, order: OrderView, heard: Heard, **said: Any) -> OrderView:
        return self.desk.run(
            RecordVenueAnswer(
                order_id=OrderId(order.order_id),
                venue=VENUE,
                call="stream",
                heard=heard,
                reason="so it says",
                venue_order_id=f"v-{order.order_id}",
                **said,
            )
        )

    def fill(
        self, order: OrderView, quantity: str, *, price: str = "100", fill_id: str | None = None
    ) -> OrderView:
        fill = a_fill(
            fill_id=fill_id or f"fill-{next(self.fills)}", quantity=quantity, price=price, at=NOON
        )
        return self.desk.run(RecordFill(order_id=OrderId(order.order_id), fill=fill))

    def amend(
        self,
        order: OrderView,
        *,
        quantity: str | None = None,
        limit_price: str | None = None,
        stop_price: str | None = None,
    ) -> AmendmentView:
        return self.desk.run(
            AmendOrder(
                owner_id=self.owned.owner,
                order_id=OrderId(order.order_id),
                quantity=None if quantity is None else Quantity(quantity),
                limit_price=None if limit_price is None else Price(limit_price),
                stop_price=None if stop_price is None else Price(stop_price),
            )
        )

    def cancel(self, order: OrderView) -> OrderView:
        return self.desk.cancel(order)

    def now(self, order: OrderView) -> OrderView:
        view = self.desk.views.order(self.owned.owner, OrderId(order.order_id))
        assert view is not None
        return view

    def orders(self) -> list[OrderView]:
        """Return all of them, oldest first."""
        page = self.desk.views.orders(OrderFilter(portfolio_id=self.owned.id), limit=200)
        return sorted(page.items, key=lambda it: (it.placed_at, it.order_id))

    def exits_of(self, order: OrderView) -> list[OrderView]:
        """Return the orders that are exits of that one, by their ids."""
        found = [it for it in self.orders() if it.parent_id == order.order_id]
        return sorted(found, key=lambda it: it.order_id)

    def order(self, order: OrderView) -> Order:
        """Return the aggregate."""
        found: Order | None = self.desk.do(lambda unit: unit.orders.find(order.order_id))
        assert found is not None
        return found

    def portfolio(self) -> Portfolio:
        """Return the aggregate."""
        found: Portfolio | None = self.desk.do(lambda unit: unit.portfolios.find(self.owned.id))
        assert found is not None
        return found

    def claimed(self, code: str = "AAPL") -> int:
        return _whole(self.portfolio().position_in(symbol(code)).claimed.value)

    def held(self, code: str = "AAPL") -> int:
        return _whole(self.portfolio().position_in(symbol(code)).net)

    def closing(self, order: OrderView) -> int:
        """Return how much of a position the order claims for itself."""
        return _whole(self.order(order).closing.value)


def _whole(amount: Decimal) -> int:
    assert amount == int(amount)
    return int(amount)


@contextmanager
def trading(
    *, cash: str = "100000 USD", within: Limits = ROOMY, closes: dict[str, str] | None = None
) -> Iterator[Trader]:
    """Open a desk with one portfolio; `closes` are the last known prices of symbols."""
    with ExitStack() as stack:
        store = MemoryStore(stack)
        known = {symbol(code): Price(price) for code, price in (closes or {}).items()}
        store.memory.latest_close = known.get
        desk = store.desk(limits=within)
        yield Trader(desk, desk.portfolio(cash), log=store.log)
