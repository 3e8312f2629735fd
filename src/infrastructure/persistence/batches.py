"""Commands run and committed together: handlers, one transaction, an outcome for each.

One thread at a time may be in here; the writer sees to that.
"""

from __future__ import annotations

import logging
import random
import sqlite3
import time
import typing
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from traderbot.application.errors import (
    DatabaseRefusedError,
    DatabaseUnavailableError,
    IdempotencyKeyReusedError,
    OutcomeUnknownError,
    StaleAggregateError,
)
from traderbot.application.ports.clock import Clock, IdSource
from traderbot.application.ports.commands import Command, Handlers, IdempotencyKey
from traderbot.application.ports.event_bus import EventSink
from traderbot.domain.shared.errors import TraderbotError
from traderbot.domain.shared.instants import instant_text
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.persistence.jobs import Job
from traderbot.infrastructure.persistence.storage import (
    Answer,
    StaleStreamError,
    Storage,
    Transaction,
)
from traderbot.infrastructure.persistence.unit import BatchUnit, StreamCache

_log = logging.getLogger(__name__)
_ATTEMPTS = 8
_REFUSED = frozenset({"DataError", "IntegrityError", "ProgrammingError", "NotSupportedError"})
_SESSION_LOST = frozenset({"OperationalError", "AdminShutdown", "CrashShutdown"})
_encode_answer = msgspec.json.Encoder().encode


class Batches:
    """Handlers at work on one `Storage`."""

    def __init__(
        self, handlers: Handlers, codec: EventCodec, clock: Clock, ids: IdSource, sink: EventSink
    ) -> None:
        """Know everything but the storage; the writer's thread opens that."""
        self._handlers = dict(handlers)
        self._answers = {kind: msgspec.json.Decoder(answer_type(kind)) for kind in self._handlers}
        self._codec = codec
        self._clock = clock
        self._ids = ids
        self._sink = sink
        self._cache = StreamCache()
        self.storage: Storage | None = None

    def close(self) -> None:
        """Give the storage back."""
        if self.storage is not None:
            self.storage.close()

    def interrupted(self) -> None:
        """Forget whatever a thread was in the middle of, its connection included."""
        self._cache.clear()
        if self.storage is not None:
            self.storage.distrust_connection()

    def serve(self, jobs: Sequence[Job], *, in_callers_thread: bool = False) -> None:
        """Give every job an outcome: together if that works, else each on its own.

        In a caller's own thread a KeyboardInterrupt is raised: it was meant for the caller.
        """
        through = (KeyboardInterrupt,) if in_callers_thread else ()
        try:
            # A lone key is most likely new. Its insert finds out, and saves asking first.
            self._commit_together(jobs, ask_for_keys=len(jobs) > 1)
        except (OutcomeUnknownError, _NoTransactionError) as error:
            self._fail(jobs, error)
        except through:
            raise
        except BaseException as error:  # noqa: BLE001 - each job is tried alone, and has its own
            self._cache.clear()
            if len(jobs) > 1 and not isinstance(error, StaleStreamError):
                _log.warning("a batch of %d failed; its commands run alone: %r", len(jobs), error)
            for number, job in enumerate(jobs):
                try:
                    self._serve_alone(job, error if len(jobs) == 1 else None, through)
                except _NoTransactionError as gone:
                    self._fail(jobs[number:], gone)  # each would only wait as long again
                    break

    def _fail(self, jobs: Sequence[Job], error: OutcomeUnknownError | _NoTransactionError) -> None:
        self._cache.clear()
        ours = error if isinstance(error, OutcomeUnknownError) else _as_ours(error.__cause__)
        for job in jobs:
            job.fail(ours)

    def _serve_alone(
        self, job: Job, failure: BaseException | None, through: tuple[type[BaseException], ...]
    ) -> None:
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
            except through:
                raise
            except BaseException as error:  # noqa: BLE001 - becomes the job's own outcome
                self._cache.clear()
                failure = error
            else:
                return
        job.fail(_as_ours(failure))

    def _commit_together(self, jobs: Sequence[Job], *, ask_for_keys: bool) -> None:
        storage = self.storage
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
            if changes.is_worth_a_commit:
                transaction.write(changes)
                transaction.commit()
            else:
                # A refusal, or an answer without events, rests on what was read as much.
                if changes.unchanged or changes.absent:
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
