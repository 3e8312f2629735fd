from __future__ import annotations

import asyncio
import functools
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pytest

from tests.builders import canceled, deposited, opened, placed
from traderbot.application.ports.event_bus import HandlerKind, Published, ReplayPolicy, Start
from traderbot.application.ports.recorded import DomainEvent
from traderbot.application.ports.subscriptions import DurableHandler
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.domain.orders.events import OrderCanceled, OrderEvent, OrderPlaced, OrderRefused
from traderbot.domain.portfolio.events import CashDeposited, PortfolioEvent
from traderbot.infrastructure.event_bus import EventBus, get_event_bus

UNIT = cast("UnitOfWork", object())


@dataclass(frozen=True)
class Tick:
    """Something that is published and never recorded."""

    number: int


@pytest.fixture
def bus() -> Iterator[EventBus]:
    made = EventBus(capacity=4)
    yield made
    made.close()


def broken(_event: object) -> None:
    msg = "on purpose"
    raise RuntimeError(msg)


async def broken_later(_event: object) -> None:
    await asyncio.sleep(0)
    broken(_event)


def counts(bus: EventBus) -> dict[str, tuple[int, int, int]]:
    return {
        name.rpartition(".")[2].rpartition(":")[2]: (it.handled, it.failed, it.dropped)
        for name, it in bus.statistics().items()
    }


# --- what is committed ------------------------------------------------------------------------


def test_a_handler_hears_of_its_own_type_only_and_in_order(bus: EventBus) -> None:
    heard: list[Any] = []
    first, second = placed(), placed(quantity="2")
    bus.subscribe(OrderPlaced, heard.append)
    bus.committed([("order-1", 1, first), ("order-1", 2, canceled()), ("order-2", 1, second)])
    bus.drain()
    assert heard == [first, second]


def test_who_subscribes_to_what_is_published_hears_of_everything_with_its_place(
    bus: EventBus,
) -> None:
    heard: list[Published] = []
    bus.subscribe(Published, heard.append)
    events: list[tuple[str, int, DomainEvent]] = [
        ("order-1", 1, placed()),
        ("portfolio-1", 7, deposited()),
    ]
    bus.committed(events)
    bus.drain()
    assert [(it.stream, it.version, it.event) for it in heard] == events


def test_an_async_handler_is_awaited(bus: EventBus) -> None:
    heard: list[object] = []

    async def handler(event: OrderPlaced) -> None:
        await asyncio.sleep(0)
        heard.append(event)

    bus.subscribe(OrderPlaced, handler)
    bus.committed([("order-1", 1, placed())])
    bus.drain()
    assert heard == [placed()]


@pytest.mark.parametrize("failing", [broken, broken_later])
def test_a_failing_handler_harms_nobody_else(
    bus: EventBus, caplog: pytest.LogCaptureFixture, failing: Callable[[object], Any]
) -> None:
    heard: list[object] = []
    bus.subscribe(OrderPlaced, failing)
    bus.subscribe(OrderPlaced, heard.append)
    bus.committed([("order-1", 1, placed()), ("order-2", 1, placed())])
    bus.drain()
    assert len(heard) == 2
    assert counts(bus) == {failing.__name__: (0, 2, 0), "append": (2, 0, 0)}
    assert "on purpose" in caplog.text


def test_what_a_slow_handler_cannot_take_is_dropped_and_counted(bus: EventBus) -> None:
    release, entered = threading.Event(), threading.Event()

    def slow(_event: OrderPlaced) -> None:
        entered.set()
        release.wait(10)

    bus.subscribe(OrderPlaced, slow)
    bus.committed([("order-0", 1, placed())])
    assert entered.wait(10)
    bus.committed([(f"order-{n}", 1, placed()) for n in range(1, 10)])  # four of them fit
    release.set()
    bus.drain()
    assert counts(bus) == {"slow": (5, 0, 5)}


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


def test_a_handler_that_is_cancelled_harms_nobody_else(bus: EventBus) -> None:
    heard: list[object] = []

    async def cancelled(_event: object) -> None:
        raise asyncio.CancelledError

    bus.subscribe(OrderPlaced, cancelled)
    bus.subscribe(OrderPlaced, heard.append)
    bus.committed([("order-1", 1, placed()), ("order-2", 1, placed())])
    bus.drain()
    assert len(heard) == 2


# --- what is published ------------------------------------------------------------------------


def test_what_is_published_is_heard_at_once_in_the_order_of_subscription(bus: EventBus) -> None:
    heard: list[tuple[int, Tick, threading.Thread]] = []
    for number in range(7):
        bus.subscribe(Tick, lambda it, n=number: heard.append((n, it, threading.current_thread())))
    bus.publish(Tick(1))
    assert heard == [(n, Tick(1), threading.current_thread()) for n in range(7)]


def test_nobody_hears_of_what_nobody_subscribed_to(bus: EventBus) -> None:
    heard: list[object] = []
    bus.subscribe(Tick, heard.append)
    bus.publish(placed())
    asyncio.run(bus.publish_async(placed()))
    assert heard == []


def test_a_handler_that_fails_on_what_is_published_harms_neither_others_nor_the_publisher(
    bus: EventBus, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[object] = []
    bus.subscribe(Tick, broken)
    bus.subscribe(Tick, heard.append)
    bus.subscribe(Tick, broken_later)
    bus.publish(Tick(1))
    bus.drain()
    assert heard == [Tick(1)]
    asyncio.run(bus.publish_async(Tick(2)))
    assert heard == [Tick(1), Tick(2)]
    assert counts(bus)["broken"] == counts(bus)["broken_later"] == (0, 2, 0)
    assert caplog.text.count("RuntimeError: on purpose") == 4


def test_a_coroutine_function_that_is_published_to_runs_on_the_bus(bus: EventBus) -> None:
    heard: list[tuple[Tick, str]] = []

    async def handler(event: Tick) -> None:
        await asyncio.sleep(0)
        heard.append((event, threading.current_thread().name))

    async def in_a_loop() -> None:
        bus.publish(Tick(2))  # also where a loop is running that could have taken it

    bus.subscribe(Tick, handler)
    bus.subscribe(Tick, functools.partial(handler))
    bus.subscribe(Tick, lambda event: handler(event))  # noqa: PLW0108 - a lambda is the subject
    bus.publish(Tick(1))
    asyncio.run(in_a_loop())
    bus.drain()
    first, second = (Tick(1), "traderbot-bus"), (Tick(2), "traderbot-bus")
    assert sorted(heard, key=lambda it: it[0].number)[:4] == [first, first, first, second]


@pytest.mark.filterwarnings("error")  # a coroutine that was never awaited would warn
def test_coroutines_that_cannot_wait_are_dropped_and_counted(bus: EventBus) -> None:
    release, entered = threading.Event(), threading.Event()

    async def slow(_event: Tick) -> None:
        entered.set()
        release.wait(10)

    bus.subscribe(Tick, slow)
    bus.publish(Tick(0))
    assert entered.wait(10)
    for number in range(1, 10):
        bus.publish(Tick(number))
    release.set()
    bus.drain()
    assert counts(bus) == {"slow": (5, 0, 5)}


def test_each_coroutine_is_awaited_before_the_next_handler_is_called(bus: EventBus) -> None:
    heard: list[str] = []

    async def first(_event: Tick) -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        heard.append("first")

    bus.subscribe(Tick, first)
    bus.subscribe(Tick, lambda _event: heard.append("second"))
    asyncio.run(bus.publish_async(Tick(1)))
    assert heard == ["first", "second"]


def test_what_a_handler_cancels_is_its_own(bus: EventBus) -> None:
    heard: list[object] = []

    async def cancelled(_event: object) -> None:
        raise asyncio.CancelledError

    bus.subscribe(Tick, cancelled)
    bus.subscribe(Tick, heard.append)
    asyncio.run(bus.publish_async(Tick(1)))
    assert heard == [Tick(1)]
    assert counts(bus)["cancelled"] == (0, 1, 0)


def test_a_publisher_can_be_cancelled(bus: EventBus) -> None:
    heard: list[object] = []

    async def publisher() -> None:
        waiting = asyncio.Event()

        async def slow(_event: object) -> None:
            waiting.set()
            await asyncio.Event().wait()

        bus.subscribe(Tick, slow)
        bus.subscribe(Tick, heard.append)
        task = asyncio.create_task(bus.publish_async(Tick(1)))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(publisher())
    assert heard == []


def test_who_subscribes_while_others_publish_is_neither_lost_nor_in_the_way(bus: EventBus) -> None:
    heard: list[int] = []
    stop = threading.Event()

    def publish() -> None:
        while not stop.is_set():
            bus.publish(Tick(0))

    publishers = [threading.Thread(target=publish) for _ in range(2)]
    for thread in publishers:
        thread.start()

    def subscribe() -> None:
        bus.subscribe(Tick, lambda it: heard.append(it.number))

    subscribers = [threading.Thread(target=subscribe) for _ in range(20)]
    for thread in subscribers:
        thread.start()
    for thread in subscribers:
        thread.join()
    stop.set()
    for thread in publishers:
        thread.join()
    heard.clear()
    bus.publish(Tick(1))
    assert heard == [1] * 20


# --- who listens ------------------------------------------------------------------------------


def test_subscribers_of_every_kind_are_counted_and_can_leave(bus: EventBus) -> None:
    heard: list[object] = []
    bus.subscribe(OrderPlaced, heard.append)
    bus.subscribe(OrderCanceled, heard.append)
    bus.subscribe(OrderCanceled, lambda _event, _unit: None, HandlerKind.INLINE)
    assert bus.get_subscribers_count(OrderCanceled) == 2
    bus.unsubscribe(OrderCanceled, heard.append)  # another object than before, and equal
    assert bus.get_subscribers_count(OrderCanceled) == 1
    assert bus.get_subscribers_count(CashDeposited) == 0
    bus.publish(canceled())
    assert heard == []


def test_a_union_subscribes_to_each_of_its_classes(bus: EventBus) -> None:
    heard: list[object] = []
    bus.subscribe(OrderEvent | PortfolioEvent, heard.append)
    assert bus.get_subscribers_count(OrderPlaced) == 1
    assert bus.get_subscribers_count(OrderEvent) == 1
    for event in (placed(), opened(), Tick(1)):
        bus.publish(event)
    assert heard == [placed(), opened()]
    bus.unsubscribe(OrderEvent, heard.append)
    assert bus.get_subscribers_count(OrderPlaced) == 0
    assert bus.get_subscribers_count(CashDeposited) == 1


@pytest.mark.filterwarnings("error")  # a coroutine that was never awaited would warn
def test_who_has_left_is_not_called_for_what_was_queued_before(bus: EventBus) -> None:
    release, entered = threading.Event(), threading.Event()
    heard: list[object] = []

    def slow(_event: object) -> None:
        entered.set()
        release.wait(10)

    async def later(event: object) -> None:
        heard.append(event)

    bus.subscribe(OrderPlaced, slow)
    bus.subscribe(OrderCanceled, heard.append)
    bus.subscribe(Tick, later)
    bus.committed([("order-1", 1, placed()), ("order-1", 2, canceled())])
    assert entered.wait(10)
    bus.publish(Tick(1))
    bus.unsubscribe(OrderCanceled, heard.append)
    bus.unsubscribe(Tick, later)
    release.set()
    bus.drain()
    assert heard == []


@pytest.mark.parametrize("event_type", ["OrderPlaced", None, placed(), (), list[int]])
def test_what_is_no_class_cannot_be_subscribed_to(bus: EventBus, event_type: Any) -> None:
    with pytest.raises(TypeError, match="by their class"):
        bus.subscribe(event_type, broken)


def test_what_cannot_be_called_cannot_listen(bus: EventBus) -> None:
    with pytest.raises(TypeError, match="cannot be called"):
        bus.subscribe(Tick, "a name")


# --- durable handlers -------------------------------------------------------------------------


class Store:
    """An event store that only writes down what it is asked for."""

    def __init__(self) -> None:
        self.followed: list[list[str]] = []
        self.stopped: list[list[str]] = []

    def follow(self, handlers: Sequence[DurableHandler]) -> Callable[[], None]:
        names = [handler.name for handler in handlers]
        self.followed.append(names)
        return lambda: self.stopped.append(names)


def durable(name: str, *types: type) -> DurableHandler:
    return DurableHandler(
        name=name,
        kind=HandlerKind.DURABLE_REACTOR,
        handle=lambda _recorded, _effect: None,
        event_types=frozenset(types) or None,
        start=Start.NOW,
        replay=ReplayPolicy.NEVER,
    )


def test_durable_handlers_begin_when_the_bus_has_a_store_and_stop_with_the_bus() -> None:
    bus, store = EventBus(), Store()
    bus.subscribe(OrderPlaced, durable("one", OrderPlaced))
    bus.subscribe(OrderEvent, durable("all"))
    assert store.followed == []
    bus.set_event_store(store)
    bus.set_event_store(store)
    bus.subscribe(OrderCanceled, durable("later", OrderCanceled))
    assert store.followed == [["one", "all"], ["later"]]
    assert store.stopped == []
    bus.close()
    bus.close()
    assert store.stopped == [["one", "all"], ["later"]]


def test_a_durable_handler_is_subscribed_once_for_all_of_its_types(bus: EventBus) -> None:
    store = Store()
    bus.set_event_store(store)
    handler = durable("both", OrderPlaced, OrderCanceled)
    bus.subscribe(OrderPlaced, handler)
    bus.subscribe(OrderPlaced | OrderCanceled, handler)
    assert store.followed == [["both"]]
    assert bus.get_subscribers_count(OrderPlaced) == 1
    assert bus.get_subscribers_count(OrderCanceled) == 1
    assert bus.get_subscribers_count(OrderRefused) == 0
    with pytest.raises(ValueError, match="does not handle OrderRefused"):
        bus.subscribe(OrderRefused, handler)


def test_nobody_takes_over_another_handlers_place_in_the_log(bus: EventBus) -> None:
    bus.subscribe(OrderPlaced, durable("one", OrderPlaced))
    with pytest.raises(ValueError, match="another handler is called one"):
        bus.subscribe(OrderPlaced, durable("one", OrderPlaced))


def test_durable_handlers_hear_nothing_of_what_is_only_published(bus: EventBus) -> None:
    heard: list[object] = []
    handler = DurableHandler(
        name="all",
        kind=HandlerKind.DURABLE_PROJECTION,
        handle=lambda recorded, _connection: heard.append(recorded),
    )
    bus.subscribe(OrderPlaced, handler)
    bus.publish(placed())
    bus.committed([("order-1", 1, placed())])
    bus.drain()
    assert heard == []


def test_a_bus_has_one_store(bus: EventBus) -> None:
    bus.set_event_store(Store())
    with pytest.raises(ValueError, match="has an event store already"):
        bus.set_event_store(Store())


@pytest.mark.parametrize("kind", [HandlerKind.DURABLE_PROJECTION, HandlerKind.DURABLE_REACTOR])
def test_a_durable_handler_that_is_not_declared_is_refused_rather_than_run_without_its_promise(
    bus: EventBus, kind: HandlerKind
) -> None:
    with pytest.raises(ValueError, match="sealed log"):
        bus.subscribe(OrderPlaced, broken, kind)


def test_a_handler_that_is_not_enabled_counts_and_is_not_run(bus: EventBus) -> None:
    store = Store()
    bus.set_event_store(store)
    bus.subscribe(OrderPlaced, _Off(**_declaration(durable("off", OrderPlaced))))
    assert store.followed == []
    assert bus.get_subscribers_count(OrderPlaced) == 1


class _Off(DurableHandler):
    enabled = False


def _declaration(handler: DurableHandler) -> dict[str, Any]:
    names = ("name", "kind", "handle", "event_types", "start", "replay")
    return {name: getattr(handler, name) for name in names}


# --- its end ----------------------------------------------------------------------------------


def test_closing_handles_what_waits_and_may_be_asked_twice() -> None:
    heard: list[object] = []
    bus = EventBus()
    bus.subscribe(OrderPlaced, heard.append)
    bus.committed([("order-1", 1, placed())])
    bus.close()
    bus.close()
    assert len(heard) == 1


def test_a_closed_bus_takes_nothing_in() -> None:
    heard: list[object] = []
    bus = EventBus()
    bus.subscribe(OrderPlaced, heard.append)
    bus.committed([("order-1", 1, placed())])
    bus.close()
    bus.committed([("order-2", 1, placed())])
    bus.drain()
    assert len(heard) == 1
    assert counts(bus) == {"append": (1, 0, 1)}


def test_a_handler_that_waits_for_the_handlers_is_told_that_it_cannot(
    bus: EventBus, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    bus.subscribe(OrderPlaced, lambda _event: bus.drain())
    bus.committed([("order-1", 1, placed())])
    bus.drain()
    assert "a handler cannot wait for the handlers" in caplog.text


def test_a_process_has_one_bus() -> None:
    assert get_event_bus() is get_event_bus()
    assert get_event_bus().get_subscribers_count(Tick) == 0
