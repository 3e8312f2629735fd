"""Publishing one event to seven handlers in one process, none of which can harm another.

*a loop*: the least that could do it, written out: a tuple of handlers per class, each called in a
try. It has no threads, counts nothing and cannot be subscribed to while it publishes; what a bus
adds to it is what a bus costs. *blinker* and *pyee* are used as their documentation shows; blinker
stops at the first handler that fails.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from blinker import Signal
from pyee import EventEmitter
from pyee.asyncio import AsyncIOEventEmitter

from benchmarks.harness import Claim, Contestant, print_rates, ratio, take_turns
from traderbot.infrastructure.event_bus import EventBus

HANDLERS = 7
_SYNC = 100_000
_ASYNC = 40_000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tick:
    """Something small that happened."""

    order_id: str
    price: int


TICK = Tick("o-1", 1)


class Loop:
    """A tuple of handlers per class, each called in a try."""

    def __init__(self) -> None:
        """Begin with nobody listening."""
        self._handlers: dict[type, tuple[Callable[[Any], Any], ...]] = {}

    def subscribe(self, kind: type, handler: Callable[[Any], Any]) -> None:
        """Add one."""
        self._handlers[kind] = (*self._handlers.get(kind, ()), handler)

    def publish(self, event: object) -> None:
        """Call all of them."""
        for handler in self._handlers.get(type(event), ()):
            try:
                handler(event)
            except Exception:  # noqa: BLE001 - that is the point
                _log.exception("failed")

    async def publish_async(self, event: object) -> None:
        """Await all of them, one after another."""
        for handler in self._handlers.get(type(event), ()):
            await handler(event)


class Heard:
    """Counts what its handlers hear, to be sure that all of it arrives."""

    def __init__(self) -> None:
        """Begin at none."""
        self.count = 0

    def handler(self) -> Callable[..., None]:
        """Return a function of an event."""

        def handle(_event: object) -> None:
            self.count += 1

        return handle

    def coroutine(self) -> Callable[..., Awaitable[None]]:
        """Return a coroutine function of an event."""

        async def handle(_event: object) -> None:
            self.count += 1

        return handle


def measure(rounds: int = 5) -> list[Claim]:
    """Measure, print the rates, return the claims."""
    return [*_sync(rounds), *_async(rounds)]


def _sync(rounds: int) -> list[Claim]:
    heard = Heard()
    bus, loop, signal, emitter = EventBus(), Loop(), Signal(), EventEmitter()
    handlers = [heard.handler() for _ in range(HANDLERS)]
    for handler in handlers:
        bus.subscribe(Tick, handler)
        loop.subscribe(Tick, handler)
        signal.connect(handler)
        emitter.on("tick", handler)
    ours = Contestant("traderbot, EventBus.publish", _calls(heard, bus.publish), _SYNC)
    least = Contestant("a loop over a tuple with a try", _calls(heard, loop.publish), _SYNC)
    blinker = Contestant("blinker, Signal.send", _calls(heard, signal.send), _SYNC // 4)
    pyee = Contestant(
        "pyee, EventEmitter.emit", _calls(heard, lambda it: emitter.emit("tick", it)), _SYNC // 4
    )
    take_turns([ours, least, blinker, pyee], rounds)
    print_rates(f"events published to {HANDLERS} functions", [ours, least, blinker, pyee], "/s")
    bus.close()
    return [
        Claim(
            "publish to 7 functions: time / a loop with try", 1.5, ratio(least, ours), at_most=True
        ),
        Claim("publish to 7 functions: events/s / blinker", 2, ratio(ours, blinker)),
        Claim("publish to 7 functions: events/s / pyee", 1.5, ratio(ours, pyee)),
    ]


def _async(rounds: int) -> list[Claim]:
    heard = Heard()
    bus, loop, signal = EventBus(), Loop(), Signal()
    handlers = [heard.coroutine() for _ in range(HANDLERS)]
    for handler in handlers:
        bus.subscribe(Tick, handler)
        loop.subscribe(Tick, handler)
        signal.connect(handler)
    ours = Contestant("traderbot, publish_async", _awaits(heard, bus.publish_async), _ASYNC)
    least = Contestant("awaiting each in turn", _awaits(heard, loop.publish_async), _ASYNC)
    blinker = Contestant("blinker, send_async", _awaits(heard, signal.send_async), _ASYNC // 4)
    pyee = Contestant("pyee, AsyncIOEventEmitter", _pyee_async(heard), _ASYNC // 20)
    take_turns([ours, least, blinker, pyee], rounds)
    print_rates(f"events published to {HANDLERS} coroutines", [ours, least, blinker, pyee], "/s")
    bus.close()
    return [
        Claim(
            "publish to 7 coroutines: time / awaiting each in turn",
            1.5,
            ratio(least, ours),
            at_most=True,
        )
    ]


def _calls(heard: Heard, publish: Callable[[Tick], Any]) -> Callable[[int], float]:
    def run(n: int) -> float:
        before = heard.count
        start = time.perf_counter()
        for _ in range(n):
            publish(TICK)
        seconds = time.perf_counter() - start
        assert heard.count - before == n * HANDLERS
        return seconds

    return run


def _awaits(heard: Heard, publish: Callable[[Tick], Awaitable[Any]]) -> Callable[[int], float]:
    async def all_of(n: int) -> float:
        start = time.perf_counter()
        for _ in range(n):
            await publish(TICK)
        return time.perf_counter() - start

    def run(n: int) -> float:
        before = heard.count
        seconds = asyncio.run(all_of(n))
        assert heard.count - before == n * HANDLERS
        return seconds

    return run


def _pyee_async(heard: Heard) -> Callable[[int], float]:
    """Wait after each event, as the others do: it starts a task for each handler."""

    async def all_of(n: int) -> float:
        emitter = AsyncIOEventEmitter(loop=asyncio.get_running_loop())
        for _ in range(HANDLERS):
            emitter.on("tick", heard.coroutine())
        start = time.perf_counter()
        for _ in range(n):
            emitter.emit("tick", TICK)
            await emitter.wait_for_complete()
        return time.perf_counter() - start

    return lambda n: asyncio.run(all_of(n))
