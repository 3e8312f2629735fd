"""The limiter of this process, for programs that want one without building it."""

from __future__ import annotations

import threading
from typing import Final

from traderbot.application.ports.rate_limiter import RateLimiter
from traderbot.infrastructure.rate_limiter.memory_limiter import MemoryLimiter
from traderbot.infrastructure.rate_limiter.sliding_window import SlidingWindow

AMOUNT: Final = 100
SECONDS: Final = 60

_lock = threading.Lock()
_shared: RateLimiter | None = None


def get_rate_limiter() -> RateLimiter:
    """Return the limiter of this process: that of the API's requests, once a program is open.

    Until then it is one in memory, of 100 in any minute for each key.
    """
    global _shared  # noqa: PLW0603 - one for the process is what is asked for
    with _lock:
        if _shared is None:
            _shared = MemoryLimiter(SlidingWindow(AMOUNT, SECONDS))
        return _shared


def set_rate_limiter(limiter: RateLimiter | None) -> None:
    """Make another one the limiter of this process; None forgets it. Nothing is closed."""
    global _shared  # noqa: PLW0603 - as above
    with _lock:
        _shared = limiter
