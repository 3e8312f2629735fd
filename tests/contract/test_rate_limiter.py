"""Every limiter counts alike: in memory, in Redis, in both."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from traderbot.application.ports.rate_limiter import NANOSECONDS, Rate, RateLimiter
from traderbot.infrastructure.rate_limiter import (
    HybridLimiter,
    MemoryLimiter,
    RedisLimiter,
    SlidingWindow,
    TokenBucket,
)

PATIENT = 5.0  # a busy machine is no failure of Redis
Make = Callable[..., RateLimiter]


@pytest.fixture(params=[SlidingWindow, TokenBucket], ids=["sliding-window", "token-bucket"])
def policy(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(params=["memory", "redis", "hybrid"])
def make(request: pytest.FixtureRequest, policy: Any) -> Iterator[Make]:
    """Make limiters of one kind; those of Redis count together."""
    with ExitStack() as stack:

        def made(amount: int, seconds: int = 60, **more: Any) -> RateLimiter:
            one = policy(amount, seconds, **more)
            if request.param == "memory":
                return MemoryLimiter(one)
            url: str = request.getfixturevalue("one_redis_url")
            if request.param == "redis":
                return stack.enter_context(closing(RedisLimiter(one, url, budget_seconds=PATIENT)))
            return stack.enter_context(closing(HybridLimiter.of(one, url, budget_seconds=PATIENT)))

        yield made


def test_so_many_are_allowed_and_no_more(make: Make) -> None:
    limiter = make(5, 3600)
    verdicts = [limiter.hit("user:1") for _ in range(8)]
    assert [it.allowed for it in verdicts] == [True] * 5 + [False] * 3
    assert [it.remaining for it in verdicts] == [4, 3, 2, 1, 0, 0, 0, 0]
    assert limiter.get_remaining("user:1") == 0
    assert limiter.get_remaining("user:2") == 5
    assert limiter.rate == Rate(5, 3600)


def test_a_refusal_tells_when_to_come_back(make: Make) -> None:
    limiter = make(1, 1)
    first = limiter.hit("user:1")
    assert first.retry_ns == 0
    assert 0.9 * NANOSECONDS < first.reset_ns <= NANOSECONDS
    refused = limiter.hit("user:1")
    assert 0 < refused.retry_ns <= NANOSECONDS
    time.sleep(refused.retry_ns / NANOSECONDS + 0.005)
    assert limiter.hit("user:1").allowed


def test_what_is_refused_does_not_count(make: Make) -> None:
    limiter = make(2, 1)
    for _ in range(50):
        limiter.hit("user:1")
    time.sleep(1.01)
    assert limiter.hit("user:1").allowed


def test_a_cost_is_counted_as_so_many(make: Make) -> None:
    limiter = make(10, 3600)
    assert limiter.hit("user:1", 7).remaining == 3
    refused = limiter.hit("user:1", 4)
    assert (refused.allowed, refused.remaining) == (False, 3)
    assert limiter.hit("user:1", 3).allowed
    assert not limiter.hit("user:2", 11).allowed


def test_looking_counts_nothing(make: Make) -> None:
    limiter = make(2, 3600)
    limiter.hit("user:1")
    assert [limiter.get_remaining("user:1") for _ in range(5)] == [1] * 5


def test_reset_forgets_one_key(make: Make) -> None:
    limiter = make(1, 3600)
    limiter.hit("user:1")
    limiter.hit("user:2")
    limiter.reset("user:1")
    assert (limiter.get_remaining("user:1"), limiter.get_remaining("user:2")) == (1, 0)


@pytest.mark.parametrize("key", ["", "user:ü积", "with space", "x" * 5000, "{brace}", "a\nb"])
def test_any_text_is_a_key(make: Make, key: str) -> None:
    limiter = make(1, 3600)
    assert [limiter.hit(key).allowed for _ in range(2)] == [True, False]


def test_coroutines_are_counted_exactly(make: Make) -> None:
    limiter = make(50, 3600)

    async def burst() -> int:
        verdicts = await asyncio.gather(*(limiter.hit_async("user:1") for _ in range(200)))
        return sum(it.allowed for it in verdicts)

    assert asyncio.run(burst()) == 50
    assert limiter.get_remaining("user:1") == 0


def test_threads_are_counted_exactly(make: Make) -> None:
    limiter = make(100, 3600)
    counts: list[int] = []
    barrier = threading.Barrier(8)

    def work() -> None:
        barrier.wait()
        counts.append(sum(limiter.hit("user:1").allowed for _ in range(40)))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sum(counts) == 100


def test_a_bucket_fills_evenly_and_a_window_all_at_once(make: Make, policy: Any) -> None:
    limiter = make(10, 1)
    limiter.hit("user:1", 10)
    time.sleep(0.52)
    assert limiter.get_remaining("user:1") in ({5, 6, 7} if policy is TokenBucket else {0})
    time.sleep(0.52)
    assert limiter.get_remaining("user:1") == 10
