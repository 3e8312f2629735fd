"""The real clock and the real source of ids."""

from __future__ import annotations

import os
import random
import threading
import time
from datetime import UTC, datetime


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        """Return the present instant."""
        return datetime.now(UTC)


class Uuid7Source:
    """UUIDv7 (RFC 9562 §5.7), strictly rising within a process.

    The first 48 bits are milliseconds, the next 12 a counter within the millisecond, the rest is
    random. The standard library has no generator before Python 3.14.
    """

    def __init__(self) -> None:
        """Seed from the operating system, again after every fork."""
        self._lock = threading.Lock()
        self._reseed()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._reseed)

    def new(self) -> str:
        """Return a new id in canonical text."""
        with self._lock:
            now = time.time_ns() // 1_000_000
            if now > self._millisecond:
                self._millisecond, self._counter = now, 0
            else:
                self._counter += 1
                if self._counter > 0xFFF:  # more than 4096 in a millisecond: borrow the next one
                    self._millisecond, self._counter = self._millisecond + 1, 0
            bits = (
                self._millisecond << 80
                | 0x7000_0000_0000_0000_0000
                | self._counter << 64
                | 0x8000_0000_0000_0000
                | self._random.getrandbits(62)
            )
        text = f"{bits:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def _reseed(self) -> None:
        # Ids name things, they are not secrets: every query carries its owner.
        self._random = random.Random(os.urandom(32))  # noqa: S311
        self._millisecond = 0
        self._counter = 0
