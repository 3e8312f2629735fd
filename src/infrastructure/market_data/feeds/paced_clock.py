"""A clock that begins where old bars begin, and may run faster than the world's."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from traderbot.domain.shared.errors import InvalidValueError

_NANOSECONDS = 1_000_000_000


class PacedClock:
    """`Clock` of a replay: whoever asks a feed `until` this clock sees bar after bar close."""

    def __init__(
        self,
        start: datetime,
        speed: int = 1,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Begin at `start`, now, and let `speed` seconds pass in each second.

        Raises:
            InvalidValueError: `start` is naive, or the speed is less than 1.
        """
        if start.utcoffset() != timedelta(0):
            msg = f"a replay starts at an aware UTC instant, not {start.isoformat()}"
            raise InvalidValueError(msg)
        if speed < 1:
            msg = f"a replay's speed is 1 or more, not {speed}"
            raise InvalidValueError(msg)
        self._start, self._speed = start, speed
        self._monotonic_ns = monotonic_ns
        self._begun = monotonic_ns()

    def now(self) -> datetime:
        """Return the present instant of the replay."""
        passed = (self._monotonic_ns() - self._begun) * self._speed
        return self._start + timedelta(microseconds=passed * 1_000_000 // _NANOSECONDS)
