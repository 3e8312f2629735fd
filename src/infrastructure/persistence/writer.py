"""The writer: one thread, one connection, many commands per commit.

Commands of one process cannot race, and one sync of the disk serves all that wait for it. Other
processes exist: compare-and-set on the streams decides between them, and the loser decides again.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import random
import sqlite3
import threading
import time
import typing
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from traderbot.application.errors import (
    ClosedError,
    DatabaseRefusedError,
    DatabaseUnavailableError,
    IdempotencyKeyReusedError,
    OutcomeUnknownError,
    OverloadedError,
    StaleAggregateError,
)
from traderbot.application.ports.clock import Clock, IdSource
from traderbot.application.ports.commands import Command, Handlers, IdempotencyKey, Origin
from traderbot.application.ports.event_bus import EventSink
from traderbot.domain.shared.errors import TraderbotError
from traderbot.domain.shared.instants import instant_text
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.persistence.fingerprint import fingerprint_of
from traderbot.infrastructure.persistence.storage import (
    Answer,
    StaleStreamError,
    Storage,
    Transaction,
)
from traderbot.infrastructure.persistence.unit import BatchUnit, StreamCache

R = TypeVar("R")

_log = logging.getLogger(__name__)
_ATTEMPTS = 8
_REFUSED = frozenset({"DataError", "IntegrityError", "ProgrammingError", "NotSupportedError"})
_SESSION_LOST = frozenset({"OperationalError", "AdminShutdown", "CrashShutdown"})
_MAX_WAITING = 20_000
_encode_answer = msgspec.json.Encoder().encode


class Job:
    """One command on its way: what is asked, by whom, and where its caller waits."""

    __slots__ = ("answer", "command", "done", "error", "fingerprint", "origin", "waiter")

    def __init__(self, command: Command[Any], origin: Origin) -> None:
        """Prepare it in the caller's thread, so that the writer has less to do."""
        self.command = command
        self.origin = origin
        self.fingerprint = fingerprint_of(command) if origin.key else b""
        self.answer: Any = None
        self.error: BaseException | None = None
        self.waiter: threading.Lock | None = None
        self.done: tuple[asyncio.AbstractEventLoop, asyncio.Future[Any]] | None = None

    def outcome(self) -> Any:  # noqa: ANN401 - the command's own answer
        """Return the answer or raise the error."""
        if self.error is not None:
            raise self.error
        return self.answer


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
        self._handlers = dict(handlers)
        self._answers = {kind: msgspec.json.Decoder(answer_type(kind)) for kind in self._handlers}
        self._codec = codec
        self._clock = clock
        self._ids = ids
        self._sink = sink
        self._max_batch = max_batch
        self._cache = StreamCache()
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        self._storage: Storage | None = None
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
        """
        if threading.current_thread() is self._thread:
            msg = "a handler cannot wait for another command: it would wait for itself"
            raise RuntimeError(msg)
        job = Job(command, origin)
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
                self._jobs.put(None)
        self._thread.join()

    def _put(self, job: Job) -> None:
        if self._closed or not self._thread.is_alive():  # a forked child has no such thread
            raise _closed()
        if self._jobs.qsize() >= _MAX_WAITING:
            msg = f"{_MAX_WAITING} commands are waiting already"
            raise OverloadedError(msg)
        # No lock on the way in. Whoever slips in behind the sentinel of `close` is turned away:
        # by the thread's own last sweep or, if it came after that, by this one.
        self._jobs.put(job)
        if self._closed or not self._thread.is_alive():
            self._thread.join()
            self._turn_away()

    def _turn_away(self) -> None:
        late: list[Job] = []
        try:
            while True:
                job = self._jobs.get_nowait()
                if job is not None:
                    job.error = _closed()
                    late.append(job)
        except queue.Empty:
            self._release(late)

    # The writer's own thread -----------------------------------------------------------------

    def _work(self, open_storage: Callable[[], Storage], started: threading.Event) -> None:
        try:
            self._storage = open_storage()
        except BaseException as error:  # noqa: BLE001 - handed to the thread that starts us
            self._broken = error
            return
        finally:
            started.set()
        try:
            jobs = self._next_jobs()
            while jobs:
                try:
                    self._serve(jobs)
                except BaseException:
                    for job in jobs:
                        job.answer, job.error = None, _torn_down()
                    raise
                finally:
                    self._release(jobs)
                jobs = self._next_jobs()
        finally:
            # Also when something tore the thread down: nobody may wait for a writer that is gone.
            self._closed = True
            self._storage.close()
            self._turn_away()

    def _next_jobs(self) -> list[Job]:
        """Wait for one job and take along what else is there."""
        first = self._jobs.get()
        if first is None:
            return []
        jobs = [first]
        try:
            while len(jobs) < self._max_batch:
                job = self._jobs.get_nowait()
                if job is None:
                    self._jobs.put(None)  # seen again after this batch
                    break
                jobs.append(job)
        except queue.Empty:
            pass
        return jobs

    def _serve(self, jobs: list[Job]) -> None:
        """Give every job an outcome: together if that works, else each on its own."""
        try:
            # A lone key is most likely new. Its insert finds out, and saves asking first.
            self._commit_together(jobs, ask_for_keys=len(jobs) > 1)
        except (OutcomeUnknownError, _NoTransactionError) as error:
            self._fail(jobs, error)
        except BaseException as error:  # noqa: BLE001 - each job is tried alone, and has its own
            self._cache.clear()
            if len(jobs) > 1 and not isinstance(error, StaleStreamError):
                _log.warning("a batch of %d failed; its commands run alone: %r", len(jobs), error)
            for number, job in enumerate(jobs):
                try:
                    self._serve_alone(job, error if len(jobs) == 1 else None)
                except _NoTransactionError as gone:
                    self._fail(jobs[number:], gone)  # each would only wait as long again
                    break

    def _fail(self, jobs: Sequence[Job], error: OutcomeUnknownError | _NoTransactionError) -> None:
        self._cache.clear()
        ours = error if isinstance(error, OutcomeUnknownError) else _as_ours(error.__cause__)
        for job in jobs:
            job.answer, job.error = None, ours

    def _serve_alone(self, job: Job, failure: BaseException | None) -> None:
        for attempt in range(_ATTEMPTS):
            if failure is not None:
                if not (isinstance(failure, StaleStreamError) or _lost(failure, attempt)):
                    break
                # Losers of a race wait a little, each a different while.
                time.sleep(random.uniform(0, 0.002 * 2**attempt))  # noqa: S311 - jitter
            try:
                self._commit_together([job], ask_for_keys=True)
            except OutcomeUnknownError as error:
                self._fail([job], error)
                return
            except _NoTransactionError:
                raise
            except BaseException as error:  # noqa: BLE001 - becomes the job's own outcome
                self._cache.clear()
                failure = error
            else:
                return
        job.answer, job.error = None, _as_ours(failure)

    def _commit_together(self, jobs: Sequence[Job], *, ask_for_keys: bool) -> None:
        storage = self._storage
        assert storage is not None  # noqa: S101 - set before the first job is taken
        try:
            transaction = storage.begin()
        except Exception as error:
            raise _NoTransactionError from error
        try:
            if storage.seen_elsewhere():
                self._cache.distrust()
            unit = BatchUnit(transaction, self._cache, self._codec)
            known = _answers(jobs, transaction) if ask_for_keys else None
            published = self._run_handlers(jobs, transaction, unit, known)
            changes = unit.changes()
            if changes.events or changes.answers or changes.profiles:
                transaction.write(changes)
                transaction.commit()
            else:
                # A refusal, or an answer without events, rests on what was read as much.
                if changes.unchanged:
                    transaction.write(changes)
                transaction.rollback()
        except OutcomeUnknownError:
            raise
        except BaseException:
            transaction.rollback()
            raise
        try:
            unit.remember()
            self._sink.committed(published)
        except Exception:  # noqa: BLE001 - what is durable must not be run again
            self._cache.distrust()
            _log.exception("telling of a commit failed")

    def _run_handlers(
        self,
        jobs: Sequence[Job],
        transaction: Transaction,
        unit: BatchUnit,
        known: dict[tuple[str, str], Answer] | None,
    ) -> list[Any]:
        """Run each command; `known` are the answers to the keys, None when nobody has asked yet."""
        known = known or {}
        published: list[Any] = []
        for job in jobs:
            job.answer = job.error = None
            key = job.origin.key
            if key is not None and (earlier := known.get((key.scope, key.key))) is not None:
                self._answer_again(job, key, earlier)
                continue
            command_id = self._ids.new()
            at = self._clock.now()
            unit.start(job.origin, command_id, at)
            try:
                answer = self._handlers[type(job.command)](job.command, unit)
                self._sink.inline(unit.staged_events, unit)
            except TraderbotError as error:
                # What is refused now may have been done before, or just now by another process.
                done = _answers([job], transaction)
                if key is not None and (earlier := done.get((key.scope, key.key))) is not None:
                    self._answer_again(job, key, earlier)
                else:
                    job.error = error
                continue
            stored = None
            if key is not None:
                stored = Answer(
                    key.scope,
                    key.key,
                    job.fingerprint,
                    command_id,
                    _encode_answer(answer),
                    instant_text(at),
                )
                known[key.scope, key.key] = stored
            published += unit.merge(stored)
            job.answer = answer
        return published

    def _answer_again(self, job: Job, key: IdempotencyKey, earlier: Answer) -> None:
        if earlier.fingerprint != job.fingerprint:
            msg = f"the idempotency key {key.key!r:.80} was used for something else"
            job.error = IdempotencyKeyReusedError(msg)
        else:
            job.answer = self._answers[type(job.command)].decode(earlier.response)

    @staticmethod
    def _release(jobs: Sequence[Job]) -> None:
        """Wake the callers, with one call into each event loop."""
        loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[Any]]] = {}
        for job in jobs:
            if job.waiter is not None:
                job.waiter.release()
            elif job.done is not None:
                loops.setdefault(job.done[0], []).append(job.done[1])
        for loop, futures in loops.items():
            try:
                loop.call_soon_threadsafe(_wake, futures)
            except RuntimeError:  # the loop was closed while its callers waited: nobody is left
                _log.warning("%d callers went away before their answer", len(futures))


def _answers(jobs: Sequence[Job], transaction: Transaction) -> dict[tuple[str, str], Answer]:
    keys = [(job.origin.key.scope, job.origin.key.key) for job in jobs if job.origin.key]
    return transaction.answers(keys) if keys else {}


class _NoTransactionError(Exception):
    """The database could not even begin, for a reason that is no single command's."""


def answer_type(kind: type[Command[Any]]) -> Any:  # noqa: ANN401 - any type
    """Return what a command of this kind is answered with: the `R` of its `Command[R]`."""
    for base in getattr(kind, "__orig_bases__", ()):
        if typing.get_origin(base) is Command:
            return typing.get_args(base)[0]
    msg = f"{kind.__name__} does not say what it is answered with"
    raise TypeError(msg)


def _closed() -> ClosedError:
    return ClosedError("the application is closed")


def _torn_down() -> OutcomeUnknownError:
    return OutcomeUnknownError("the writer was torn down while it worked; ask again after a start")


def _wake(futures: list[asyncio.Future[Any]]) -> None:
    for future in futures:
        if not future.done():  # a cancelled caller is not waiting any more
            future.set_result(None)


def _is_psycopg(error: BaseException | None) -> bool:
    # By name: the driver is an extra that may not be installed.
    return type(error).__module__.partition(".")[0] == "psycopg"


def _lost(error: BaseException, attempt: int) -> bool:
    """Whether the session was lost before the commit, for the first time: a new one may do."""
    return attempt == 0 and _is_psycopg(error) and type(error).__name__ in _SESSION_LOST


def _as_ours(error: BaseException | None) -> BaseException:
    if isinstance(error, TraderbotError):
        return error
    if isinstance(error, StaleStreamError):
        return StaleAggregateError(f"{error}; given up after {_ATTEMPTS} attempts")
    if isinstance(error, (SQLAlchemyError, sqlite3.Error)) or _is_psycopg(error):
        _log.error("the database failed: %r", error)
        ours: TraderbotError
        if type(error).__name__ in _REFUSED:
            ours = DatabaseRefusedError(
                "the database refused what it was given; nothing was written"
            )
        else:
            ours = DatabaseUnavailableError("the database did not take it; nothing was written")
        ours.__cause__ = error
        return ours
    if isinstance(error, Exception):
        return error
    # Raised in the caller's thread, a SystemExit or a cancellation would mean the caller.
    stray = RuntimeError(f"a command ended without an outcome: {error!r}")
    stray.__cause__ = error
    return stray
