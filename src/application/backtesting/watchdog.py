"""Stops a strategy that does not come back: an exception is raised in the thread that waits."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self


class StrategyHangsError(BaseException):
    """The strategy did not answer in time. No strategy's own `except Exception` catches it."""


class Watchdog:
    """Looks, every now and then, whether `steps` has changed since the last look.

    A strategy that hangs inside a compiled function cannot be reached before that returns.
    """

    def __init__(self, seconds: float) -> None:
        """Bear `seconds` without a step; up to twice that may pass before it bites."""
        self.seconds = seconds
        self.steps = 0
        self._ended = threading.Event()

    @contextmanager
    def watching(self) -> Iterator[Self]:
        """Watch over the calling thread until the block ends."""
        thread = threading.Thread(
            target=self._watch, args=(threading.get_ident(),), name="backtest-watchdog", daemon=True
        )
        thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            thread.join()

    def _watch(self, whom: int) -> None:
        before = -1
        while not self._ended.wait(self.seconds):
            if self.steps == before:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(whom), ctypes.py_object(StrategyHangsError)
                )
                before = -1
            else:
                before = self.steps
