"""Listening to a venue: one thread hears, another tells, and every break is told as one."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any, Final, Generic, TypeVar

from traderbot.application.ports.clock import Clock
from traderbot.application.ports.venue import Connected, Disconnected, VenueNews

_log = logging.getLogger(__name__)
_MOST_WAITING: Final = 10_000
_SHORTEST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 15.0
_CLOSE: Final = 0.5  # seconds for each thread at the end; they hold no one up
_STEADY: Final = 30.0  # a connection that held so long was a good one

F = TypeVar("F")
Session = Callable[["Listener[F]"], Awaitable[None]]


class MissedError(Exception):
    """Something of the stream is lost or cannot be read. The text says what."""


class Listener(Generic[F]):
    """`Stream` over any connection; it reconnects by itself and says so.

    The session connects, calls `connected`, and `heard` for whatever comes in; when it ends or
    raises, it is begun again. What it heard is read in the second thread, which may ask the venue.
    """

    def __init__(
        self,
        name: str,
        session: Session[F],
        read: Callable[[F], Iterable[VenueNews]],
        hear: Callable[[VenueNews], None],
        clock: Clock,
    ) -> None:
        """Listen as `session` does, and tell `hear` what `read` makes of it."""
        self._name, self._session, self._read, self._hear = name, session, read, hear
        self._clock = clock
        self._frames: queue.Queue[tuple[F] | VenueNews | None] = queue.Queue(_MOST_WAITING)
        self._last = time.monotonic()
        self._since: float | None = None  # when it connected
        self._broken: str | None = None  # found by the second thread
        self._told_broken = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=it, name=f"{name}-{what}", daemon=True)
            for what, it in (("stream", self._listen), ("news", self._tell))
        ]

    @property
    def quiet_seconds(self) -> float:
        """How long nothing was heard, not even that the venue lives."""
        return time.monotonic() - self._last

    @property
    def connected(self) -> bool:
        """Whether it is connected."""
        return self._since is not None

    def start(self) -> None:
        """Begin to listen."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End it. Nobody is told anything afterwards."""
        self._stopping.set()
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended
                self._loop.call_soon_threadsafe(self._cancel)
        for thread in self._threads:
            thread.join(_CLOSE)

    # For the session, in its own thread.

    def alive(self) -> None:
        """Note that the venue said something."""
        self._last = time.monotonic()

    def now_connected(self) -> None:
        """Tell that the stream speaks."""
        self.alive()
        self._since = time.monotonic()
        self._told_broken = False
        self._put(Connected(at=self._clock.now()))

    def heard(self, frame: F) -> None:
        """Hand over what was said. Raises MissedError if more waits than can be kept."""
        self.alive()
        self._put((frame,))

    def _put(self, it: tuple[F] | VenueNews) -> None:
        try:
            self._frames.put_nowait(it)
        except queue.Full as error:
            msg = f"{_MOST_WAITING} messages wait to be read"
            raise MissedError(msg) from error

    # The first thread.

    def _listen(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        failures = 0
        while not self._stopping.is_set():
            self._task = once = asyncio.ensure_future(self._once())
            try:
                cause = await once
            except asyncio.CancelledError:  # before it had begun
                cause = "it was asked to end"
            held = 0.0 if self._since is None else time.monotonic() - self._since
            failures = 0 if held >= _STEADY else failures + 1
            self._since = None
            if self._stopping.is_set():
                break
            self._say_broken(self._broken or cause)
            self._broken = None
            await self._pause(min(_SHORTEST_PAUSE * 2 ** min(failures - 1, 10), _LONGEST_PAUSE))
        self._frames_end()

    async def _once(self) -> str:
        try:
            await self._session(self)
        except asyncio.CancelledError:
            return "it was asked to end"
        except MissedError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the stream is broken
            return f"the stream broke off: {type(error).__name__}"
        return "the venue ended the stream"

    async def _pause(self, seconds: float) -> None:
        self._task = asyncio.ensure_future(asyncio.sleep(seconds))
        with suppress(asyncio.CancelledError):
            await self._task

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _say_broken(self, cause: str) -> None:
        if self._told_broken:
            return  # it never came back since
        self._told_broken = True
        gone = Disconnected(at=self._clock.now(), cause=cause)
        try:
            self._frames.put_nowait(gone)
        except queue.Full:
            with suppress(queue.Empty):
                while True:
                    self._frames.get_nowait()
            self._frames.put_nowait(gone)

    def _frames_end(self) -> None:
        with suppress(queue.Full):
            self._frames.put_nowait(None)

    # The second thread.

    def _tell(self) -> None:
        while True:
            try:
                it = self._frames.get(timeout=0.5)
            except queue.Empty:
                if self._stopping.is_set():
                    return
                continue
            if it is None or self._stopping.is_set():
                return
            try:
                self._tell_one(it)
            except Exception as error:  # noqa: BLE001 - a break is told; the listening goes on
                _log.exception("%s: something the venue said was not taken in", self._name)
                self._break(f"a message was not taken in: {type(error).__name__}")

    def _tell_one(self, it: tuple[F] | VenueNews) -> None:
        if not isinstance(it, tuple):
            self._hear(it)
            return
        for news in self._read(it[0]):
            self._hear(news)

    def _break(self, cause: str) -> None:
        """Have the first thread begin anew: what was missed has to be asked for."""
        self._broken = cause
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._cancel)
