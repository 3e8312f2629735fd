"""Counting in this process: a bounded table, a lock, and no thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from traderbot.application.ports.rate_limiter import Rate, Verdict
from traderbot.infrastructure.rate_limiter.policy import Policy

S = TypeVar("S")

MAX_KEYS: Final = 100_000


class MemoryLimiter(Generic[S]):
    """`RateLimiter` in memory.

    It keeps at most `max_keys` keys, in two halves: a full young half becomes the old one, and
    what nobody asked for since the last time is forgotten with it. So it is bounded without a
    sweep, and a key in use is never forgotten; `forgotten` counts the others.
    """

    def __init__(
        self,
        policy: Policy[S],
        *,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        max_keys: int = MAX_KEYS,
    ) -> None:
        """Count by `policy`."""
        self.policy = policy
        self.forgotten = 0
        self._admit = policy.admit
        self._fresh = policy.fresh
        self._clock = clock_ns
        self._half = max(1, max_keys // 2)
        self._lock = threading.Lock()
        self._young: dict[str, S] = {}
        self._old: dict[str, S] = {}

    @property
    def rate(self) -> Rate:
        """How often is allowed."""
        return self.policy.rate

    def allow(self, key: str, cost: int = 1) -> bool:
        """Count it, if it is allowed. The quickest way to ask; it does not tell what is left."""
        with self._lock:
            state = self._young.get(key)
            if state is None:
                state = self._from_old(key)
            after = self._admit(state, self._clock(), cost)
            if after is None:
                return False
            self._young[key] = after
            return True

    def hit(self, key: str, cost: int = 1) -> Verdict:
        """Count it, if it is allowed. What is refused does not count."""
        return self.hit_at(key, cost)[0]

    def hit_at(self, key: str, cost: int = 1) -> tuple[Verdict, int]:
        """Do the same, and return the moment it was counted at, for `give_back`."""
        if cost < 1:
            msg = f"a cost is at least 1; this is {cost}"
            raise ValueError(msg)
        with self._lock:
            state = self._young.get(key)
            if state is None:
                state = self._from_old(key)
            now = self._clock()
            after = self._admit(state, now, cost)
            if after is None:
                return self.policy.verdict(state, now, allowed=False, cost=cost), now
            self._young[key] = after
            return self.policy.verdict(after, now, allowed=True, cost=cost), now

    async def hit_async(self, key: str, cost: int = 1) -> Verdict:
        """Do the same; there is nothing to wait for."""
        return self.hit_at(key, cost)[0]

    def give_back(self, key: str, at_ns: int, cost: int = 1) -> None:
        """Undo what was counted at a moment, because somebody else refused it."""
        with self._lock:
            state = self._young.get(key)
            if state is not None:
                self._young[key] = self.policy.give_back(state, at_ns, cost)

    def look(self, key: str) -> Verdict:
        """Tell what is left without counting anything."""
        with self._lock:
            state = self._young.get(key, self._old.get(key))
            state = self._fresh() if state is None else state
            return self.policy.verdict(state, self._clock(), allowed=True)

    def get_remaining(self, key: str) -> int:
        """Return how often it may still be done now. Nothing is counted."""
        return self.look(key).remaining

    def reset(self, key: str) -> None:
        """Forget what was counted under a key."""
        with self._lock:
            self._young.pop(key, None)
            self._old.pop(key, None)

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._young, self._old = {}, {}

    def __len__(self) -> int:
        """Return how many keys are kept."""
        with self._lock:
            return len(self._young) + len(self._old)

    def _from_old(self, key: str) -> S:
        """Return the state of a key that is not among the young ones, which it then is."""
        state = self._old.pop(key, None)
        if state is None:
            state = self._fresh()
        if len(self._young) >= self._half:
            self.forgotten += len(self._old)
            self._old, self._young = self._young, {}
        self._young[key] = state
        return state
