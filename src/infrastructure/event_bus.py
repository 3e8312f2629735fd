"""The bus inside a process, and the way from it to the handlers that follow the log.

What commands record is persisted by the writer, in the command's own transaction, before any
handler hears of it: there is nothing to switch on, and no second way into the log. `publish` hands
an event to whoever listens in this process and keeps nothing. Durable handlers hear of recorded
events only, each from its own place in the log, once the bus has an event store.
"""

from __future__ import annotations

import asyncio
import atexit
import inspect
import logging
import queue
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from types import CoroutineType, UnionType
from typing import Any, TypeAlias, Union, get_args, get_origin

from traderbot.application.ports.event_bus import (
    EphemeralHandler,
    HandlerKind,
    InlineHandler,
    Published,
)
from traderbot.application.ports.event_store import EventStore
from traderbot.application.ports.recorded import DomainEvent
from traderbot.application.ports.subscriptions import DurableHandler
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.infrastructure.database_event_store import DatabaseEventStore

__all__ = ["DatabaseEventStore", "EventBus", "HandlerStatistics", "get_event_bus"]

# A class, or several of them as a union such as `OrderEvent`.
EventType: TypeAlias = Any

_log = logging.getLogger(__name__)
_CLOSING_SECONDS = 10.0


@dataclass(slots=True)
class HandlerStatistics:
    """What became of the events meant for one ephemeral handler.

    `handled` counts those that the bus's own thread brought to it; calls that `publish` makes are
    only counted when they fail.
    """

    handled: int = 0
    failed: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class _Delivery:
    """What waits for the bus's own thread: an argument and those it is for."""

    event_type: type
    argument: Any
    handlers: tuple[EphemeralHandler, ...]


@dataclass(frozen=True, slots=True)
class _Begun:
    """What a handler left to be awaited when it was called from code that cannot await."""

    event_type: type
    handler: EphemeralHandler
    rest: Awaitable[Any]


class EventBus:
    """`EventSink` for the writer; subscriptions for everybody else.

    An ephemeral handler is a function of the event, or a coroutine function. What is committed
    reaches it on the bus's own thread, in the order of the log; at most `capacity` deliveries wait
    there, and what comes beyond is dropped and counted, because a slow screen must never slow an
    order. What is published reaches it at once, in the publisher's thread.
    """

    def __init__(self, capacity: int = 10_000) -> None:
        """Start with nobody listening; the thread starts when there is something for it."""
        # Tuples are rebuilt by subscribers, under their lock, and read by publishers without any.
        self._ephemeral: dict[type, tuple[EphemeralHandler, ...]] = {}
        self._inline: dict[type, tuple[InlineHandler, ...]] = {}
        self._durable: tuple[DurableHandler, ...] = ()
        self._statistics: dict[tuple[type, int], HandlerStatistics] = {}
        self._waiting: queue.Queue[_Delivery | _Begun | None] = queue.Queue(capacity)
        self._subscribing = threading.Lock()  # may be held for as long as a database takes to open
        self._lock = threading.Lock()  # of the thread and the counts, only for a moment
        self._thread: threading.Thread | None = None
        self._store: EventStore | None = None
        self._stops: list[Callable[[], None]] = []
        self._closed = False

    # Who listens ------------------------------------------------------------------------------

    def set_event_store(self, store: EventStore) -> None:
        """Run the durable handlers of this bus, also those to come, from the store's log.

        Nothing has to be set for events to be persisted: commands record them, whoever listens.

        Raises:
            ValueError: the bus has another store already.
            DatabaseUnavailableError: the store's database cannot be opened.
        """
        with self._subscribing:
            if self._store is store:
                return
            if self._store is not None:
                msg = "this bus has an event store already; make an EventBus() for another one"
                raise ValueError(msg)
            self._run(store, self._durable)
            self._store = store

    def subscribe(
        self,
        event_type: EventType,
        handler: Any,  # noqa: ANN401 - EphemeralHandler, InlineHandler or DurableHandler
        kind: HandlerKind = HandlerKind.EPHEMERAL,
    ) -> None:
        """Have `handler` called for every event of a type: a class, or a union of classes.

        A `DurableHandler` says itself which events it handles, and is given all of those: to
        subscribe it for one of them, or once more, adds nothing. It begins once the bus has an
        event store. Subtypes of a class are types of their own.

        Raises:
            TypeError: `event_type` is no class and no union of classes, or the handler cannot be
                called.
            ValueError: a durable kind without a `DurableHandler` that declares itself, or a type
                that the durable handler does not handle.
        """
        types = _classes(event_type)
        with self._subscribing:
            if isinstance(handler, DurableHandler):
                self._follow(types, handler)
                return
            if kind.is_durable:
                msg = (
                    f"a {kind.value} handler is run from the sealed log: declare it as a "
                    "DurableHandler, with a name and where it starts (docs/events.md)"
                )
                raise ValueError(msg)
            if not callable(handler):
                msg = f"a handler is called with the event; {handler!r:.60} cannot be called"
                raise TypeError(msg)
            for each in types:
                if kind is HandlerKind.INLINE:
                    self._inline[each] = (*self._inline.get(each, ()), handler)
                else:
                    self._ephemeral[each] = (*self._ephemeral.get(each, ()), handler)

    def unsubscribe(self, event_type: EventType, handler: Any) -> None:  # noqa: ANN401 - as in subscribe
        """Stop calling an inline or ephemeral handler; harmless if it never was."""
        with self._subscribing:
            for each in _classes(event_type):
                self._inline[each] = _without(self._inline.get(each, ()), handler)
                before = self._ephemeral.get(each, ())
                self._ephemeral[each] = _without(before, handler)
                with self._lock:
                    for gone in (it for it in before if it == handler):
                        self._statistics.pop((each, id(gone)), None)

    def get_subscribers_count(self, event_type: EventType) -> int:
        """Return how many handlers, of every kind, hear of a type; of a union, of any of it."""
        types = _classes(event_type)
        listening = {
            id(handler)
            for each in types
            for handler in (*self._inline.get(each, ()), *self._ephemeral.get(each, ()))
        }
        return len(listening) + sum(
            handler.event_types is None or bool(handler.event_types & types)
            for handler in self._durable
        )

    def statistics(self) -> dict[str, HandlerStatistics]:
        """Return what became of the events, by type and handler."""
        with self._lock:
            return {
                f"{event_type.__name__}:{_name_of(handler)}": self._counts(event_type, handler)
                for event_type, handlers in tuple(self._ephemeral.items())
                for handler in handlers
            }

    # In this process --------------------------------------------------------------------------

    def publish(self, event: object) -> None:
        """Call every ephemeral handler of the event's type, one after another, now and here.

        Nothing is recorded: an event becomes part of the log only through a command, and durable
        handlers hear of nothing else. A handler that fails is logged and counted; the next one is
        called all the same, and nobody learns of it here. What a coroutine function has to do is
        done on the bus's own thread; use `publish_async` to wait for it.
        """
        for handler in self._ephemeral.get(type(event), ()):
            try:
                if (result := handler(event)) is not None:
                    self._leave(type(event), handler, result)
            except Exception:  # noqa: BLE001 - one handler's failure is its own
                self._failed(type(event), handler)

    async def publish_async(self, event: object) -> None:
        """Do as `publish` does, and await each coroutine before the next handler is called.

        Raises:
            CancelledError: the caller was cancelled. What a handler cancels is its own.
        """
        for handler in self._ephemeral.get(type(event), ()):
            try:
                result: Any = handler(event)
                # Asked first: `isawaitable` takes longer than awaiting a short coroutine.
                if type(result) is CoroutineType or inspect.isawaitable(result):
                    await result
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                self._failed(type(event), handler)
            except Exception:  # noqa: BLE001 - one handler's failure is its own
                self._failed(type(event), handler)

    # For the writer ---------------------------------------------------------------------------

    def inline(self, events: Sequence[tuple[str, int, DomainEvent]], unit: UnitOfWork) -> None:
        """Run the inline handlers of a command; what they record belongs to it.

        Handlers see the events the command recorded, not those that other handlers add.
        """
        if not self._inline:
            return
        for _stream, _version, event in tuple(events):
            for handler in self._inline.get(type(event), ()):
                handler(event, unit)

    def committed(self, events: Sequence[tuple[str, int, DomainEvent]]) -> None:
        """Queue what a commit made durable for the ephemeral handlers."""
        if not self._ephemeral:
            return
        placed = self._ephemeral.get(Published)
        for stream, version, event in events:
            if handlers := self._ephemeral.get(type(event)):
                self._put(_Delivery(type(event), event, handlers))
            if placed:
                self._put(_Delivery(Published, Published(stream, version, event), placed))

    # Its end ----------------------------------------------------------------------------------

    def drain(self) -> None:
        """Wait until everything queued so far was handled.

        Raises:
            RuntimeError: a handler asks, on the bus's own thread; it would wait for itself.
        """
        if self._thread is threading.current_thread():
            msg = "a handler cannot wait for the handlers"
            raise RuntimeError(msg)
        if not self._closed:
            self._waiting.join()

    def close(self) -> None:
        """Stop following the log, handle what waits, then stop the thread. Twice is harmless."""
        with self._lock:
            thread, closed, self._closed = self._thread, self._closed, True
        with self._subscribing:
            stops, self._stops = self._stops, []
        for stop in stops:
            stop()
        if thread is None or closed:
            return
        try:
            self._waiting.put(None, timeout=_CLOSING_SECONDS)
            thread.join(_CLOSING_SECONDS)
        except queue.Full:
            pass
        if thread.is_alive():
            _log.warning("an ephemeral handler does not come to an end; it is left behind")

    def _follow(self, types: frozenset[type], handler: DurableHandler) -> None:
        """Refuse what would not be kept: a handler hears of its own types, all of them."""
        if handler.event_types is not None and not types <= handler.event_types:
            named = ", ".join(sorted(each.__name__ for each in types - handler.event_types))
            msg = f"{handler.name} does not handle {named}"
            raise ValueError(msg)
        known = {each.name: each for each in self._durable}
        if handler.name in known:
            if known[handler.name] is not handler:
                msg = f"another handler is called {handler.name}; its place in the log is not yours"
                raise ValueError(msg)
            return
        self._run(self._store, (handler,))
        self._durable = (*self._durable, handler)

    def _run(self, store: EventStore | None, handlers: Sequence[DurableHandler]) -> None:
        # One that is not enabled has nowhere to send events to; see EventHandler.
        able = [handler for handler in handlers if getattr(handler, "enabled", True)]
        if able and store is not None and not self._closed:
            self._stops.append(store.follow(able))

    def _leave(self, event_type: type, handler: EphemeralHandler, result: object) -> None:
        """Have the bus's own thread await what a handler returned, if it can be awaited."""
        if inspect.isawaitable(result):
            self._put(_Begun(event_type, handler, result))

    def _put(self, item: _Delivery | _Begun) -> None:
        if self._started():
            try:
                self._waiting.put_nowait(item)
            except queue.Full:
                pass
            else:
                return
        with self._lock:
            for handler in item.handlers if isinstance(item, _Delivery) else (item.handler,):
                self._counts(item.event_type, handler).dropped += 1
        if isinstance(item, _Begun):
            _let_go(item.rest)

    def _started(self) -> bool:
        """Start the thread if it is not there; return whether anything may be left to it."""
        if self._thread is None:
            with self._lock:
                if self._thread is None and not self._closed:
                    self._thread = threading.Thread(
                        target=self._work, name="traderbot-bus", daemon=True
                    )
                    self._thread.start()
        return not self._closed

    def _work(self) -> None:
        with asyncio.Runner() as runner:
            while (item := self._waiting.get()) is not None:
                try:
                    listening = self._ephemeral.get(item.event_type, ())
                    for handler, call in _calls(item):
                        if handler in listening:  # still
                            self._call(item.event_type, handler, call, runner)
                        elif isinstance(item, _Begun):
                            _let_go(item.rest)
                finally:
                    self._waiting.task_done()
            self._waiting.task_done()

    def _call(
        self,
        event_type: type,
        handler: EphemeralHandler,
        call: Callable[[], Awaitable[None] | None],
        runner: asyncio.Runner,
    ) -> None:
        """One handler's failure is its own."""
        try:
            result = call()
            if inspect.isawaitable(result):
                runner.run(_awaited(result))
        except BaseException:  # noqa: BLE001 - a cancellation, too, is the handler's own
            self._failed(event_type, handler)
        else:
            with self._lock:
                self._counts(event_type, handler).handled += 1

    def _failed(self, event_type: type, handler: EphemeralHandler) -> None:
        with self._lock:
            self._counts(event_type, handler).failed += 1
        _log.exception("%s failed on %s", _name_of(handler), event_type.__name__)

    def _counts(self, event_type: type, handler: EphemeralHandler) -> HandlerStatistics:
        return self._statistics.setdefault((event_type, id(handler)), HandlerStatistics())


@cache
def get_event_bus() -> EventBus:
    """Return the bus of this process, the same one every time. It is closed at exit.

    Only what is published on it, or is recorded by a program that was opened with it, reaches its
    ephemeral handlers; its durable handlers follow the log of its event store, whoever writes it.
    """
    bus = EventBus()
    atexit.register(bus.close)
    return bus


def _classes(event_type: EventType) -> frozenset[type]:
    """Return the classes of a type annotation. Raises TypeError."""
    origin: Any = get_origin(event_type)
    is_union = origin in (Union, UnionType)
    types = get_args(event_type) if is_union else (event_type,)
    if not all(isinstance(each, type) for each in types):
        msg = f"events are subscribed by their class, or a union of classes, not {event_type!r:.60}"
        raise TypeError(msg)
    return frozenset(types)


def _without(handlers: tuple[Any, ...], handler: object) -> tuple[Any, ...]:
    # Equal, not identical: a bound method is a new object every time it is asked for.
    return tuple(it for it in handlers if it != handler)


def _name_of(handler: EphemeralHandler) -> str:
    return getattr(handler, "__qualname__", None) or repr(handler)


def _calls(
    item: _Delivery | _Begun,
) -> Iterator[tuple[EphemeralHandler, Callable[[], Awaitable[None] | None]]]:
    """Yield what is still to be called, and for whom."""
    if isinstance(item, _Begun):
        yield item.handler, lambda: item.rest
    else:
        for handler in item.handlers:
            yield handler, partial(handler, item.argument)


def _let_go(rest: Awaitable[Any]) -> None:
    """Have a coroutine that nobody will await say nothing about it."""
    if inspect.iscoroutine(rest):
        rest.close()


async def _awaited(result: Awaitable[Any]) -> None:
    await result
