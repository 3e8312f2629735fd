"""Signals to end, taken as the wish to stop in good order."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Final

_LOOK_SECONDS: Final = 0.5


class Stop:
    """What a signal handler may set while anything else is interrupted.

    An event takes a lock to be set, and a handler that runs while the main thread holds that very
    lock, on its way into `wait`, waits for ever. A `SimpleQueue` may be put into at any time.

    Python runs handlers in the main thread, and a system may hand a signal to any other: then
    nothing wakes the main thread, and it has to look by itself.
    """

    def __init__(self) -> None:
        """Begin with nobody having asked."""
        self._asked: SimpleQueue[None] = SimpleQueue()

    def ask(self) -> None:
        """Ask to stop; safe in a signal handler."""
        self._asked.put(None)

    def wait(self) -> None:
        """Return once somebody has asked."""
        while True:
            with suppress(Empty):
                return self._asked.get(timeout=_LOOK_SECONDS)


@contextmanager
def told_to_stop() -> Iterator[Stop]:
    """Yield what is asked by SIGTERM or Ctrl-C, for as long as the block lasts.

    Signals are heeded in the main thread only.
    """
    stopped = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return
    wanted = (signal.SIGINT, signal.SIGTERM)
    before = {each: signal.signal(each, lambda _number, _frame: stopped.ask()) for each in wanted}
    try:
        yield stopped
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
