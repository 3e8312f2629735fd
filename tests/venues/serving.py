"""What the venue servers share: a thread or a process, the faults, the streams, the control doors.

In process a test holds the server and speaks to its `book` and its `faults` directly. A test whose
client lives in another process does it over HTTP, below `/_control/` (`tests.venues.control`).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import struct
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path
from threading import Event, Thread
from typing import Any, ClassVar, Self, cast

from aiohttp import WSCloseCode, web

from tests.venues.book import Book
from tests.venues.control_doors import Seen, control_routes
from tests.venues.faults import Call, Fault, Faults, Rule
from tests.venues.orders import Entry, What

_WITHOUT_EFFECT = frozenset(
    {
        Fault.REFUSE,
        Fault.TOO_MANY,
        Fault.ERROR_BEFORE,
        Fault.TIMEOUT_BEFORE,
        Fault.SILENT,
        Fault.RESET_BEFORE,
        Fault.REDIRECT,
    }
)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class MarketBar:
    """A bar the venue can tell about. `at` is its opening."""

    at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


class Refusal(Exception):  # noqa: N818
    """A handler says no, in the venue's words."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {body}")
        self.status, self.body, self.headers = status, body, headers or {}


@dataclass(eq=False, slots=True)
class Subscriber:
    """Who listens to an account's stream."""

    key: str
    socket: web.WebSocketResponse
    frame: Callable[[Entry], Iterable[str | bytes]]
    waiting: asyncio.Queue[str | bytes] = field(default_factory=asyncio.Queue)


class VenueServer(ABC):
    """A venue on this machine. `with server:` runs it in a thread."""

    name: ClassVar[str]

    def __init__(self, book: Book, *, seed: int = 0) -> None:
        """Serve a book."""
        self.book = book
        self.faults = Faults(seed)
        self.bars: dict[str, Sequence[MarketBar]] = {}
        self.seen: deque[Seen] = deque(maxlen=100_000)
        self.port = 0
        self._subscribers: set[Subscriber] = set()
        self._held: list[Entry] = []
        self._shaken: list[Entry] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing: asyncio.Event | None = None
        self._thread: Thread | None = None
        book.listeners.append(self._hear)

    # What each venue says for itself.

    @abstractmethod
    def routes(self) -> Iterable[web.RouteDef]:
        """Return the venue's own doors."""

    @abstractmethod
    def call_of(self, request: web.Request) -> Call:
        """Say what kind of call a request is."""

    @abstractmethod
    def refusal(self, status: int, rule: Rule) -> Refusal:
        """Return a failure in the venue's words."""

    @abstractmethod
    def maimed(self, payload: Any, fault: Fault) -> Any:
        """Return an order's answer with a status nobody knows, or without its id."""

    @abstractmethod
    def client_id(self, fields: Mapping[str, Any]) -> str | None:
        """Find the client order id in a request's fields."""

    async def admit(self, request: web.Request) -> Mapping[str, str]:
        """Count a request against the venue's limits; return headers for its answer."""
        del request
        return {}

    # Running.

    @property
    def host(self) -> str:
        """Where it listens: address and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Where its REST begins."""
        return f"http://{self.host}"

    @property
    def streams(self) -> int:
        """How many listen to an account."""
        return len(self._subscribers)

    def until_followed(self, seconds: float = 10) -> None:
        """Wait until somebody listens to an account."""
        deadline = time.monotonic() + seconds
        while not self._subscribers:
            assert time.monotonic() < deadline, "nobody listens"
            time.sleep(0.01)

    def __enter__(self) -> Self:
        ready = Event()
        self._thread = Thread(target=lambda: asyncio.run(self.serve(ready.set)), daemon=True)
        self._thread.start()
        assert ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        assert self._thread is not None
        self._thread.join(20)
        assert not self._thread.is_alive()

    def stop(self) -> None:
        """End it, from any thread."""
        if self._loop is not None and self._closing is not None:
            with suppress(RuntimeError):  # it has ended already
                self._loop.call_soon_threadsafe(self._closing.set)

    async def serve(self, ready: Callable[[], object], port: int = 0) -> None:
        """Serve until `stop`."""
        self._loop, self._closing = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(middlewares=[self._middleware()])
        app.add_routes([*self.routes(), *control_routes(self)])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        self.port = cast("tuple[str, int]", runner.addresses[0])[1]
        ready()
        await self._closing.wait()
        await self._close_streams()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await runner.cleanup()

    # Calls.

    def _middleware(self) -> Any:
        @web.middleware
        async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path.startswith("/_control/"):
                return await handler(request)
            body = await request.read()
            call = self.call_of(request)
            fields = {**request.query, **_fields(body)}
            self.seen.append(Seen(call, request.method, request.path, self.client_id(fields)))
            rule = self.faults.draw(call)
            return await self._with(rule, request, handler)

        return answer

    async def _with(
        self, rule: Rule | None, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        if rule is None:
            return await self._answer(request, handler)
        if rule.fault in _WITHOUT_EFFECT:
            return await self._failed(rule, request)
        if rule.fault is Fault.EFFECT_LATE:
            self._later(self._effect(rule, request, handler))
            return await self._hang(request, rule)
        answer = await self._answer(request, handler)
        if rule.fault is Fault.LATE:
            await asyncio.sleep(rule.seconds)
            return answer
        return await self._spoiled(rule, request, answer)

    async def _failed(self, rule: Rule, request: web.Request) -> web.Response:
        if rule.fault in {Fault.TIMEOUT_BEFORE, Fault.SILENT}:
            return await self._hang(request, rule)
        if rule.fault is Fault.RESET_BEFORE:
            return _reset(request)
        if rule.fault is Fault.REDIRECT:
            return web.Response(status=307, headers={"Location": rule.body})
        return self._refused(rule)

    async def _spoiled(
        self, rule: Rule, request: web.Request, answer: web.StreamResponse
    ) -> web.StreamResponse:
        """Keep the effect and spoil the answer."""
        match rule.fault:
            case Fault.ERROR_AFTER:
                return self._refused(rule)
            case Fault.TIMEOUT_AFTER:
                return await self._hang(request, rule)
            case Fault.RESET:
                return await _reset_within(request, answer)
            case Fault.DRIP:
                return await self._drip(request, rule)
            case Fault.STRANGE_STATUS | Fault.NO_ID:
                return self._maimed(rule, answer)
            case _:
                return web.Response(body=rule.body.encode(), content_type="text/html")

    def _maimed(self, rule: Rule, answer: web.StreamResponse) -> web.StreamResponse:
        if not isinstance(answer, web.Response) or answer.status >= HTTPStatus.BAD_REQUEST:
            return answer
        payload = json.loads(answer.text or "null")
        return web.json_response(self.maimed(payload, rule.fault))

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        headers: Mapping[str, str] = {}
        try:
            headers = await self.admit(request)
            answer = await handler(request)
        except Refusal as refusal:
            answer = _response(refusal)
        if not answer.prepared:
            answer.headers.update(headers)
        return answer

    def _refused(self, rule: Rule) -> web.Response:
        status = 429 if rule.fault is Fault.TOO_MANY else rule.status
        answer = _response(self.refusal(status, rule))
        if rule.retry_after is not None:
            answer.headers["Retry-After"] = str(rule.retry_after)
        return answer

    async def _effect(self, rule: Rule, request: web.Request, handler: Handler) -> None:
        await asyncio.sleep(rule.seconds)
        await self._answer(request, handler)

    async def _hang(self, request: web.Request, rule: Rule) -> web.Response:
        assert self._closing is not None
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), rule.seconds)
        return _reset(request)

    async def _drip(self, request: web.Request, rule: Rule) -> web.StreamResponse:
        slow = web.StreamResponse()
        await slow.prepare(request)
        ends = time.monotonic() + rule.seconds
        assert self._closing is not None
        with suppress(ConnectionError):
            while time.monotonic() < ends and not self._closing.is_set():
                await slow.write(b" ")
                await asyncio.sleep(0.05)
        return slow

    def _later(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Streams.

    def open_socket(self) -> web.WebSocketResponse:
        """Return the server's end of a stream."""
        return web.WebSocketResponse(autoping=not self.faults.strikes(Fault.DEAF))

    async def follow(self, subscriber: Subscriber) -> None:
        """Tell a subscriber everything from now on, until the socket ends. Returns at once."""
        if self.faults.strikes(Fault.REPLAYED):
            for entry in self.book:
                self._tell(subscriber, entry)
        self._subscribers.add(subscriber)
        self._later(self._write(subscriber))

    def leave(self, subscriber: Subscriber) -> None:
        """Tell it nothing more."""
        self._subscribers.discard(subscriber)

    def drop_streams(self) -> None:
        """Close every stream, from any thread."""
        self._in_loop(lambda: self._later(self._close_streams()))

    def flush_streams(self) -> None:
        """Say what was held back, from any thread."""
        self._in_loop(self._flush)

    async def _close_streams(self) -> None:
        for it in tuple(self._subscribers):
            self._subscribers.discard(it)
            with suppress(ConnectionError):
                await it.socket.close(code=WSCloseCode.GOING_AWAY)

    async def _write(self, subscriber: Subscriber) -> None:
        with suppress(ConnectionError):
            while not subscriber.socket.closed:
                frame = await subscriber.waiting.get()
                if isinstance(frame, bytes):
                    await subscriber.socket.send_bytes(frame)
                else:
                    await subscriber.socket.send_str(frame)

    def _in_loop(self, work: Callable[[], object]) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended
                self._loop.call_soon_threadsafe(work)

    def _hear(self, entry: Entry) -> None:
        self._in_loop(lambda: self._said(entry))

    def _said(self, entry: Entry) -> None:
        if self.faults.strikes(Fault.LOST, Fault.SILENT):
            return
        if self.faults.strikes(Fault.CLOSED):
            self._later(self._close_streams())
            return
        if self.faults.strikes(Fault.GARBLED):
            for it in self._subscribers:
                it.waiting.put_nowait('{"stream": "trade_up')
            return
        entries = [entry, entry] if self.faults.strikes(Fault.DOUBLED) else [entry]
        if self.faults.in_force(Fault.FILLS_LATE):
            if entry.what is What.FILL and entry.order.status.is_open:
                self._held.extend(entries)
                return
            if not entry.order.status.is_open:
                late = [it for it in self._held if it.order.id == entry.order.id]
                self._held = [it for it in self._held if it.order.id != entry.order.id]
                entries += late
        if rule := self.faults.strikes(Fault.SHUFFLED, Fault.REVERSED):
            if not self._shaken:
                self._later(self._shake(rule))
            self._shaken += entries
            return
        self._tell_all(entries)

    async def _shake(self, rule: Rule) -> None:
        await asyncio.sleep(rule.seconds)
        shaken, self._shaken = self._shaken, []
        if rule.fault is Fault.SHUFFLED:
            self.faults.random.shuffle(shaken)
        else:
            shaken.reverse()
        self._tell_all(shaken)

    def _flush(self) -> None:
        held, self._held = self._held, []
        self._tell_all(held)

    def _tell_all(self, entries: Iterable[Entry]) -> None:
        if self.faults.in_force(Fault.DEAF):
            return
        for entry in entries:
            for subscriber in tuple(self._subscribers):
                self._tell(subscriber, entry)

    def _tell(self, subscriber: Subscriber, entry: Entry) -> None:
        if entry.order.account == subscriber.key:
            for frame in subscriber.frame(entry):
                subscriber.waiting.put_nowait(frame)


def run(make: Callable[[argparse.Namespace], VenueServer], arguments: Sequence[str]) -> None:
    """Serve in this process until SIGTERM; the ready file says where, as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ready-file", type=Path, required=True)
    parser.add_argument("--key", default="key")
    parser.add_argument("--secret", default="secret")
    parser.add_argument("--balance", action="append", default=[], help="USDT=10000")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weight", type=int, help="that may be used in a minute")
    options = parser.parse_args(arguments)
    server = make(options)
    balances = dict(it.split("=", 1) for it in options.balance)
    server.book.open_account(
        options.key, options.secret, {it: Decimal(amount) for it, amount in balances.items()}
    )

    def ready() -> None:
        told = {"url": server.url, "port": server.port, "pid": os.getpid()}
        partial = options.ready_file.with_suffix(".partial")
        partial.write_text(json.dumps(told), encoding="utf-8")
        partial.replace(options.ready_file)

    async def main() -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stop)
        await server.serve(ready, options.port)

    asyncio.run(main())


def _fields(body: bytes) -> dict[str, Any]:
    text = body.decode("utf-8", "replace")
    if text.startswith("{"):
        with suppress(ValueError):
            return dict(json.loads(text))
        return {}
    return dict(part.partition("=")[::2] for part in text.split("&") if part)


def _response(refusal: Refusal) -> web.Response:
    if isinstance(refusal.body, str):
        return web.Response(status=refusal.status, text=refusal.body, headers=dict(refusal.headers))
    return web.json_response(refusal.body, status=refusal.status, headers=dict(refusal.headers))


def _reset(request: web.Request) -> web.Response:
    """Reset the connection; what is returned reaches nobody."""
    if request.transport is not None:
        found = request.transport.get_extra_info("socket")
        if found is not None:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    return web.Response(status=503)


async def _reset_within(request: web.Request, answer: web.StreamResponse) -> web.StreamResponse:
    text = (answer.text or "") if isinstance(answer, web.Response) else ""
    broken = web.StreamResponse(status=answer.status)
    broken.content_type = "application/json"
    broken.content_length = max(len(text), 2)
    await broken.prepare(request)
    await broken.write(text[: len(text) // 2].encode())
    await asyncio.sleep(0.02)
    _reset(request)
    return broken
