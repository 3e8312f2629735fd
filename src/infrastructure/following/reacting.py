"""A reactor's way through the log: each attempt is on record in `effects` before it is made.

What came of one attempt is recorded together with the beginning of the next, so that an event costs
one transaction. A crash between the two has the event attempted again, with the same token.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy import Connection

from traderbot.application.ports.subscriptions import DurableHandler, Effect
from traderbot.infrastructure.following.effects import Effects, token_of
from traderbot.infrastructure.following.hand import Done, HandlerTimeoutError
from traderbot.infrastructure.following.log_follower import LogLine
from traderbot.infrastructure.following.progress import Progress
from traderbot.infrastructure.following.subscription_store import Lease
from traderbot.infrastructure.following.tasks import Task, Tasks
from traderbot.infrastructure.following.workplace import Workplace

_log = logging.getLogger(__name__)


class Reacting:
    """Handles events for a reactor, from its worker's thread."""

    def __init__(
        self, handler: DurableHandler, place: Workplace, progress: Progress, tasks: Tasks
    ) -> None:
        """Work with what the worker has."""
        self._handler = handler
        self._place = place
        self._progress = progress
        self._tasks = tasks
        self._parking = progress.parking
        self._effects = Effects(handler.name, place.store.times)
        self._outcome: Callable[[Connection], Lease] | None = None  # of the last call

    def follow(self, lines: Sequence[LogLine]) -> None:
        """Handle these events."""
        progress = self._progress
        for line in lines:
            if self._place.closing.told.is_set():
                break
            task = None if progress.is_given_up(line.log_index) else self._tasks.of(line)
            if task is None:
                self.settle()
                progress.pass_over(line.log_index + 1)
            else:
                with progress.in_turn() as is_suspect:
                    self._react(task)
                    if is_suspect:
                        self.settle()
        self.settle()

    def settle(self) -> None:
        """Record what came of the last call, if it is not recorded yet."""
        outcome = self._outcome
        if outcome is not None:
            with self._progress.writing.transaction() as connection:
                lease = outcome(connection)
            self._outcome = None
            self._progress.moved(lease.position, lease)

    def forget(self) -> None:
        """Let go of an outcome that can no longer be recorded: the lease is lost."""
        self._outcome = None

    def again(self, task: Task, attempt: int, *, last: bool) -> None:
        """Attempt an event behind the checkpoint once more; it was counted in `parked_events`."""
        progress = self._progress
        with progress.writing.transaction() as connection:
            lease = progress.here(connection)
            started = self._effects.start(connection, task.event_id)
            if started is None:  # it was done; only the word of it was lost
                self._parking.done(connection, task.log_index, task.key)
        progress.moved(progress.position, lease)
        if started is None:
            return
        done = self._call(task, started)
        with progress.writing.transaction() as connection:
            lease = progress.here(connection)
            if done.error is None:
                self._effects.done(connection, task.event_id, done.answer)
                self._parking.done(connection, task.log_index, task.key)
            else:
                self._failed(connection, task, attempt, done.error, last=last)
        progress.moved(progress.position, lease)

    def _react(self, task: Task) -> None:
        """Record the last outcome and the next beginning together, then make the call."""
        progress, outcome = self._progress, self._outcome
        started: int | None = None
        with progress.writing.transaction() as connection:
            lease = progress.here(connection) if outcome is None else outcome(connection)
            waits = bool(progress.held) and self._parking.is_blocked(
                connection, task.key, below=task.log_index
            )
            if waits:
                self._parking.put_behind(connection, task.log_index, task.event_id, task.key)
            else:
                started = self._effects.start(connection, task.event_id)
            exhausted = started is not None and started > self._place.pace.attempts
            if exhausted:
                error = HandlerTimeoutError("its last attempt did not come to an end")
                attempts = self._place.pace.attempts
                self._failed(connection, task, attempts, error, last=True)
        self._outcome = None
        progress.moved(lease.position, lease)
        if waits or exhausted:
            progress.held.add(task.key)
        if started is None or exhausted:  # it waits, was done before a crash, or is parked
            progress.pass_over(task.log_index + 1)
            return
        self._outcome = partial(self._record, task, started, self._call(task, started))

    def _record(self, task: Task, attempt: int, done: Done, connection: Connection) -> Lease:
        lease = self._progress.to(connection, task.log_index + 1)
        if done.error is None:
            self._effects.done(connection, task.event_id, done.answer)
        else:
            last = attempt >= self._place.pace.attempts
            self._failed(connection, task, attempt, done.error, last=last)
            self._progress.held.add(task.key)
        return lease

    def _call(self, task: Task, attempt: int) -> Done:
        token = token_of(self._handler.name, task.event_id)
        effect = Effect(token=token, attempt=attempt, log_index=task.log_index)
        done = self._tasks.make([partial(task.call, effect)], _nothing)
        if done.error is not None:
            _log.warning(
                "%s: attempt %d at log index %d failed: %r",
                self._handler.name,
                attempt,
                task.log_index,
                done.error,
            )
        return done

    def _failed(
        self,
        connection: Connection,
        task: Task,
        attempt: int,
        error: BaseException,
        *,
        last: bool,
    ) -> None:
        self._effects.failed(connection, task.event_id)
        self._parking.fail(
            connection,
            task.log_index,
            task.event_id,
            task.key,
            attempts=attempt,
            error=error,
            wait_seconds=self._place.pace.backoff(attempt),
        )
        if last:
            self._parking.park(connection, task.key)


def _nothing() -> None:
    """Take nothing away: a reactor holds nothing of ours."""
