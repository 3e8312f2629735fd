"""A projection's way through the log: its rows and its checkpoint in one transaction.

While all goes well a batch costs one transaction and nothing is counted. When a batch fails, or its
owner did not end in good order, the events that may be at fault are taken one at a time, and each
attempt is counted in a transaction of its own before it is made: a handler that kills the process
reaches its limit as well.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial

from sqlalchemy import Connection

from traderbot.application.ports.subscriptions import DurableHandler, SubscriptionState
from traderbot.infrastructure.following.hand import ClosingError
from traderbot.infrastructure.following.log_follower import LogLine
from traderbot.infrastructure.following.pending_rows import write_rows
from traderbot.infrastructure.following.progress import Progress
from traderbot.infrastructure.following.subscription_store import Lease, LeaseLostError
from traderbot.infrastructure.following.tasks import CallFailedError, Task, Tasks, TooManyHangError
from traderbot.infrastructure.following.workplace import Workplace

_log = logging.getLogger(__name__)

# What no event is to blame for.
NOT_THE_EVENT = (LeaseLostError, ClosingError, TooManyHangError)
_OUT_OF_ATTEMPTS = "its attempts are used up, and the last did not come to an end"


class Projecting:
    """Handles events for a projection, from its worker's thread."""

    def __init__(
        self, handler: DurableHandler, place: Workplace, progress: Progress, tasks: Tasks
    ) -> None:
        """Work with what the worker has."""
        self._handler = handler
        self._place = place
        self._progress = progress
        self._tasks = tasks
        self._parking = progress.parking
        self._has_called = False  # the handler, in the transaction under way
        self._pause = 0.0  # seconds until a critical event is tried again

    def follow(self, lines: Sequence[LogLine]) -> None:
        """Handle the first of these events, as many as can be done in one go."""
        position, careful = self._progress.position, self._progress.one_by_one
        if position not in careful:
            stop = lines[-1].log_index + 1
            if position < careful.start:
                stop = min(stop, careful.start)
            self._batch(lines[: stop - position])
            return
        for line in lines:
            if line.log_index not in careful or self._place.closing.told.is_set():
                return
            self._pause = 0.0
            with self._progress.in_turn():
                self._one(line)
            self._place.closing.told.wait(self._pause)
            if self._progress.position != line.log_index + 1:  # to be tried again, or halted
                return

    def settle(self) -> None:
        """Nothing: what was done is recorded with the doing."""

    def again(self, task: Task, attempt: int, *, last: bool) -> None:
        """Attempt an event behind the checkpoint once more; it was counted."""
        progress = self._progress
        try:
            with progress.writing.transaction() as connection:
                lease = progress.here(connection)
                self._call([task], connection)
                self._parking.done(connection, task.log_index, task.key)
        except NOT_THE_EVENT:
            raise
        except Exception as raised:  # noqa: BLE001 - the handler's, or of the commit it caused
            error = raised.error if isinstance(raised, CallFailedError) else raised
            with progress.writing.transaction() as connection:
                lease = progress.here(connection)
                self._note(connection, task, attempt, error)
                if last:
                    self._parking.park(connection, task.key)
        progress.moved(progress.position, lease)

    def _batch(self, lines: Sequence[LogLine]) -> None:
        progress = self._progress
        wanted = [line for line in lines if not progress.is_given_up(line.log_index)]
        tasks = [task for task in map(self._tasks.of, wanted) if task is not None]
        stop = lines[-1].log_index + 1
        if not tasks:
            progress.pass_over(stop)
            return
        self._has_called = False
        try:
            with progress.writing.transaction() as connection:
                lease, stop = self._handle(connection, tasks, stop)
        except CallFailedError as failed:
            progress.one_by_one = range(failed.count, failed.count + 1)
        except NOT_THE_EVENT:
            raise
        except Exception:
            if self._has_called:
                # Whether one of the events is at fault or the database, one by one will tell.
                progress.one_by_one = range(progress.position, stop)
            raise
        else:
            progress.moved(stop, lease)

    def _handle(
        self, connection: Connection, tasks: Sequence[Task], stop: int
    ) -> tuple[Lease, int]:
        """Handle events in a transaction; return the lease and how far it came.

        Raises:
            CallFailedError: its count is the log index of the event that failed.
        """
        progress = self._progress
        lease = progress.to(connection, stop)
        if progress.held:
            progress.held = self._parking.keys(connection, below=progress.position)
        free = [task for task in tasks if task.key not in progress.held]
        try:
            count = self._call(free, connection) if free else 0
        except CallFailedError as failed:
            raise CallFailedError(free[failed.count].log_index, failed.error) from failed
        if count < len(free):  # enough for one transaction
            stop = free[count].log_index
            lease = self._place.store.move(connection, lease, stop)
        for task in tasks:
            if task.key in progress.held and task.log_index < stop:
                self._parking.put_behind(connection, task.log_index, task.event_id, task.key)
        return lease, stop

    def _call(self, tasks: Sequence[Task], connection: Connection) -> int:
        self._has_called = True
        calls = [partial(task.call, connection) for task in tasks]
        done = self._tasks.make(calls, self._progress.writing.cut)
        if done.error is not None:
            raise CallFailedError(done.count, done.error) from done.error
        write_rows(connection)
        return done.count

    def _one(self, line: LogLine) -> None:
        """Handle one event, its attempt counted before."""
        progress, critical = self._progress, self._handler.critical
        task = None if progress.is_given_up(line.log_index) else self._tasks.of(line)
        to = line.log_index + 1
        if task is None:
            progress.pass_over(to)
            return
        attempt: int | None = None
        aside = False
        with progress.writing.transaction() as connection:
            lease = progress.here(connection)
            if self._must_wait(connection, task):
                aside = True
                self._parking.put_behind(connection, task.log_index, task.event_id, task.key)
            else:
                attempt = self._parking.count(connection, task.log_index, task.event_id, task.key)
                if attempt is not None and attempt > self._place.pace.attempts and not critical:
                    aside = True
                    self._parking.park(connection, task.key)
            if aside:
                lease = self._place.store.move(connection, lease, to)
        if aside:
            progress.held.add(task.key)
            progress.moved(to, lease)
            return
        progress.moved(line.log_index, lease)
        if attempt is None:
            progress.pass_over(to)
        elif attempt > self._place.pace.attempts:
            self._halt(task, _OUT_OF_ATTEMPTS)
        else:
            self._attempt(task, attempt)

    def _must_wait(self, connection: Connection, task: Task) -> bool:
        held = self._progress.held
        return bool(held) and self._parking.is_blocked(connection, task.key, below=task.log_index)

    def _attempt(self, task: Task, attempt: int) -> None:
        progress, to = self._progress, task.log_index + 1
        try:
            with progress.writing.transaction() as connection:
                lease = progress.to(connection, to)
                self._call([task], connection)
                self._parking.done(connection, task.log_index, task.key)
        except NOT_THE_EVENT:
            raise
        except Exception as raised:  # noqa: BLE001 - the handler's, or of the commit it caused
            error = raised.error if isinstance(raised, CallFailedError) else raised
            self._failed(task, attempt, error)
        else:
            progress.moved(to, lease)

    def _failed(self, task: Task, attempt: int, error: BaseException) -> None:
        """Have a failed event tried again later, and let others go on; a critical one waits."""
        progress, critical = self._progress, self._handler.critical
        last = attempt >= self._place.pace.attempts
        to = task.log_index if critical else task.log_index + 1
        with progress.writing.transaction() as connection:
            lease = progress.to(connection, to)
            self._note(connection, task, attempt, error)
            if last and not critical:
                self._parking.park(connection, task.key)
        if not critical:
            progress.held.add(task.key)
        progress.moved(to, lease)
        if critical and last:
            self._halt(task, f"{type(error).__name__}: {error}")
        elif critical:
            self._pause = self._place.pace.backoff(attempt)

    def _halt(self, task: Task, why: str) -> None:
        """Stand still before an event until an operator resumes or gives the event up."""
        progress = self._progress
        with progress.writing.transaction() as connection:
            progress.here(connection)
            self._parking.park_one(connection, task.log_index)
        progress.say(SubscriptionState.HALTED, f"log index {task.log_index}: {why}")
        _log.error("%s halts before log index %d: %s", self._handler.name, task.log_index, why)

    def _note(self, connection: Connection, task: Task, attempt: int, error: BaseException) -> None:
        _log.warning(
            "%s: attempt %d at log index %d failed: %r",
            self._handler.name,
            attempt,
            task.log_index,
            error,
        )
        self._parking.fail(
            connection,
            task.log_index,
            task.event_id,
            task.key,
            attempts=attempt,
            error=error,
            wait_seconds=self._place.pace.backoff(attempt),
        )
