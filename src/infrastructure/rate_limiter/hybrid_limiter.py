"""Counting in memory and in Redis: the stricter of both, and memory alone when Redis is away."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from traderbot.application.ports.rate_limiter import Rate, Verdict
from traderbot.infrastructure.rate_limiter.memory_limiter import MAX_KEYS, MemoryLimiter
from traderbot.infrastructure.rate_limiter.policy import Policy
from traderbot.infrastructure.rate_limiter.redis_limiter import (
    LimiterUnavailableError,
    RedisLimiter,
)
from traderbot.infrastructure.redis_link.breaker import Breaker
from traderbot.infrastructure.redis_link.connections import BUDGET_SECONDS

_log = logging.getLogger(__name__)
_ALERT_SECONDS: Final = 60.0
_LARGEST_BATCH: Final = 64
# A batch may stand behind another that waits in vain, and a thread waits for its turn to run: to
# give up sooner would leave a burst on a healthy Redis to memory, which counts per process.
_PATIENCE: Final = 2.5


@dataclass(slots=True)
class _Wish:
    """A hit that waits for its turn with Redis."""

    key: str
    cost: int
    future: asyncio.Future[Verdict | None]
    loop: asyncio.AbstractEventLoop
    given_up: bool = False


class HybridLimiter:
    """`RateLimiter` that never fails and never waits for long.

    Memory counts every hit, and refuses first: what this process alone has admitted too often is
    too often everywhere. What it admits, Redis is asked about, and a refusal there is taken back
    here. So while Redis is away the limit holds per process, and for a window after it came back,
    or lost its memory, what was counted here meanwhile still counts.

    Redis has a budget of 100 ms to take a connection and of 100 ms to answer; what is wrong with
    it is paid for three times, then by one call every two seconds. Hits from an event loop wait
    for a thread that sends what has gathered in one message, and not beyond 250 ms.
    """

    def __init__(
        self,
        memory: MemoryLimiter[Any],
        redis: RedisLimiter,
        *,
        breaker: Breaker | None = None,
        budget_seconds: float = BUDGET_SECONDS,
    ) -> None:
        """Count in both, by the same policy."""
        self.memory = memory
        self.redis = redis
        self.breaker = breaker or Breaker()
        self._patience = budget_seconds * _PATIENCE
        self._waiting: deque[_Wish] = deque()
        self._lock = threading.Lock()
        self._sending = False
        self._executor: Executor | None = None
        self._alerted = float("-inf")
        self._closed = False

    @staticmethod
    def of(
        policy: Policy[Any],
        url: str,
        *,
        scope: str = "",
        clock_ns: Callable[[], int] = time.monotonic_ns,
        max_keys: int = MAX_KEYS,
        budget_seconds: float = BUDGET_SECONDS,
    ) -> HybridLimiter:
        """Return one that counts by `policy` here and in the Redis of `url`."""
        memory: MemoryLimiter[Any] = MemoryLimiter(policy, clock_ns=clock_ns, max_keys=max_keys)
        redis = RedisLimiter(policy, url, scope=scope, budget_seconds=budget_seconds)
        return HybridLimiter(memory, redis, budget_seconds=budget_seconds)

    @property
    def rate(self) -> Rate:
        """How often is allowed."""
        return self.memory.rate

    def hit(self, key: str, cost: int = 1) -> Verdict:
        """Count it, if both allow it. It may wait for Redis: not for an event loop."""
        here, at = self.memory.hit_at(key, cost)
        if not here.allowed or not self.breaker.allows():
            return here
        try:
            there = self.redis.hit(key, cost)
        except LimiterUnavailableError as error:
            self._failed(error)
            return here
        self.breaker.succeeded()
        return self._stricter(key, cost, at, here, there)

    async def hit_async(self, key: str, cost: int = 1) -> Verdict:
        """Count it, if both allow it. The event loop goes on meanwhile."""
        here, at = self.memory.hit_at(key, cost)
        if not here.allowed or self._closed or not self.breaker.allows():
            return here
        loop = asyncio.get_running_loop()
        wish = _Wish(key, cost, loop.create_future(), loop)
        self._queue(wish)
        timer = loop.call_later(self._patience, _give_up, wish)
        try:
            there = await wish.future
        finally:
            wish.given_up = True
            timer.cancel()
        return here if there is None else self._stricter(key, cost, at, here, there)

    def get_remaining(self, key: str) -> int:
        """Return how often it may still be done now. Nothing is counted."""
        here = self.memory.get_remaining(key)
        if not here or not self.breaker.allows():
            return here
        try:
            there = self.redis.get_remaining(key)
        except LimiterUnavailableError as error:
            self._failed(error)
            return here
        self.breaker.succeeded()
        return min(here, there)

    def reset(self, key: str) -> None:
        """Forget what was counted under a key; in Redis too, if it answers."""
        self.memory.reset(key)
        if self.breaker.allows():
            try:
                self.redis.reset(key)
            except LimiterUnavailableError as error:
                self._failed(error)
            else:
                self.breaker.succeeded()

    def close(self) -> None:
        """Stop asking Redis, and close the connections."""
        with self._lock:
            self._closed = True
            executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=True)
        self.redis.close()

    def _stricter(self, key: str, cost: int, at: int, here: Verdict, there: Verdict) -> Verdict:
        if not there.allowed:
            self.memory.give_back(key, at, cost)
        return Verdict(
            there.allowed,
            min(here.remaining, there.remaining),
            there.retry_ns,
            max(here.reset_ns, there.reset_ns),
        )

    def _failed(self, error: LimiterUnavailableError) -> None:
        self.breaker.failed()
        now = time.monotonic()
        if now - self._alerted >= _ALERT_SECONDS:
            self._alerted = now
            _log.warning("limits are counted per process for now: %s", error)

    # The thread that asks Redis for event loops -------------------------------------------------

    def _queue(self, wish: _Wish) -> None:
        with self._lock:
            self._waiting.append(wish)
            if self._sending or self._closed:
                return
            self._sending = True
            if self._executor is None:
                self._executor = ThreadPoolExecutor(1, thread_name_prefix="traderbot-limits")
            self._executor.submit(self._send_waiting)

    def _send_waiting(self) -> None:
        """Send what waits, until nothing does."""
        while True:
            with self._lock:
                taken = [
                    self._waiting.popleft() for _ in range(min(_LARGEST_BATCH, len(self._waiting)))
                ]
                if not taken:
                    self._sending = False
                    return
            # Whoever has gone on without an answer must not be counted there for nothing.
            wishes = [it for it in taken if not it.given_up]
            if wishes:
                self._send(wishes)

    def _send(self, wishes: list[_Wish]) -> None:
        answers: list[Verdict | None] = [None] * len(wishes)
        if self.breaker.allows():
            try:
                answers = [*self.redis.hit_all([(it.key, it.cost) for it in wishes])]
            except LimiterUnavailableError as error:
                self._failed(error)
            else:
                self.breaker.succeeded()
        for wish, answer in zip(wishes, answers, strict=True):
            try:
                wish.loop.call_soon_threadsafe(_tell, wish, answer)
            except RuntimeError:  # its loop was closed meanwhile: nobody waits there any more
                continue


def _tell(wish: _Wish, answer: Verdict | None) -> None:
    if not wish.future.done():
        wish.future.set_result(answer)


def _give_up(wish: _Wish) -> None:
    wish.given_up = True
    _tell(wish, None)
