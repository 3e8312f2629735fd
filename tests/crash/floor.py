"""A desk at work: the real writer in memory, a venue that keeps the truth, and time that obeys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from typing import Any

from tests.builders import limits
from tests.stores import Desk, MemoryStore, Owned
from tests.venues.in_process import KEY, BookVenue, Time
from traderbot.application.ports.views import OrderFilter
from traderbot.application.trading.alarms import Alarm
from traderbot.application.trading.desk import TradingDesk
from traderbot.application.trading.pace import DeskPace
from traderbot.application.views import OrderView
from traderbot.domain.shared.ids import OrderId
from traderbot.infrastructure.system import Uuid7Source

SECONDS = 1.0


class Floor:
    """One portfolio, one venue, one desk that can be started again."""

    def __init__(self, stack: ExitStack, seed: int) -> None:
        self.time = Time()
        self.store = MemoryStore(stack)
        loose = limits(order_notional_max="1000000000", order_notional_fraction="1")
        self.writing: Desk = self.store.desk(
            limits=loose, clock=self.time, ids=Uuid7Source(), venue=BookVenue.name
        )
        self.owned: Owned = self.writing.portfolio("100000000 USD")
        self.venue = BookVenue(self.time, seed)
        self.alarms: list[Alarm] = []
        self.desk = self.start()
        # Whichever desk there is then: it may be another one by the time there is news.
        stack.enter_context(self.venue.follow(lambda news: self.desk.hear(news)))  # noqa: PLW0108

    def start(self) -> TradingDesk:
        """Return a desk that knows nothing but what is on record."""
        self.desk = TradingDesk(
            self.writing.writer,
            self.writing.views,
            self.venue,
            self.time,
            alarms=self.alarms.append,
            pace=DeskPace(),
            monotonic=self.time.monotonic,
        )
        return self.desk

    def place(self, **ticket: Any) -> OrderView:
        return self.writing.place(self.owned, **ticket)

    def now(self, order: OrderView) -> OrderView:
        found = self.writing.views.order(None, OrderId(order.order_id))
        assert found is not None
        return found

    def orders(self) -> list[OrderView]:
        found: list[OrderView] = []
        cursor: str | None = None
        while True:
            page = self.writing.views.orders(OrderFilter(), limit=200, cursor=cursor)
            found += page.items
            cursor = page.next_cursor
            if cursor is None:
                return found

    def go_on(self, seconds: float, step: float = SECONDS) -> None:
        """Let time pass; the venue speaks and the desk looks once in each step."""
        for _ in range(round(seconds / step)):
            self.time.pass_(step)
            self.venue.speak()
            self.desk.look()

    def events(self) -> int:
        return len(self.store.log())

    def assert_books_agree(self) -> None:
        """Compare every order, every trade and the position with the venue's truth."""
        book = self.venue.book
        book.check()
        theirs = {it.client_id: it for it in book.orders(KEY)}
        ours = {it.order_id.replace("-", ""): it for it in self.orders()}
        assert theirs.keys() <= ours.keys()
        assert len(theirs) == len(book.orders(KEY)), "an order was sent twice"
        for name, order in ours.items():
            truth = theirs.get(name)
            if truth is None:
                assert order.filled == "0", order
                if order.status == "unconfirmed":  # sent twice, and a person was called
                    assert order.attempts == 2
                    assert order.order_id in {it.order_id for it in self.alarms}
                    continue
                assert order.status in {"rejected", "canceled", "approved", "refused"}, order
                continue
            assert Decimal(order.filled) == truth.filled, (order, truth)
            alive = order.status in {"accepted", "partially_filled", "pending_cancel"}
            assert alive is truth.status.is_open, (order.status, truth.status)
        portfolio = self.writing.portfolio_now(self.owned)
        held = {it.symbol: Decimal(it.quantity) for it in portfolio.positions}
        balances = book.accounts[KEY].balances
        assert held.get("AAPL", Decimal(0)) == balances["AAPL"].total
        cash = {it.currency: Decimal(it.total) for it in portfolio.balances}
        assert cash["USD"] - 10**8 == balances["USD"].total - 10**9


@contextmanager
def floor(seed: int = 0) -> Iterator[Floor]:
    with ExitStack() as stack:
        yield Floor(stack, seed)
