"""Views that remember answer as those do that do not, after every command, at once."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.builders import a_fill, limits
from tests.stores import Desk, Store
from traderbot.application.ports.views import OrderFilter, Views
from traderbot.application.use_cases import UseCases
from traderbot.domain.shared.ids import OrderId, PortfolioId, UserId
from traderbot.infrastructure.cached_views import CachedViews, ForgettingSink
from traderbot.infrastructure.event_bus import EventBus
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.persistence.writer import Writer
from traderbot.infrastructure.system import SystemClock, Uuid7Source


class Counted:
    """Views that count how often they are asked."""

    def __init__(self, inner: Views) -> None:
        self._inner = inner
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        question: Callable[..., Any] = getattr(self._inner, name)

        def ask(*args: Any, **kwargs: Any) -> Any:
            self.asked += 1
            return question(*args, **kwargs)

        return ask


@pytest.fixture
def counted(store: Store) -> Counted:
    return Counted(store.views())


@pytest.fixture
def desk(store: Store, counted: Counted) -> Iterator[Desk]:
    clock, ids = SystemClock(), Uuid7Source()
    inner: Any = counted
    views = CachedViews(inner, seconds=600)
    with ExitStack() as stack:
        bus = EventBus()
        stack.callback(bus.close)
        writer = Writer(
            store.storage,
            UseCases.build(limits(), clock, ids).handlers(),
            codec=EventCodec(),
            clock=clock,
            ids=ids,
            sink=ForgettingSink(bus, views),
        )
        stack.callback(writer.close)
        yield Desk(writer, views)


def test_every_question_is_passed_on() -> None:
    """One that was forgotten would be answered with nothing."""
    questions = {name for name in vars(Views) if not name.startswith("_")}
    assert questions <= set(vars(CachedViews))


def test_after_every_command_both_say_the_same(desk: Desk, store: Store) -> None:
    plain, cached = store.views(), desk.views
    draw = random.Random(7)  # noqa: S311 - a test's
    people = [desk.portfolio("1000000 USD", email=f"{it}@example.org") for it in "ab"]
    orders: list[Any] = []
    fills = 0

    def compare() -> None:
        for one in (*people, None):
            owner = one.owner if one else UserId("nobody")
            for asked in (owner, None):
                for each in people:
                    assert cached.portfolio(asked, each.id) == plain.portfolio(asked, each.id)
                    assert tuple(cached.positions(asked, each.id)) == tuple(
                        plain.positions(asked, each.id)
                    )
                assert cached.portfolios(asked) == plain.portfolios(asked)
                assert cached.trades(asked) == plain.trades(asked)
                for order in orders[-3:]:
                    id_ = OrderId(order.order_id)
                    assert cached.order(asked, id_) == plain.order(asked, id_)
                which = OrderFilter(owner_id=asked)
                assert cached.orders(which) == plain.orders(which)
            assert cached.user(owner) == plain.user(owner)
        assert cached.users() == plain.users()

    for _ in range(25):
        compare()
        match draw.choice(["place", "place", "fill", "cancel", "deposit"]):
            case "place":
                orders.append(desk.place(draw.choice(people)))
            case "fill" if orders:
                fills += 1
                order = draw.choice(orders)
                now = plain.order(None, OrderId(order.order_id))
                if now is not None and now.status == "open":
                    desk.fill(order, a_fill(fill_id=f"fill-{fills}", quantity="1", price="100"))
            case "cancel" if orders:
                order = orders.pop()
                now = plain.order(None, OrderId(order.order_id))
                if now is not None and now.status == "open":
                    desk.cancel(order)
            case _:
                desk.deposit(draw.choice(people), "1 USD")
    compare()


def test_what_is_asked_again_is_not_asked_of_the_database(desk: Desk, counted: Counted) -> None:
    owned = desk.portfolio()
    order = desk.place(owned)
    before = counted.asked
    for _ in range(100):
        assert desk.views.portfolio(owned.owner, owned.id) is not None
        assert desk.views.order(owned.owner, OrderId(order.order_id)) is not None
        assert desk.views.orders(OrderFilter(owner_id=owned.owner)).items
    assert counted.asked - before == 3


def test_somebody_elses_thing_does_not_exist_though_it_is_remembered(desk: Desk) -> None:
    owned = desk.portfolio()
    order = desk.place(owned)
    assert desk.views.portfolio(owned.owner, owned.id) is not None
    assert desk.views.order(None, OrderId(order.order_id)) is not None
    eve = UserId(desk.user("eve@example.org").user_id)
    assert desk.views.portfolio(eve, owned.id) is None
    assert desk.views.order(eve, OrderId(order.order_id)) is None
    assert desk.views.portfolio(eve, PortfolioId("nothing")) is None


def test_whoever_wrote_reads_it_whatever_others_read_meanwhile(desk: Desk) -> None:
    owned = desk.portfolio("0.01 USD")
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            desk.views.portfolio(owned.owner, owned.id)
            desk.views.portfolios(owned.owner)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for each in readers:
        each.start()
    try:
        for _ in range(100):
            acknowledged = desk.deposit(owned, "1 USD")
            assert desk.views.portfolio(owned.owner, owned.id) == acknowledged
            assert desk.views.portfolios(owned.owner).items == (acknowledged,)
    finally:
        done.set()
        for each in readers:
            each.join()
