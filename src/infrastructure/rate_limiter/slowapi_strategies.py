"""Our strategies under their names, for programs that use `limits` or slowapi themselves.

slowapi knows fixed and moving windows and an approximation; no token bucket. After
`register_strategies()` its `Limiter(strategy="token-bucket")` and `"sliding-window"` are these.
The API of this program does not count this way: slowapi counts on the event loop's own thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

from limits import RateLimitItem
from limits.storage import MemoryStorage, RedisStorage, StorageTypes
from limits.strategies import STRATEGIES, RateLimiter
from limits.util import WindowStats

from traderbot.application.ports.rate_limiter import NANOSECONDS, Verdict
from traderbot.infrastructure.rate_limiter.memory_limiter import MemoryLimiter
from traderbot.infrastructure.rate_limiter.policy import Policy
from traderbot.infrastructure.rate_limiter.redis_limiter import RedisLimiter
from traderbot.infrastructure.rate_limiter.sliding_window import SlidingWindow
from traderbot.infrastructure.rate_limiter.token_bucket import TokenBucket

_MOST_ITEMS: Final = 1000


class _Strategy(RateLimiter):
    """One of our policies for each limit it is asked about."""

    _policy: Callable[[int, int], Policy[Any]]

    def __init__(self, storage: StorageTypes) -> None:
        """Count where the storage is: in memory, or in its Redis.

        Raises:
            NotImplementedError: it is neither.
        """
        if not isinstance(storage, MemoryStorage | RedisStorage):
            msg = f"this strategy counts in memory or in Redis, not in {type(storage).__name__}"
            raise NotImplementedError(msg)
        super().__init__(storage)
        self._lock = threading.Lock()
        self._limiters: dict[tuple[int, int], MemoryLimiter[Any] | RedisLimiter] = {}

    def hit(self, item: RateLimitItem, *identifiers: str, cost: int = 1) -> bool:
        """Count it, if it is allowed."""
        return cost < 1 or self._of(item).hit(_key(item, identifiers), cost).allowed

    def test(self, item: RateLimitItem, *identifiers: str, cost: int = 1) -> bool:
        """Tell whether it would be allowed."""
        return self._of(item).get_remaining(_key(item, identifiers)) >= cost

    def get_window_stats(self, item: RateLimitItem, *identifiers: str) -> WindowStats:
        """Return when nothing counts any more, and what is left."""
        found = self._look(item, _key(item, identifiers))
        return WindowStats(time.time() + found.reset_ns / NANOSECONDS, found.remaining)

    def clear(self, item: RateLimitItem, *identifiers: str) -> None:
        """Forget what was counted."""
        self._of(item).reset(_key(item, identifiers))

    def _look(self, item: RateLimitItem, key: str) -> Verdict:
        limiter = self._of(item)
        if isinstance(limiter, MemoryLimiter):
            return limiter.look(key)
        return limiter.hit_all([(key, 0)])[0]

    def _of(self, item: RateLimitItem) -> MemoryLimiter[Any] | RedisLimiter:
        terms = (item.amount, item.get_expiry())
        found = self._limiters.get(terms)
        if found is None:
            policy = self._policy(*terms)
            with self._lock:
                if len(self._limiters) >= _MOST_ITEMS:
                    msg = f"more than {_MOST_ITEMS} different limits: write them down once"
                    raise ValueError(msg)
                made = (
                    RedisLimiter(policy, self.storage.storage, scope="limits")
                    if isinstance(self.storage, RedisStorage)
                    else MemoryLimiter(policy)
                )
                found = self._limiters.setdefault(terms, made)
        return found


class TokenBucketRateLimiter(_Strategy):
    """`limits`' name for `TokenBucket`."""

    _policy = TokenBucket


class SlidingWindowRateLimiter(_Strategy):
    """`limits`' name for `SlidingWindow`."""

    _policy = SlidingWindow


def register_strategies() -> None:
    """Make `token-bucket` and `sliding-window` known to `limits`, and so to slowapi.

    Asking twice is harmless.
    """
    known: dict[str, Any] = STRATEGIES  # typed there as its own three classes
    known["token-bucket"] = TokenBucketRateLimiter
    known["sliding-window"] = SlidingWindowRateLimiter


def _key(item: RateLimitItem, identifiers: tuple[str, ...]) -> str:
    return item.key_for(*identifiers)
