"""The writer: one thread at a time, one connection, many commands per commit.

Commands of one process cannot race, and one sync of the disk serves all that wait for it. Other
processes exist: compare-and-set on the streams decides between them, and the loser decides again.

A thread of the writer's own takes what stands in the queue. A caller who finds nobody before them
takes the turn themselves: waking another thread and being woken by it costs as much as deciding.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import typing
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from traderbot.application.errors import (
    ClosedError,
    DatabaseUnavailableError,
    OutcomeUnknownError,
    OverloadedError,
)
from traderbot.application.ports.clock import Clock, IdSource
from traderbot.application.ports.commands import Command, Handlers, Origin
from traderbot.application.ports.event_bus import EventSink
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.persistence.batches import Batches
from traderbot.infrastructure.persistence.gathering import PATIENCE_SECONDS, Gathering
from traderbot.infrastructure.persistence.jobs import Job, release
from traderbot.infrastructure.persistence.storage import Storage

R = TypeVar("R")

_MAX_WAITING = 20_000
_RING, _LAST_RING = True, False


class Writer:
    """`CommandExecutor` on one `Storage`."""

    def __init__(
        self,
        open_storage: Callable[[], Storage],
        handlers: Handlers,
        *,
        codec: EventCodec,
        clock: Clock,
        ids: IdSource,
        sink: EventSink,
        max_batch: int = 256,
    ) -> None:
        """Start the thread.

        Raises:
            DatabaseUnavailableError: the database cannot be opened.
        """
        self._batches = Batches(handlers, codec, clock, ids, sink)
        self._max_batch = max_batch
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        # It rings once or more for whatever is in the queue.
        self._bell: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._gathering = Gathering(max_batch)
        # Who holds it may use the storage. It knows its holder, and may be let go twice.
        self._turn = threading.RLock()
        self._serving: int | None = None  # the thread whose handler runs
        self._crowded = False  # several came together the last time; they do better in batches
        self._closing = threading.Lock()
        self._closed = False
        self._broken: BaseException | None = None
        started = threading.Event()
        self._thread = threading.Thread(
            target=self._work, args=(open_storage, started), name="traderbot-writer", daemon=True
        )
        self._thread.start()
        started.wait()
        if self._broken is not None:
            msg = f"the database cannot be opened: {self._broken}"
            raise DatabaseUnavailableError(msg) from self._broken

    def run(self, command: Command[R], origin: Origin) -> R:
        """Run a command and wait until its outcome is durable.

        Raises:
            TraderbotError: whatever the handler raised; nothing is written then.
            OutcomeUnknownError: the connection broke while committing.
            KeyboardInterrupt: the caller was interrupted; whether it was done is not known.
        """
        if self._serving == threading.get_ident():
            msg = "a handler cannot wait for another command: it would wait for itself"
            raise RuntimeError(msg)
        job = Job(command, origin)
        if not self._run_here(job):
            job.waiter = threading.Lock()
            job.waiter.acquire()
            self._put(job)
            job.waiter.acquire()
        return typing.cast("R", job.outcome())

    async def execute(self, command: Command[R], origin: Origin) -> R:
        """Run a command without blocking the event loop. A cancelled wait cancels nothing."""
        loop = asyncio.get_running_loop()
        job = Job(command, origin)
        future: asyncio.Future[Any] = loop.create_future()
        job.done = (loop, future)
        self._put(job)
        await future
        return typing.cast("R", job.outcome())

    def close(self) -> None:
        """Finish what waits, then stop the thread. Asking twice is harmless."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._bell.put(_LAST_RING)
        self._thread.join()

    # The caller's thread -----------------------------------------------------------------------

    def _run_here(self, job: Job) -> bool:
        """Serve a job in its caller's own thread, unless others wait or are being served."""
        if self._crowded or self._jobs.qsize():
            return False
        try:
            try:
                served = self._turn.acquire(blocking=False) and self._serve_here(job)
            finally:
                self._let_go()
        finally:
            self._let_go()  # an interrupt may have come just before the other one did
        return served

    def _serve_here(self, job: Job) -> bool:
        if self._closed or not self._thread.is_alive():  # a forked child has no such thread
            raise _closed()
        self._serving = threading.get_ident()
        try:
            self._batches.serve([job], in_callers_thread=True)
        except BaseException:
            self._batches.interrupted()
            raise
        return True

    def _let_go(self) -> None:
        """Give the turn back if this thread has it. Asking twice is harmless."""
        if self._serving == threading.get_ident():
            self._serving = None
        with suppress(RuntimeError):  # raised when it is somebody else's, or nobody's
            while True:
                self._turn.release()

    def _put(self, job: Job) -> None:
        if self._closed or not self._thread.is_alive():
            raise _closed()
        if self._jobs.qsize() >= _MAX_WAITING:
            msg = f"{_MAX_WAITING} commands are waiting already"
            raise OverloadedError(msg)
        # No lock on the way in. Whoever slips in behind the last ring of `close` is turned away:
        # by the thread's own last sweep or, if it came after that, by this one.
        self._jobs.put(job)
        self._bell.put(_RING)
        if self._closed or not self._thread.is_alive():
            self._thread.join()
            self._turn_away()

    def _turn_away(self) -> None:
        late: list[Job] = []
        while jobs := self._take():
            late += jobs
        for job in late:
            job.fail(_closed())
        release(late)

    # The writer's own thread -------------------------------------------------------------------

    def _work(self, open_storage: Callable[[], Storage], started: threading.Event) -> None:
        try:
            self._batches.storage = open_storage()
        except BaseException as error:  # noqa: BLE001 - handed to the thread that starts us
            self._broken = error
            return
        finally:
            started.set()
        try:
            while self._bell.get():
                self._gather()
                self._serve_waiting()
                if self._jobs.qsize():  # more than one batch holds, and their rings may be spent
                    self._bell.put(_RING)
            while self._jobs.qsize():  # they came before the last ring
                self._serve_waiting()
        finally:
            # Also when something tore the thread down: nobody may wait for a writer that is gone.
            self._closed = True
            with self._turn:
                self._batches.close()
            self._turn_away()

    def _gather(self) -> None:
        """Wait a moment for those who were answered together and are about to come again."""
        waiting = self._jobs.qsize
        if not waiting() or not self._gathering.worth_it(waiting()):
            return
        with suppress(queue.Empty):  # nobody came for a while
            while waiting() < self._gathering.expected:
                if not self._bell.get(timeout=PATIENCE_SECONDS):
                    self._bell.put(_LAST_RING)
                    return
        self._gathering.ended(waiting())

    def _serve_waiting(self) -> None:
        """Serve what waits, in one batch."""
        with self._turn:
            jobs = self._take()
            if not jobs:  # an earlier ring told of them already
                return
            self._serving = threading.get_ident()
            try:
                self._batches.serve(jobs)
            except BaseException:
                for job in jobs:
                    job.fail(_torn_down())
                raise
            finally:
                self._serving = None
                self._crowded = len(jobs) > 1
                self._gathering.served(len(jobs), still_waiting=self._jobs.qsize())
                release(jobs)

    def _take(self) -> list[Job]:
        """Take from the queue what is there, one batch at most."""
        jobs: list[Job] = []
        with suppress(queue.Empty):
            while len(jobs) < self._max_batch:
                jobs.append(self._jobs.get_nowait())
        return jobs


def _closed() -> ClosedError:
    return ClosedError("the application is closed")


def _torn_down() -> OutcomeUnknownError:
    return OutcomeUnknownError("the writer was torn down while it worked; ask again after a start")
