from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest

from tests.builders import canceled, deposited, placed
from traderbot.application.ports.event_bus import HandlerKind, Published
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.domain.orders.events import OrderCanceled, OrderPlaced
from traderbot.domain.portfolio.events import CashDeposited
from traderbot.infrastructure.event_bus import EventBus

UNIT = cast("UnitOfWork", object())


@pytest.fixture
def bus() -> Iterator[EventBus]:
    made = EventBus(capacity=4)
    yield made
    made.close()


def test_a_handler_hears_of_its_own_type_only_and_in_order(bus: EventBus) -> None:
    heard: list[Published] = []
    bus.subscribe(OrderPlaced, heard.append)
    bus.committed([("order-1", 1, placed()), ("order-1", 2, canceled()), ("order-2", 1, placed())])
    bus.drain()
    assert [(it.stream, it.version) for it in heard] == [("order-1", 1), ("order-2", 1)]


def test_an_async_handler_is_awaited(bus: EventBus) -> None:
    heard: list[str] = []

    async def handler(published: Published) -> None:
        await asyncio.sleep(0)
        heard.append(published.stream)

    bus.subscribe(OrderPlaced, handler)
    bus.committed([("order-1", 1, placed())])
    bus.drain()
    assert heard == ["order-1"]


def test_a_failing_handler_harms_nobody_else(
    bus: EventBus, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[Published] = []

    def broken(_published: Published) -> None:
        msg = "on purpose"
        raise RuntimeError(msg)

    bus.subscribe(OrderPlaced, broken)
    bus.subscribe(OrderPlaced, heard.append)
    bus.committed([("order-1", 1, placed()), ("order-2", 1, placed())])
    bus.drain()
    assert len(heard) == 2
    counts = {name.rpartition(".")[2]: it for name, it in bus.statistics().items()}
    assert counts["broken"].failed == 2
    assert "on purpose" in caplog.text


def test_what_a_slow_handler_cannot_take_is_dropped_and_counted(bus: EventBus) -> None:
    release, entered = threading.Event(), threading.Event()

    def slow(_published: Published) -> None:
        entered.set()
        release.wait(10)

    bus.subscribe(OrderPlaced, slow)
    bus.committed([("order-0", 1, placed())])
    assert entered.wait(10)
    bus.committed([(f"order-{n}", 1, placed()) for n in range(1, 10)])  # four of them fit
    release.set()
    bus.drain()
    (counts,) = bus.statistics().values()
    assert (counts.handled, counts.dropped) == (5, 5)


def test_inline_handlers_run_at_once_and_their_failure_is_the_callers(bus: EventBus) -> None:
    seen: list[tuple[Any, Any]] = []

    def refuse(_event: Any, _unit: UnitOfWork) -> None:
        msg = "not like this"
        raise ValueError(msg)

    bus.subscribe(CashDeposited, lambda event, unit: seen.append((event, unit)), HandlerKind.INLINE)
    event = deposited()
    bus.inline([("portfolio-1", 2, event)], UNIT)
    assert seen == [(event, UNIT)]
    bus.subscribe(CashDeposited, refuse, HandlerKind.INLINE)
    with pytest.raises(ValueError, match="not like this"):
        bus.inline([("portfolio-1", 2, event)], UNIT)


def test_subscribers_of_every_kind_are_counted_and_can_leave(bus: EventBus) -> None:
    heard: list[Published] = []
    bus.subscribe(OrderPlaced, heard.append)
    handler = heard.append
    bus.subscribe(OrderCanceled, handler)
    bus.subscribe(OrderCanceled, lambda _event, _unit: None, HandlerKind.INLINE)
    assert bus.get_subscribers_count(OrderCanceled) == 2
    bus.unsubscribe(OrderCanceled, handler)
    assert bus.get_subscribers_count(OrderCanceled) == 1
    assert bus.get_subscribers_count(CashDeposited) == 0


@pytest.mark.parametrize("kind", [HandlerKind.DURABLE_PROJECTION, HandlerKind.DURABLE_REACTOR])
def test_a_durable_handler_is_refused_rather_than_run_without_its_promise(
    bus: EventBus, kind: HandlerKind
) -> None:
    with pytest.raises(ValueError, match="sealed log"):
        bus.subscribe(OrderPlaced, lambda _published: None, kind)


def test_closing_handles_what_waits_and_may_be_asked_twice() -> None:
    heard: list[Published] = []
    bus = EventBus()
    bus.subscribe(OrderPlaced, heard.append)
    bus.committed([("order-1", 1, placed())])
    bus.close()
    bus.close()
    assert len(heard) == 1


def test_a_handler_that_is_cancelled_harms_nobody_else(bus: EventBus) -> None:
    heard: list[Published] = []

    async def cancelled(_published: Published) -> None:
        raise asyncio.CancelledError

    bus.subscribe(OrderPlaced, cancelled)
    bus.subscribe(OrderPlaced, heard.append)
    bus.committed([("order-1", 1, placed()), ("order-2", 1, placed())])
    bus.drain()
    assert len(heard) == 2


def test_a_closed_bus_takes_nothing_in() -> None:
    bus = EventBus()
    bus.subscribe(OrderPlaced, lambda _published: None)
    bus.close()
    bus.committed([("order-1", 1, placed())])
    bus.drain()
