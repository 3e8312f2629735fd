"""A thread that asks a strategy, and is left behind if the strategy never answers.

Python cannot end a thread from outside. One that hangs is abandoned with what it holds, and does
not keep the process from ending; a strategy that hangs inside C code with the interpreter's lock
held stops everything, and only another process would help.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any, Generic, TypeVar

R = TypeVar("R")


class NoAnswerError(Exception):
    """The strategy did not answer in time. The hand is lost: take another one."""


class _Job(Generic[R]):
    def __init__(self, ask: Callable[[], R]) -> None:
        self._ask = ask
        self._answers: list[R] = []
        self._error: BaseException | None = None
        self.done = Event()

    def work(self) -> None:
        try:
            self._answers.append(self._ask())
        except BaseException as error:  # noqa: BLE001 - also SystemExit is the strategy's own
            self._error = error
        self.done.set()

    def answer(self) -> R:
        if self._error is not None:
            raise self._error
        return self._answers[0]


class Hand:
    """One thread that does one thing at a time, for whoever waits only so long."""

    def __init__(self) -> None:
        """Begin without a thread; the first question starts it."""
        self._jobs: SimpleQueue[_Job[Any] | None] = SimpleQueue()
        self._thread: Thread | None = None

    def ask(self, question: Callable[[], R], seconds: float) -> R:
        """Return the answer, or raise what the question raised.

        Raises:
            NoAnswerError: there was none in time; this hand must not be used again.
        """
        if self._thread is None:
            self._thread = Thread(target=self._work, name="strategy", daemon=True)
            self._thread.start()
        job = _Job(question)
        self._jobs.put(job)
        if not job.done.wait(seconds):
            self.close()
            msg = f"no answer within {seconds:g} s"
            raise NoAnswerError(msg)
        return job.answer()

    def close(self) -> None:
        """Let the thread end once it has nothing to do."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job.work()
