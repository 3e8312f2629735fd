"""The switch outside the database: a file, and this process's own memory.

Whoever can write into the data folder can halt trading: `touch traderbot-data/HALT`. A signal sets
the same file. Where no file can be written, the process remembers by itself.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Final

from traderbot.application.errors import LatchError

_log = logging.getLogger(__name__)
FILE_NAME: Final = "HALT"
_LONGEST: Final = 200
_LOOK_EVERY_SECONDS: Final = 0.005  # each order asks; a person's hand is slower than this


class FileLatch:
    """`Latch` on a file beside the database. It is looked at again after 5 milliseconds."""

    def __init__(self, path: Path) -> None:
        """Watch that file; it need not exist, and neither need its folder."""
        self.path = path
        self._text = os.fspath(path)
        self._said: str | None = None  # in memory, for what no file could be written for
        self._good_until = 0.0

    def engaged(self) -> str | None:
        """Return why nothing may be sent, None if it may."""
        if self._said is not None:
            return self._said
        now = monotonic()
        if now < self._good_until:
            return None
        try:
            os.stat(self._text)  # noqa: PTH116 - a third of what `Path.stat` costs, for every order
        except FileNotFoundError:
            self._good_until = now + _LOOK_EVERY_SECONDS
            return None
        except OSError as error:  # nobody can tell: then nothing is sent
            return f"the file {self._text} ({error.strerror})"
        return f"the file {self._text}"

    def engage(self, reason: str) -> None:
        """Let nothing be sent any more: memory first, then the file."""
        self._said = f"the switch of this process ({reason[:_LONGEST]})"
        self._good_until = 0.0
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(f"{reason}\n", encoding="utf-8")
        except OSError as error:
            _log.critical("trading is halted in this process alone: %s", error)
            return
        self._said = None  # from now on the file says so, to every process

    def release(self) -> None:
        """Take it back. Raises LatchError."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            msg = f"remove {self._text} by hand: {error.strerror}"
            raise LatchError(msg) from error
        self._said = None


@contextmanager
def halted_by_signal(latch: FileLatch) -> Iterator[None]:
    """Let SIGUSR1 pull the switch, for as long as the block lasts. Main thread only."""
    number = getattr(signal, "SIGUSR1", None)
    if number is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def pulled(_number: int, _frame: object) -> None:
        # The file only: a handler may interrupt anything, so it takes no lock and logs nothing.
        with suppress(OSError):
            latch.engage("signal SIGUSR1")

    before = signal.signal(number, pulled)
    try:
        yield
    finally:
        signal.signal(number, before)
