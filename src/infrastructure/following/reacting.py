"""A reactor's way through the log: each attempt is on record in `effects` before it is made.

What came of one attempt is recorded together with the beginning of the next, so that an event costs
one transaction. A crash between the two has the event attempted again, with the same token. When
many events wait, a few dozen are begun together, and what was done of them within a tenth of a
second is recorded together: then so many may be attempted again.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection

from traderbot.application.ports.subscriptions import (
    DurableHandler,
    Effect,
    SubscriptionState,
)
from traderbot.infrastructure.following.away import TargetAwayError
from traderbot.infrastructure.following.effects import Effects, token_of
from traderbot.infrastructure.following.hand import ClosingError, Done, HandlerTimeoutError
from traderbot.infrastructure.following.log_follower import LogLine
from traderbot.infrastructure.following.progress import Progress
from traderbot.infrastructure.following.subscription_store import Lease
from traderbot.infrastructure.following.tasks import Task, Tasks
from traderbot.infrastructure.following.workplace import Workplace

_log = logging.getLogger(__name__)
_MANY: Final = 8  # events that wait; fewer are attempted one by one
_TOGETHER: Final = 32
_LONGEST_PAUSE: Final = 10.0  # seconds between looks whether the other side is back


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
        self._together = _TOGETHER  # how many events are begun together at most
        self._away = 0  # how often in a row the other side was away
        self._may_say_so = True  # `subscriptions`, even if only since before this worker began

    def follow(self, lines: Sequence[LogLine]) -> None:
        """Handle these events, or the first of them."""
        progress = self._progress
        if self._follow_together(lines):
            return
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
                if self._away:  # whatever comes next would find nobody either
                    self._place.closing.told.wait(self._pause())
                    return
        self.settle()

    def _follow_together(self, lines: Sequence[LogLine]) -> bool:
        """Handle the first of many events in a few transactions; return whether that was done.

        Only first attempts of events that nothing is held against. Whatever else there is, and
        what failed, is for who goes one by one.
        """
        progress = self._progress
        if self._together < _MANY:  # calls are slow, and most would be begun in vain; for now
            self._together += 1
            return False
        if len(lines) < _MANY or progress.held or self._away or progress.is_suspect:
            return False
        tasks: list[Task] = []
        stop = progress.position
        for line in lines:
            if progress.is_given_up(line.log_index):
                return False
            stop = line.log_index + 1
            task = self._tasks.of(line)
            if task is not None:
                tasks.append(task)
                if len(tasks) == self._together:
                    break
        if len(tasks) < _MANY:
            return False
        outcome = self._outcome
        with progress.writing.transaction() as connection:
            lease = progress.here(connection) if outcome is None else outcome(connection)
            started = self._effects.start_all(connection, [it.event_id for it in tasks])
        self._outcome = None
        progress.moved(lease.position, lease)
        if started:
            self._call_together(tasks, stop)
        return started

    def _call_together(self, tasks: Sequence[Task], stop: int) -> None:
        """Make the calls of events that were begun; `stop` is where the log goes on behind them."""
        answers: list[object] = []
        calls = [partial(_answer, task, self._effect(task, 1), answers) for task in tasks]
        try:
            done = self._tasks.make(calls, _nothing)
        except ClosingError:  # the one that hangs stays begun
            count = len(answers)
            self._outcome = self._done_together(tasks, answers, tasks[count + 1 :])
            raise
        error = done.error
        if error is None:
            count = len(answers)
            self._together = count if count < len(tasks) else min(2 * self._together, _TOGETHER)
            self._outcome = self._done_together(tasks, answers, tasks[count:], stop)
            return
        failed, rest = tasks[len(answers)], tasks[len(answers) + 1 :]
        self._outcome = self._done_together(tasks, answers, rest)
        self.settle()
        self._warn(failed, 1, error)
        if isinstance(error, TargetAwayError):
            self._wait(failed, error)
            self._place.closing.told.wait(self._pause())
        else:
            self._outcome = partial(self._record, failed, 1, done)

    def _done_together(
        self, tasks: Sequence[Task], answers: Sequence[object], rest: Sequence[Task], stop: int = 0
    ) -> Callable[[Connection], Lease]:
        """Return what records the answers there are, and takes back what did not begin at all."""
        count = len(answers)
        to = stop if count == len(tasks) else tasks[count].log_index
        done = [(task.event_id, answer) for task, answer in zip(tasks, answers, strict=False)]

        def record(connection: Connection) -> Lease:
            lease = self._progress.to(connection, to)
            self._effects.all_done(connection, done)
            if rest:
                self._effects.not_begun(connection, [it.event_id for it in rest])
            return lease

        return record

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
            elif isinstance(done.error, TargetAwayError):
                self._effects.not_made(connection, task.event_id)
                self._parking.postpone(
                    connection,
                    task.log_index,
                    attempts=attempt - 1,
                    once=last,
                    error=done.error,
                    wait_seconds=self._pause(),
                )
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
        done = self._call(task, started)
        if isinstance(done.error, TargetAwayError):
            self._wait(task, done.error)
            return
        if self._may_say_so:
            self._away, self._may_say_so = 0, False
            progress.say(SubscriptionState.RUNNING)
        self._outcome = partial(self._record, task, started, done)

    def _wait(self, task: Task, error: TargetAwayError) -> None:
        """Stay before an event that nobody was there to take, and say so."""
        self._away += 1
        self._may_say_so = True
        with self._progress.writing.transaction() as connection:
            lease = self._progress.here(connection)
            self._effects.not_made(connection, task.event_id)
        self._progress.moved(task.log_index, lease)
        if self._away == 1:
            self._progress.say(SubscriptionState.RUNNING, f"waits: {error}")

    def _pause(self) -> float:
        return min(self._place.pace.backoff(max(1, self._away)), _LONGEST_PAUSE)

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
        done = self._tasks.make([partial(task.call, self._effect(task, attempt))], _nothing)
        if done.error is not None:
            self._warn(task, attempt, done.error)
        return done

    def _effect(self, task: Task, attempt: int) -> Effect:
        token = token_of(self._handler.name, task.event_id)
        return Effect(token=token, attempt=attempt, log_index=task.log_index)

    def _warn(self, task: Task, attempt: int, error: BaseException) -> None:
        if isinstance(error, TargetAwayError) and self._away:
            return  # said once
        _log.warning(
            "%s: attempt %d at log index %d failed: %r",
            self._handler.name,
            attempt,
            task.log_index,
            error,
        )

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


def _answer(task: Task, effect: Effect, answers: list[object]) -> Any:  # noqa: ANN401 - a handler's
    """Call a handler and keep its answer, once it is there."""
    answer = task.call(effect)
    if not inspect.isawaitable(answer):
        answers.append(answer)
        return answer

    async def awaited() -> None:
        answers.append(await answer)

    return awaited()


def _nothing() -> None:
    """Take nothing away: a reactor holds nothing of ours."""
