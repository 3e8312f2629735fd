"""Whatever Redis does, limits hold, nothing fails, and nobody waits long."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from contextlib import closing
from typing import Any

import pytest
from redis import Redis

from tests.integration.redis.faults import FAULTS, Fault, Site
from traderbot.infrastructure.rate_limiter import (
    HybridLimiter,
    RedisLimiter,
    SlidingWindow,
    TokenBucket,
)

FIRST_SECONDS = 0.3
LIMIT = 20


@pytest.mark.parametrize("fault", FAULTS, ids=lambda it: it.name)
def test_a_limit_holds_and_nothing_fails(fault: Fault, site: Site) -> None:
    with closing(HybridLimiter.of(SlidingWindow(LIMIT, 3600), site.url)) as limiter:
        allowed = [limiter.hit("account:ada").allowed for _ in range(5)]
        fault.make(site)
        longest = 0.0
        for number in range(200):
            start = time.monotonic()
            limiter.hit(f"user:{number}")
            allowed.append(limiter.hit("account:ada").allowed)
            longest = max(longest, (time.monotonic() - start) / 2)
        assert sum(allowed) == LIMIT  # also what was counted before: memory has it
        assert longest <= FIRST_SECONDS
        assert limiter.get_remaining("account:ada") == 0
        fault.undo(site)
        start = time.monotonic()
        while True:
            limiter.hit(f"probe:{time.monotonic_ns()}")
            if not limiter.breaker.is_open:
                break
            assert time.monotonic() - start < 10
            time.sleep(0.05)
        # The stricter of both: Redis may have lost its count, this process has not.
        assert not limiter.hit("account:ada").allowed


@pytest.mark.parametrize("fault", FAULTS, ids=lambda it: it.name)
def test_an_event_loop_gets_its_answer_in_time(fault: Fault, site: Site) -> None:
    async def ask(limiter: HybridLimiter) -> tuple[int, float, float]:
        await limiter.hit_async("begin")
        fault.make(site)
        longest = held_up = 0.0
        done = asyncio.Event()

        async def watch() -> None:
            nonlocal held_up
            while not done.is_set():
                start = time.monotonic()
                await asyncio.sleep(0.001)
                held_up = max(held_up, time.monotonic() - start)

        async def one() -> bool:
            nonlocal longest
            start = time.monotonic()
            verdict = await limiter.hit_async("account:ada")
            longest = max(longest, time.monotonic() - start)
            return verdict.allowed

        watcher = asyncio.create_task(watch())
        count = 0
        for _ in range(10):
            count += sum(await asyncio.gather(*(one() for _ in range(10))))
        done.set()
        await watcher
        return count, longest, held_up

    with closing(HybridLimiter.of(SlidingWindow(LIMIT, 3600), site.url)) as limiter:
        try:
            count, longest, held_up = asyncio.run(ask(limiter))
        finally:
            fault.undo(site)
        assert count == LIMIT
        assert longest <= FIRST_SECONDS
        assert held_up <= 0.15


def test_two_processes_together_are_admitted_exactly_the_limit(site: Site) -> None:
    script = (
        "import sys\n"
        "from traderbot.infrastructure.rate_limiter import *\n"
        "limiter = HybridLimiter.of(SlidingWindow(100, 3600), sys.argv[1], budget_seconds=5)\n"
        "sys.stdin.readline()\n"
        "print(sum(limiter.hit('user:1').allowed for _ in range(200)))\n"
    )
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(site.server.tcp_url)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    counts: list[int] = []

    def finish(worker: subprocess.Popen[str]) -> None:
        out, _ = worker.communicate("go\n", timeout=60)
        counts.append(int(out))

    threads = [threading.Thread(target=finish, args=(it,)) for it in workers]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sum(counts) == 100


def test_what_redis_refused_is_not_held_against_anybody_here(site: Site) -> None:
    """Else a process would go on refusing after the others have stopped."""
    with (
        closing(HybridLimiter.of(SlidingWindow(5, 1), site.url)) as one,
        closing(HybridLimiter.of(SlidingWindow(5, 1), site.url)) as other,
    ):
        assert all(one.hit("user:1").allowed for _ in range(5))
        for _ in range(50):
            assert not other.hit("user:1").allowed
        time.sleep(1.02)
        assert sum(other.hit("user:1").allowed for _ in range(10)) == 5


def test_no_window_of_a_second_holds_more_than_the_limit(site: Site) -> None:
    with closing(RedisLimiter(SlidingWindow(10, 1), site.url)) as limiter:
        admitted: list[tuple[float, float]] = []
        end = time.monotonic() + 3.2
        while time.monotonic() < end:
            before = time.monotonic()
            if limiter.hit("user:1").allowed:
                admitted.append((before, time.monotonic()))
            time.sleep(0.004)
        assert len(admitted) >= 30
        for first, eleventh in zip(admitted, admitted[10:], strict=False):
            # The server's own moment lies between the two; the last may be as late as it ended.
            assert eleventh[1] - first[0] >= 1.0


def test_scripts_that_were_forgotten_are_loaded_again(site: Site) -> None:
    with closing(RedisLimiter(TokenBucket(5, 3600), site.url)) as limiter, site.admin() as admin:
        for _ in range(5):
            admin.script_flush()
            assert limiter.hit("user:1").allowed
        admin.script_flush()
        verdicts = limiter.hit_all([("user:2", 1)] * 7)
        assert [it.allowed for it in verdicts] == [True] * 5 + [False] * 2


def test_keys_do_not_stay_for_ever(site: Site) -> None:
    with (
        closing(RedisLimiter(SlidingWindow(5, 1), site.url)) as window,
        closing(RedisLimiter(TokenBucket(5, 1), site.url)) as bucket,
        site.admin() as admin,
    ):
        window.hit("user:1")
        bucket.hit("user:1")
        keys = list(admin.scan_iter("traderbot:limit:*"))
        assert len(keys) == 2
        for key in keys:
            left: Any = admin.pttl(key)
            assert 0 < left <= 2001


def test_a_clock_that_is_set_back_frees_nobody(site: Site) -> None:
    """The newest moment kept is a minute ahead, as after such a step."""
    with (
        closing(RedisLimiter(SlidingWindow(2, 10), site.url)) as limiter,
        site.admin() as admin,
    ):
        assert [limiter.hit("user:1").allowed for _ in range(3)] == [True, True, False]
        (key,) = admin.scan_iter("traderbot:limit:*")
        moments: Any = admin.lrange(key, 0, -1)
        ahead = [int(it) + 60_000_000 for it in moments]
        admin.delete(key)
        admin.rpush(key, *ahead)
        refused = limiter.hit("user:1")
        assert not refused.allowed
        assert 0 < refused.retry_ns <= 10 * 10**9


def test_numbers_too_large_for_lua_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be counted exactly"):
        RedisLimiter(TokenBucket(10_000, 900_000, burst=100_000), "redis://127.0.0.1:1/0")


def test_a_key_of_another_kind_is_an_absent_redis(site: Site) -> None:
    with (
        closing(HybridLimiter.of(SlidingWindow(2, 60), site.url)) as limiter,
        Redis.from_url(str(site.server.tcp_url)) as client,
    ):
        limiter.hit("user:1")
        (key,) = client.scan_iter("traderbot:limit:*")
        client.delete(key)
        client.set(key, "not a list")
        assert [limiter.hit("user:1").allowed for _ in range(2)] == [True, False]
