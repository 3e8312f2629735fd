"""One subscription at work: takes the lease, catches up with the log, and follows it."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from time import monotonic
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from traderbot.application.ports.subscriptions import DurableHandler, SubscriptionState
from traderbot.domain.shared.errors import CorruptHistoryError
from traderbot.infrastructure.following.decisions import DISCARDED_TYPE
from traderbot.infrastructure.following.hand import ClosingError
from traderbot.infrastructure.following.log_follower import LogLine
from traderbot.infrastructure.following.progress import Progress
from traderbot.infrastructure.following.projecting import Projecting
from traderbot.infrastructure.following.reacting import Reacting
from traderbot.infrastructure.following.subscription_store import LeaseLostError
from traderbot.infrastructure.following.tasks import Tasks, TooManyHangError
from traderbot.infrastructure.following.workplace import Workplace

_log = logging.getLogger(__name__)

_FIRST_PAUSE: Final = 0.1  # seconds, while the database is away
_LONGEST_PAUSE: Final = 5.0


class Worker:
    """Runs one durable handler on a thread of its own."""

    def __init__(self, handler: DurableHandler, place: Workplace) -> None:
        """Prepare to work. Raises ValueError for an event type that is not in the log."""
        self.name = handler.name
        self._place = place
        self._tasks = Tasks(handler, place)
        self._progress = Progress(handler, place)
        mode = Reacting if handler.is_reactor else Projecting
        self._mode: Reacting | Projecting = mode(handler, place, self._progress, self._tasks)
        self._wake = threading.Event()
        self._lingers = place.pace.linger_seconds
        self._rested_at = 0.0  # monotonic
        self._thread = threading.Thread(
            target=self._work, name=f"traderbot-{handler.name}", daemon=True
        )

    @property
    def position(self) -> int | None:
        """The next log index it looks at, None while somebody else does."""
        progress = self._progress
        return progress.position if progress.is_owner else None

    @property
    def left_behind(self) -> int:
        """How many calls of its handler hang."""
        return self._tasks.left_behind

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def nudge(self) -> None:
        """Say that the log has grown, or that an operator has decided something."""
        self._wake.set()

    def join(self, seconds: float) -> bool:
        """Wait for its end; return whether it came."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    # The worker's own thread ---------------------------------------------------------------------

    def _work(self) -> None:
        pause = _FIRST_PAUSE
        closing = self._place.closing.told
        while not closing.is_set():
            try:
                if not self._round():
                    self._rest()
                pause = _FIRST_PAUSE
            except LeaseLostError:
                _log.warning("%s: the lease went to somebody else", self.name)
                self._lose()
            except ClosingError:
                break
            except (CorruptHistoryError, TooManyHangError) as error:
                self._halt(error)
            except Exception as error:  # noqa: BLE001 - the database, most likely; it may come back
                _log.warning("%s: waits %.1f s: %r", self.name, pause, error)
                self._progress.writing.close()
                closing.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        self._end()

    def _round(self) -> bool:
        """Do a portion of what there is; return whether there was anything."""
        progress = self._progress
        if not progress.is_owner and not progress.take():
            return False
        if progress.state is SubscriptionState.HALTED:
            return False
        self._mode.settle()
        drained = bool(progress.held) and self._drain()
        lines = self._place.feed.read(progress.position)
        if lines:
            if any(line.type == DISCARDED_TYPE for line in lines):
                progress.hear_decisions()  # before they are behind it
            self._mode.follow(lines)
        elif progress.state is SubscriptionState.REBUILDING:
            progress.say(SubscriptionState.RUNNING)
        else:
            progress.save_if_late()
        return drained or bool(lines)

    def _drain(self) -> bool:
        """Attempt what is due of the events put aside; return whether anything was."""
        progress = self._progress
        with self._place.reading.connect() as connection:
            due = progress.parking.due(connection, below=progress.position)
            lines = [self._place.follower.line(connection, index) for index, _ in due]
            if not due:
                progress.held = progress.parking.keys(connection, below=progress.position)
        for (index, key), line in zip(due, lines, strict=True):
            if self._place.closing.told.is_set():
                break
            with progress.in_turn():
                self._again(line, index, key)
        return bool(due)

    def _again(self, line: LogLine, index: int, key: str) -> None:
        """Attempt an event that was put aside once more, if it has an attempt left."""
        progress, most = self._progress, self._place.pace.attempts
        with progress.writing.transaction() as connection:
            lease = progress.here(connection)
            attempt, once = progress.parking.count_again(connection, index, most)
            exhausted = attempt > most and not once
            if exhausted:
                progress.parking.park(connection, key)
        progress.moved(progress.position, lease)
        if not exhausted:
            task = self._tasks.again(line, key)
            self._mode.again(task, attempt, last=once or attempt >= most)

    def _rest(self) -> None:
        """Sleep until there may be something to do, and look what others have decided."""
        progress, pace = self._progress, self._place.pace
        seconds = pace.poll_seconds
        if progress.is_owner and progress.held and progress.state is not SubscriptionState.HALTED:
            with self._place.reading.connect() as connection:
                due = progress.parking.seconds_to_next(connection, below=progress.position)
            seconds = seconds if due is None else min(seconds, due)
        if self._wake.wait(seconds):
            # Who has no lease need not look at every event.
            self._place.closing.told.wait(
                self._linger() if progress.is_owner else pace.poll_seconds
            )
        else:
            self._lingers = pace.linger_seconds
        self._wake.clear()
        if progress.is_owner:
            progress.look()

    def _linger(self) -> float:
        """Return how long to wait for more: longer and longer while the log does not stop growing.

        Each round costs a transaction, however few events it is for, and the writer its turn.
        """
        pace, now = self._place.pace, monotonic()
        is_busy = now - self._rested_at < pace.longest_linger_seconds
        longest = max(pace.linger_seconds, min(2 * self._lingers, pace.longest_linger_seconds))
        self._lingers = longest if is_busy else pace.linger_seconds
        self._rested_at = now + self._lingers
        return self._lingers

    def _lose(self) -> None:
        self._progress.lose()
        if isinstance(self._mode, Reacting):
            self._mode.forget()

    def _halt(self, error: BaseException) -> None:
        _log.error("%s halts: %s", self.name, error)
        try:
            self._progress.say(SubscriptionState.HALTED, f"{type(error).__name__}: {error}")
        except (SQLAlchemyError, LeaseLostError):
            self._place.closing.told.wait(_FIRST_PAUSE)  # it will come to the same end again

    def _end(self) -> None:
        """Give the lease back, unless the database is away; then it runs out."""
        with suppress(Exception):
            self._mode.settle()
            self._progress.release()
        self._progress.lose()
        self._progress.writing.close()
        self._tasks.close()
