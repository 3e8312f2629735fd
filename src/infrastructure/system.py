"""The real clock and the real source of ids."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime

_LAST = 0xFFF  # what 12 bits count to


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        """Return the present instant."""
        return datetime.now(UTC)


class Uuid7Source:
    """UUIDv7 (RFC 9562 §5.7), strictly rising within a process.

    The first 48 bits are milliseconds, the next 12 a counter within the millisecond, then 50 random
    ones and 12 zeros for numbering parts. The standard library has no generator before Python 3.14.
    """

    def __init__(self) -> None:
        """Start anew, and again after every fork: no two processes share random bits."""
        self._tails: list[str] = []
        self._restart()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._restart)

    def new(self) -> str:
        """Return a new id in canonical text."""
        with self._lock:
            now = time.time_ns() // 1_000_000
            if now > self._millisecond:
                self._begin(now)
            elif self._counter == _LAST:  # 4096 in a millisecond: borrow the next one
                self._begin(self._millisecond + 1)
            else:
                self._counter += 1
            if not self._tails:
                self._tails = _random_tails()
            return f"{self._prefix}-7{self._counter:03x}-{self._tails.pop()}"

    def _begin(self, millisecond: int) -> None:
        self._millisecond, self._counter = millisecond, 0
        text = f"{millisecond:012x}"
        self._prefix = f"{text[:8]}-{text[8:]}"

    def _restart(self) -> None:
        self._lock = threading.Lock()  # the parent's may have been held at the fork
        self._tails = _random_tails()
        self._millisecond = 0
        self._begin(0)


def _random_tails() -> list[str]:
    """Return the last 64 bits of 512 ids: variant `10`, 50 random bits, 12 zeros."""
    block = os.urandom(512 * 7)  # one system call for all of them
    tails = []
    for start in range(0, len(block), 7):
        bits = int.from_bytes(block[start : start + 7], "big") & 0x3_FFFF_FFFF_FFFF
        text = f"{0x8_0000_0000_0000 | bits:013x}"
        tails.append(f"{text[:4]}-{text[4:]}000")
    return tails
