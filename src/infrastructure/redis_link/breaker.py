"""A circuit breaker: what failed three times in a row is asked by one caller every two seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

FAILURES: Final = 3
PROBE_SECONDS: Final = 2.0


class Breaker:
    """Closed, calls pass. Open, one of them passes every `probe_seconds`; its success closes it.

    Its clock is monotonic and in seconds. It may be asked by many threads.
    """

    def __init__(
        self,
        *,
        failures: int = FAILURES,
        probe_seconds: float = PROBE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin closed."""
        self._most = failures
        self._probe_seconds = probe_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._open = False
        self._next_probe = 0.0
        self._opened = 0

    @property
    def is_open(self) -> bool:
        """Whether calls are held back."""
        return self._open

    @property
    def opened(self) -> int:
        """How often it has opened."""
        return self._opened

    def allows(self) -> bool:
        """Tell whether this caller may try. Who is told yes reports how it went."""
        if not self._open:
            return True
        with self._lock:
            if not self._open:
                return True
            now = self._clock()
            if now < self._next_probe:
                return False
            self._next_probe = now + self._probe_seconds
            return True

    def succeeded(self) -> None:
        """Report that it answered."""
        if self._in_a_row or self._open:
            with self._lock:
                self._in_a_row, self._open = 0, False

    def failed(self) -> None:
        """Report that it did not."""
        with self._lock:
            self._in_a_row += 1
            if self._in_a_row >= self._most:
                if not self._open:
                    self._opened += 1
                self._open = True
                self._next_probe = self._clock() + self._probe_seconds
