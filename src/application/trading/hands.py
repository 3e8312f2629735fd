"""Threads that call a venue, and are not waited for without end.

The interpreter waits at its exit for the threads of a pool from the standard library, however long
a venue hangs. These it does not: what had not come back when the desk was closed is on record as
under way, and whoever starts next finds out what became of it.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from time import monotonic

Work = Callable[[], object]


class Hands:
    """Some threads that do what they are given, one after another. Work raises nothing."""

    def __init__(self, count: int, name: str) -> None:
        """Start them."""
        self._waiting: SimpleQueue[Work | None] = SimpleQueue()
        self._threads = [
            Thread(target=self._keep_working, name=f"{name}-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, work: Work) -> None:
        """Do it when a thread is free."""
        self._waiting.put(work)

    def close(self, within_seconds: float) -> bool:
        """Finish what was given, but wait no longer than that. False: something still hangs."""
        for _ in self._threads:
            self._waiting.put(None)
        deadline = monotonic() + within_seconds
        for thread in self._threads:
            thread.join(max(deadline - monotonic(), 0.0))
        return not any(it.is_alive() for it in self._threads)

    def _keep_working(self) -> None:
        while (work := self._waiting.get()) is not None:
            work()
