"""The thread that makes a worker's calls, so that the worker can stop waiting for one of them."""

from __future__ import annotations

import asyncio
import inspect
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

Call = Callable[[], Any]

# A coroutine is cancelled when its time is up; this much later it counts as one that hangs.
_GRACE_SECONDS: Final = 0.25
_LOOK_SECONDS: Final = 0.1  # how often a waiting worker looks whether it is told to end


class HandlerTimeoutError(Exception):
    """A handler took longer than it may."""


class HandlerHangsError(HandlerTimeoutError):
    """A handler took longer than it may and cannot be stopped: its thread is left behind."""


class ClosingError(Exception):
    """The worker is told to end, and does not wait for the handler any longer."""


@dataclass(frozen=True, slots=True)
class Done:
    """How far a row of calls came: `error` is that of the first call behind the `count` done."""

    count: int
    answer: Any = None  # of the last call that was made
    error: BaseException | None = None


class _Job:
    """One row of calls, as its thread and its waiter see it."""

    def __init__(self, calls: Sequence[Call], patience: float, until: float) -> None:
        self.calls = calls
        self.patience = patience
        self.until = until
        self.at = (0, monotonic())  # which call is made, and since when
        self.finished = threading.Event()
        self.left = False  # nobody waits any more
        self.done = Done(0)


class Hand:
    """One thread with its own event loop. It makes calls in order and can be left behind."""

    def __init__(self, name: str) -> None:
        """Start the thread with the first calls."""
        self._name = name
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def make(
        self,
        calls: Sequence[Call],
        *,
        patience: float,
        until: float,
        ending: Callable[[], float | None],
    ) -> Done:
        """Make the calls, one after the other, each within `patience` seconds.

        After the instant `until` (monotonic) no further one begins, but at least one is made. An
        awaitable answer is awaited. `ending` says by when (monotonic) the worker must have ended.

        Raises:
            HandlerHangsError: a call does not come to an end; do not use this hand again. `args`
                are a message and how many calls were done before it.
            ClosingError: the worker has to end. Do not use this hand again.
        """
        job = _Job(calls, patience, until)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        self._jobs.put(job)
        while True:
            number, since = job.at
            if job.finished.wait(_LOOK_SECONDS):
                return job.done
            now, end = monotonic(), ending()
            if job.at[0] == number and now >= since + patience + _GRACE_SECONDS:
                self._leave(job)
                msg = f"took longer than {patience:g} s and was left behind"
                raise HandlerHangsError(msg, number)
            if end is not None and now >= end:
                self._leave(job)
                raise ClosingError

    @property
    def is_alive(self) -> bool:
        """Whether its thread still runs."""
        return self._thread is not None and self._thread.is_alive()

    def close(self) -> None:
        """End the thread when it has nothing to do."""
        self._jobs.put(None)
        if self._thread is not None:
            self._thread.join()

    def _leave(self, job: _Job) -> None:
        job.left = True
        self._jobs.put(None)  # once it comes back, it ends

    def _work(self) -> None:
        with asyncio.Runner() as runner:
            while (job := self._jobs.get()) is not None:
                try:
                    _make(job, runner)
                finally:
                    job.finished.set()


def _make(job: _Job, runner: asyncio.Runner) -> None:
    count = 0
    answer: Any = None
    try:
        for count, call in enumerate(job.calls):
            now = monotonic()
            if job.left or (count and now >= job.until):
                job.done = Done(count, answer)
                return
            job.at = (count, now)
            answer = call()
            if inspect.isawaitable(answer):
                answer = runner.run(_within(answer, job.patience))
    except BaseException as error:  # noqa: BLE001 - also SystemExit is the handler's own failure
        job.done = Done(count, error=error)
    else:
        job.done = Done(len(job.calls), answer)


async def _within(awaitable: Any, seconds: float) -> Any:  # noqa: ANN401 - a handler's answer
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await awaitable
    except TimeoutError as error:
        if not limit.expired():  # the handler's own
            raise
        msg = f"took longer than {seconds:g} s and was cancelled"
        raise HandlerTimeoutError(msg) from error
