"""Signals to end, taken as the wish to stop in good order."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def told_to_stop() -> Iterator[threading.Event]:
    """Yield what is set by SIGTERM or Ctrl-C, for as long as the block lasts.

    Signals are heeded in the main thread only.
    """
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return
    wanted = (signal.SIGINT, signal.SIGTERM)
    before = {each: signal.signal(each, lambda _number, _frame: stopped.set()) for each in wanted}
    try:
        yield stopped
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
