from __future__ import annotations

import threading

import pytest

from traderbot.application.ports.rate_limiter import NANOSECONDS
from traderbot.infrastructure.rate_limiter import (
    MemoryLimiter,
    SlidingWindow,
    TokenBucket,
    get_rate_limiter,
    set_rate_limiter,
)


class Clock:
    """Monotonic nanoseconds that only the test moves."""

    def __init__(self) -> None:
        self.now = 10**15

    def __call__(self) -> int:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += int(seconds * NANOSECONDS)


def test_a_key_has_a_limit_of_its_own() -> None:
    limiter = MemoryLimiter(SlidingWindow(2, 60), clock_ns=Clock())
    assert [limiter.hit("user:1").allowed for _ in range(3)] == [True, True, False]
    assert limiter.hit("user:2").allowed
    assert limiter.get_remaining("user:1") == 0
    assert limiter.get_remaining("user:2") == 1
    assert limiter.get_remaining("user:3") == 2


def test_a_refusal_tells_when_to_come_back() -> None:
    clock = Clock()
    limiter = MemoryLimiter(SlidingWindow(1, 60), clock_ns=clock)
    limiter.hit("user:1")
    clock.pass_(20)
    refused = limiter.hit("user:1")
    assert not refused.allowed
    assert refused.retry_ns == 40 * NANOSECONDS
    clock.pass_(40)
    assert limiter.hit("user:1").allowed


def test_what_is_refused_does_not_count() -> None:
    clock = Clock()
    limiter = MemoryLimiter(TokenBucket(60, 60, burst=1), clock_ns=clock)
    assert limiter.allow("user:1")
    for _ in range(1000):
        assert not limiter.allow("user:1")
    clock.pass_(1)
    assert limiter.allow("user:1")


def test_a_cost_is_counted_as_so_many() -> None:
    limiter = MemoryLimiter(SlidingWindow(10, 60), clock_ns=Clock())
    assert limiter.hit("user:1", 7).remaining == 3
    assert not limiter.hit("user:1", 4).allowed
    assert limiter.hit("user:1", 3).allowed
    with pytest.raises(ValueError, match="at least 1"):
        limiter.hit("user:1", 0)


def test_looking_counts_nothing_and_remembers_nobody() -> None:
    limiter = MemoryLimiter(SlidingWindow(2, 60), clock_ns=Clock())
    for _ in range(10):
        assert limiter.get_remaining("user:1") == 2
    assert len(limiter) == 0


def test_reset_forgets_one_key() -> None:
    limiter = MemoryLimiter(SlidingWindow(1, 60), clock_ns=Clock())
    limiter.hit("user:1")
    limiter.hit("user:2")
    limiter.reset("user:1")
    assert limiter.get_remaining("user:1") == 1
    assert limiter.get_remaining("user:2") == 0


def test_the_table_is_bounded_and_a_key_in_use_stays() -> None:
    limiter = MemoryLimiter(SlidingWindow(3, 60), clock_ns=Clock(), max_keys=100)
    assert [limiter.hit("victim").allowed for _ in range(3)] == [True] * 3
    for number in range(10_000):
        limiter.hit(f"stranger:{number}")
        assert len(limiter) <= 100
        if number % 40 == 0:
            assert not limiter.hit("victim").allowed
    assert limiter.forgotten > 0


@pytest.mark.parametrize("policy", [SlidingWindow(500, 3600), TokenBucket(500, 3600)])
def test_many_threads_are_admitted_exactly_the_limit(
    policy: SlidingWindow | TokenBucket,
) -> None:
    clock = Clock()
    limiter: MemoryLimiter[object] = MemoryLimiter(policy, clock_ns=clock)  # type: ignore[arg-type]
    counts: list[int] = []
    barrier = threading.Barrier(8)

    def work() -> None:
        barrier.wait()
        counts.append(sum(limiter.allow("user:1") for _ in range(1000)))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sum(counts) == 500
    assert limiter.get_remaining("user:1") == 0


def test_the_process_has_one_limiter_until_it_is_given_another() -> None:
    set_rate_limiter(None)
    try:
        assert get_rate_limiter() is get_rate_limiter()
        assert get_rate_limiter().get_remaining("user:123") == 100
        get_rate_limiter().hit("user:123")
        assert get_rate_limiter().get_remaining("user:123") == 99
        mine = MemoryLimiter(TokenBucket(5))
        set_rate_limiter(mine)
        assert get_rate_limiter() is mine
    finally:
        set_rate_limiter(None)
