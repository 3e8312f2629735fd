"""A real desk at an exchange of ccxt: coins bought in one pair and paid with in another agree."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from decimal import Decimal

import pytest

from tests.builders import limits
from tests.stores import Desk, MemoryStore, Owned
from tests.venues.kraken import KrakenServer
from tests.venues.orders import Top
from traderbot.application.trading.alarms import Alarm
from traderbot.application.trading.desk import TradingDesk
from traderbot.application.trading.pace import DeskPace
from traderbot.application.views import OrderView
from traderbot.domain.shared.ids import OrderId
from traderbot.infrastructure.brokers.ccxt_unified import UnifiedVenue
from traderbot.infrastructure.system import SystemClock, Uuid7Source

KEY, SECRET = "key", base64.b64encode(b"secret").decode()


@dataclass(slots=True)
class Floor:
    """A desk at Kraken's server, and what it told."""

    server: KrakenServer
    store: MemoryStore
    writing: Desk
    owned: Owned
    desk: TradingDesk
    alarms: list[Alarm]

    def buy(self, code: str, quantity: str, price: str) -> OrderView:
        order = self.writing.place(
            self.owned, symbol_code=code, quantity=quantity, limit_price=price
        )
        assert order.status == "approved", order.reasons
        return order

    def until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 30
        while not holds():
            assert time.monotonic() < deadline, "it did not come about"
            self.desk.look()
            time.sleep(0.02)

    def status(self, order: OrderView) -> str:
        found = self.writing.views.order(None, OrderId(order.order_id))
        assert found is not None
        return found.status

    def types(self) -> list[str]:
        lines = [it for it in self.store.log() if it.stream.startswith("venue-")]
        return [json.loads(it.body)["type"] for it in lines]


@pytest.fixture
def on() -> Iterator[Floor]:
    server = KrakenServer()
    cash = {"USD": Decimal(100_000), "BTC": Decimal(10)}
    server.book.open_account(KEY, SECRET, cash)
    clock = SystemClock()
    with ExitStack() as stack:
        stack.enter_context(server)
        store = MemoryStore(stack)
        loose = limits(order_notional_max="1000000", order_notional_fraction="1")
        writing = store.desk(limits=loose, clock=clock, ids=Uuid7Source(), venue="kraken")
        venue = stack.enter_context(
            closing(
                UnifiedVenue(
                    "kraken",
                    account="main",
                    key=KEY,
                    secret=SECRET,
                    clock=clock,
                    address=server.host,
                )
            )
        )
        alarms: list[Alarm] = []
        pace = DeskPace(reconcile=0.2, retry=0.1)
        desk = TradingDesk(
            writing.writer, writing.views, venue, clock, alarms=alarms.append, pace=pace
        )
        yield Floor(server, store, writing, writing.portfolio("2 BTC"), desk, alarms)


def test_what_was_bought_with_a_coin_is_missing_from_that_coin_and_no_difference(
    on: Floor,
) -> None:
    on.server.book.set_price("XETHXXBT", Top(Decimal("0.049"), Decimal("0.05")))
    order = on.buy("ETH/BTC", "10", "0.05")
    on.until(lambda: on.status(order) == "filled")
    on.until(lambda: on.types().count("venue.baseline_recorded") == 2)
    on.until(lambda: not on.desk.reconcile().unsettled)
    again = on.buy("ETH/BTC", "4", "0.05")
    on.until(lambda: on.status(again) == "filled")
    for _ in range(3):
        on.until(lambda: not on.desk.reconcile().unsettled)
    assert on.alarms == []
    on.server.book.accounts[KEY].balance("BTC").free -= 1
    on.until(lambda: bool(on.alarms))
    assert [(it.kind.value, it.key) for it in on.alarms] == [("position", "position:BTC/USD")]
    on.server.book.accounts[KEY].balance("BTC").free += 1
    on.until(lambda: on.types()[-1] == "venue.difference_ended")


def test_the_switch_is_armed_at_the_venue_before_the_first_order_comes(on: Floor) -> None:
    order = on.buy("ETH/BTC", "10", "0.04")
    on.until(lambda: on.status(order) == "accepted")
    assert on.server.armed
    paths = [it.path.rpartition("/")[2] for it in on.server.seen]
    assert paths.index("CancelAllOrdersAfter") < paths.index("AddOrder")
    on.desk._let_be()
    assert on.server.armed[-1] == 0
    assert on.types()[-1] == "venue.dead_man_disarmed"
