"""Several desks in several processes on one database: each order leaves once."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from tests.crash.desks import LOOSE, desk_process
from tests.stores import Desk, Owned, SqlStore
from tests.venues.control import Control, venue_process
from tests.venues.faults import Call, Fault
from traderbot.application.commands.halting import HaltTrading
from traderbot.application.views import OrderView
from traderbot.domain.risk.trading_state import Scope, ScopeKind
from traderbot.domain.shared.ids import OrderId
from traderbot.infrastructure.persistence.database import writer_engine
from traderbot.infrastructure.persistence.migrate import upgrade

ORDERS = 12


@dataclass(frozen=True, slots=True)
class Stage:
    """A database, a venue, and somebody who places orders."""

    url: str
    folder: Path
    control: Control
    writing: Desk
    owned: Owned

    def place(self, quantity: str = "0.1", price: str = "90") -> OrderView:
        order = self.writing.place(
            self.owned, symbol_code="BTC/USDT", quantity=quantity, limit_price=price
        )
        assert order.status == "approved", order.reasons
        return order

    def now(self, order: OrderView) -> OrderView:
        found = self.writing.views.order(None, OrderId(order.order_id))
        assert found is not None
        return found


@pytest.fixture(params=["sqlite", "postgres"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
    else:
        url = f"sqlite:///{tmp_path}/traderbot.db"
    engine = writer_engine(url)
    upgrade(engine)
    engine.dispose()
    with (
        venue_process("tests.venues.binance", tmp_path, "--balance", "USDT=1000000") as control,
        ExitStack() as stack,
    ):
        control.price("BTCUSDT", "99", "100")
        writing = SqlStore(stack, url).desk(limits=LOOSE, venue="binance")
        owned = writing.portfolio("1000000 USDT")
        yield Stage(url, tmp_path, control, writing, owned)


def until(holds: Callable[[], bool], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def test_three_desks_send_each_order_once_and_book_each_trade_once(stage: Stage) -> None:
    with ExitStack() as desks:
        for number in range(3):
            desks.enter_context(desk_process(stage.url, stage.control.url, stage.folder, number))
        stage.control.fail(Fault.ERROR_AFTER, Call.SUBMIT, count=3)
        orders = [stage.place(price="101" if number % 2 else "90") for number in range(ORDERS)]
        wanted = [it for number, it in enumerate(orders) if number % 4 == 0]

        def settled() -> bool:
            return all(stage.now(it).status in {"accepted", "filled"} for it in orders)

        until(settled)
        for order in wanted:
            stage.writing.cancel(stage.now(order))
        until(lambda: all(stage.now(it).status == "canceled" for it in wanted))
    truth = stage.control.orders()
    sent = Counter(it["client_id"] for it in truth)
    assert sent == Counter(it.order_id.replace("-", "") for it in orders)
    filled = sum((Decimal(stage.now(it).filled) for it in orders), Decimal(0))
    assert filled == Decimal("0.1") * (ORDERS // 2)
    assert all(stage.now(it).attempts == 1 for it in orders)


@pytest.mark.parametrize("stage", ["sqlite"], indirect=True)
def test_a_desk_ends_within_ten_seconds_while_every_call_hangs(stage: Stage) -> None:
    with desk_process(stage.url, stage.control.url, stage.folder, timeout=20.0) as process:
        stage.control.fail(
            Fault.TIMEOUT_BEFORE, Call.SUBMIT, Call.QUERY, Call.LIST, Call.CANCEL, seconds=60
        )
        orders = [stage.place() for _ in range(10)]
        until(lambda: any(stage.now(it).status == "submitting" for it in orders))
        time.sleep(0.5)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
        assert time.monotonic() - began < 10
    left = {stage.now(it).status for it in orders}
    assert left <= {"approved", "submitting", "unknown"}, "nothing is concluded from silence"
    stage.control.heal()
    with desk_process(stage.url, stage.control.url, stage.folder):
        until(lambda: all(stage.now(it).status == "accepted" for it in orders), 90)
    sent = Counter(it["client_id"] for it in stage.control.orders())
    assert sent == Counter(it.order_id.replace("-", "") for it in orders)


@pytest.mark.parametrize("stage", ["postgres"], indirect=True)
def test_a_halt_outlives_kill_9_and_nothing_leaves_after_it(stage: Stage) -> None:
    with desk_process(stage.url, stage.control.url, stage.folder) as process:
        first = stage.place()
        until(lambda: stage.now(first).status == "accepted")
        waiting = [stage.place() for _ in range(5)]
        halt = HaltTrading(scope=Scope(ScopeKind.SYSTEM), reason="a test", cause="OPERATOR")
        stage.writing.run(halt)
        process.kill()
        process.wait(timeout=10)
    stage.control.heal()
    before = {it["client_id"] for it in stage.control.orders()}
    with desk_process(stage.url, stage.control.url, stage.folder):
        refused = stage.writing.place(
            stage.owned, symbol_code="BTC/USDT", quantity="0.1", limit_price="90"
        )
        assert (refused.status, refused.reasons[0].code) == ("refused", "TRADING_HALTED")
        time.sleep(1.5)
    after = {it["client_id"] for it in stage.control.orders()}
    unsent = {it.order_id.replace("-", "") for it in waiting} - before
    assert not unsent & after
