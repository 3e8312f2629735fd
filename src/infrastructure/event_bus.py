"""The in-process bus: inline handlers inside the command's transaction, ephemeral ones after it.

Durable handlers read the sealed log from a checkpoint of their own; they are declared in
`application/ports/event_bus.py` and need the sealer, so this bus refuses them by name.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import queue
import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from traderbot.application.ports.event_bus import (
    EphemeralHandler,
    HandlerKind,
    InlineHandler,
    Published,
)
from traderbot.application.ports.recorded import DomainEvent
from traderbot.application.ports.unit_of_work import UnitOfWork

_log = logging.getLogger(__name__)
_CLOSING_SECONDS = 10.0


@dataclass(slots=True)
class HandlerStatistics:
    """What became of the events meant for one ephemeral handler."""

    handled: int = 0
    failed: int = 0
    dropped: int = 0


@dataclass(slots=True)
class _Ephemeral:
    handler: EphemeralHandler
    statistics: HandlerStatistics = field(default_factory=HandlerStatistics)


class EventBus:
    """`EventSink` for the writer; subscriptions for everybody else.

    Ephemeral handlers run one after another on the bus's own thread, in the order of the log.
    At most `capacity` events wait for it; what comes beyond is dropped and counted, because a slow
    screen must never slow an order.
    """

    def __init__(self, capacity: int = 10_000) -> None:
        """Start with nobody listening; the thread starts with the first subscriber."""
        self._inline: dict[type, list[InlineHandler]] = defaultdict(list)
        self._ephemeral: dict[type, list[_Ephemeral]] = defaultdict(list)
        self._waiting: queue.Queue[Published | None] = queue.Queue(capacity)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def subscribe(
        self,
        event_type: type[DomainEvent],
        handler: Any,  # noqa: ANN401 - EphemeralHandler or InlineHandler, by kind
        kind: HandlerKind = HandlerKind.EPHEMERAL,
    ) -> None:
        """Have `handler` called for every event of a type.

        Raises:
            ValueError: a durable kind; those are run from the sealed log, not from here.
        """
        with self._lock:
            if kind is HandlerKind.INLINE:
                self._inline[event_type].append(handler)
            elif kind is HandlerKind.EPHEMERAL:
                self._ephemeral[event_type].append(_Ephemeral(handler))
                self._start()
            else:
                msg = f"a {kind.value} handler is run from the sealed log, not by this bus"
                raise ValueError(msg)

    def unsubscribe(self, event_type: type[DomainEvent], handler: Any) -> None:  # noqa: ANN401 - as in subscribe
        """Stop calling `handler`; harmless if it never was."""
        with self._lock:
            self._inline[event_type] = [it for it in self._inline[event_type] if it is not handler]
            self._ephemeral[event_type] = [
                it for it in self._ephemeral[event_type] if it.handler is not handler
            ]

    def get_subscribers_count(self, event_type: type[DomainEvent]) -> int:
        """Return how many handlers, of every kind, hear of a type."""
        return len(self._inline[event_type]) + len(self._ephemeral[event_type])

    def statistics(self) -> dict[str, HandlerStatistics]:
        """Return what became of the events, by handler."""
        return {
            f"{kind.__name__}:{_name_of(it.handler)}": it.statistics
            for kind, subscribers in self._ephemeral.items()
            for it in subscribers
        }

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
        if self._thread is None or self._closed:
            return
        for stream, version, event in events:
            subscribers = self._ephemeral.get(type(event))
            if not subscribers:
                continue
            try:
                self._waiting.put_nowait(Published(stream, version, event))
            except queue.Full:
                for it in subscribers:
                    it.statistics.dropped += 1

    def drain(self) -> None:
        """Wait until every event queued so far was handled."""
        if self._thread is not None:
            self._waiting.join()

    def close(self) -> None:
        """Handle what waits, then stop the thread. Asking twice is harmless."""
        with self._lock:
            thread, closed = self._thread, self._closed
            self._closed = True
        if thread is None or closed:
            return
        try:
            self._waiting.put(None, timeout=_CLOSING_SECONDS)
            thread.join(_CLOSING_SECONDS)
        except queue.Full:
            pass
        if thread.is_alive():
            _log.warning("an ephemeral handler does not come to an end; it is left behind")

    def _start(self) -> None:
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._work, name="traderbot-bus", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        with asyncio.Runner() as runner:
            while (published := self._waiting.get()) is not None:
                try:
                    for it in tuple(self._ephemeral.get(type(published.event), ())):
                        self._call(it, published, runner)
                finally:
                    self._waiting.task_done()
            self._waiting.task_done()

    @staticmethod
    def _call(subscriber: _Ephemeral, published: Published, runner: asyncio.Runner) -> None:
        """One handler's failure is its own."""
        try:
            result = subscriber.handler(published)
            if inspect.isawaitable(result):
                runner.run(_awaited(result))
        except BaseException:  # noqa: BLE001 - a cancellation, too, is the handler's own
            subscriber.statistics.failed += 1
            _log.exception("a handler of %s failed", type(published.event).__name__)
        else:
            subscriber.statistics.handled += 1


def _name_of(handler: EphemeralHandler) -> str:
    return getattr(handler, "__qualname__", repr(handler))


async def _awaited(result: Any) -> None:  # noqa: ANN401 - any awaitable
    await result
