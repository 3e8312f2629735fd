"""Whatever Redis does, no question to the cache fails, and none waits long."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.integration.redis.faults import FAULTS, Fault, Site
from traderbot.infrastructure.cache_layer import HybridCache

FIRST_SECONDS = 0.3
HEALED_SECONDS = 10.0


def until(true: Callable[[], bool], seconds: float = HEALED_SECONDS) -> float:
    """Wait until something is so; return how long it took."""
    start = time.monotonic()
    while not true():
        assert time.monotonic() - start < seconds, "it took too long"
        time.sleep(0.01)
    return time.monotonic() - start


def shared(cache: HybridCache) -> HybridCache:
    """Wait until a cache is heard and hears."""
    cache.get("begin")
    until(lambda: cache.is_shared)
    return cache


@pytest.mark.parametrize("fault", FAULTS, ids=lambda it: it.name)
def test_no_call_fails_and_none_waits_long(fault: Fault, site: Site) -> None:
    with closing(HybridCache(site.url)) as cache:
        shared(cache)
        cache.set("view:kept", "before", ttl=60)
        assert cache.get("view:kept") == "before"
        fault.make(site)
        longest = 0.0
        begun = time.monotonic()
        for number in range(2000):
            key = f"view:{number % 50}"
            start = time.monotonic()
            match number % 4:
                case 0:
                    cache.get(key)
                case 1:
                    cache.set(key, number, ttl=60)
                case 2:
                    cache.get_or_load(f"{key}:loaded", lambda: 1)
                case _:
                    cache.delete(key)
            longest = max(longest, time.monotonic() - start)
            if time.monotonic() - begun > 4:
                break
        assert longest <= FIRST_SECONDS
        fault.undo(site)
        cache.get("view:again")
        until(lambda: cache.is_shared)
        cache.set("view:after", "healed", ttl=60)
        assert cache.redis_cache.get("view:after") == "healed"


def test_what_one_process_changes_another_reads(site: Site) -> None:
    with closing(HybridCache(site.url)) as one, closing(HybridCache(site.url)) as other:
        shared(one)
        shared(other)
        for number in range(100):
            one.set("view:x", number, ttl=60)
            until(lambda number=number: other.get("view:x") == number, 1.0)  # type: ignore[misc]
        one.delete("view:x")
        until(lambda: other.get("view:x") is None, 1.0)
        other.set("view:y", 1)
        until(lambda: one.get("view:y") == 1, 1.0)
        one.clear()
        until(lambda: other.get("view:y") is None, 1.0)


def test_no_stale_truth_after_a_partition(site: Site) -> None:
    """Two hundred times: read, cut off, change, heal, read. The truth is a dict."""
    truth = {"view:x": 0}

    def read(cache: HybridCache) -> int:
        return cache.get_or_load("view:x", lambda: truth["view:x"], ttl=60)

    stale = 0
    with closing(HybridCache(site.url)) as one, closing(HybridCache(site.url)) as other:
        for number in range(1, 201):
            shared(one)
            shared(other)
            assert read(one) == read(other) == truth["view:x"]
            site.proxy.mode = "reset"
            site.proxy.cut()
            truth["view:x"] = number
            one.delete("view:x")
            # The other one is cut off as well: it has to notice by itself.
            until(lambda: not other._listener.is_up, 2.0)
            site.proxy.mode = "pass"
            stale += read(one) != number
            stale += read(other) != number
            shared(one)
            shared(other)
            stale += read(other) != number
    assert stale == 0


@pytest.mark.parametrize("rounds", [10])
def test_no_stale_truth_after_redis_stood_still(site: Site, rounds: int) -> None:
    hung = next(it for it in FAULTS if it.name == "hung")
    truth = {"view:x": 0}

    def read(cache: HybridCache) -> int:
        return cache.get_or_load("view:x", lambda: truth["view:x"], ttl=60)

    with closing(HybridCache(site.url)) as one, closing(HybridCache(site.url)) as other:
        for number in range(1, rounds + 1):
            shared(one)
            shared(other)
            assert read(one) == read(other) == truth["view:x"]
            hung.make(site)
            truth["view:x"] = number
            one.delete("view:x")
            until(lambda: not other._listener.is_up, 2.0)
            hung.undo(site)
            assert (read(one), read(other)) == (number, number)
            shared(one)
            shared(other)
            assert (read(one), read(other)) == (number, number)


def test_only_one_is_cut_off_and_the_other_changes(site: Site) -> None:
    """The one that heard nothing believes nothing it had, once it is back."""
    with (
        closing(HybridCache(site.url)) as cut_off,
        closing(HybridCache(str(site.server.tcp_url))) as other,
    ):
        for number in range(20):
            shared(cut_off)
            shared(other)
            other.set("view:x", f"old {number}", ttl=60)
            until(lambda number=number: cut_off.get("view:x") == f"old {number}")  # type: ignore[misc]
            site.proxy.mode = "reset"
            site.proxy.cut()
            other.set("view:x", f"new {number}", ttl=60)
            until(lambda: not cut_off._listener.is_up, 2.0)
            site.proxy.mode = "pass"
            shared(cut_off)
            assert cut_off.get("view:x") in {f"new {number}", None}


def test_a_slow_load_does_not_bring_back_what_was_changed_elsewhere(site: Site) -> None:
    with closing(HybridCache(site.url)) as slow, closing(HybridCache(site.url)) as quick:
        shared(slow)
        shared(quick)

        def load() -> str:
            quick.delete("view:x")  # the truth changes while the old one is on its way
            return "old"

        assert slow.get_or_load("view:x", load, ttl=60) == "old"
        assert quick.get("view:x") is None
        until(lambda: slow.get("view:x") is None, 1.0)


def test_while_alone_nothing_is_kept_for_long(site: Site) -> None:
    with closing(HybridCache(site.url, alone_seconds=0.2)) as cache:
        shared(cache)
        site.server.kill()
        until(lambda: not cache.is_shared)
        cache.set("view:x", 1, ttl=60)
        assert cache.get("view:x") == 1
        time.sleep(0.25)
        assert cache.get("view:x") is None


def test_a_redis_that_never_was_is_no_failure() -> None:
    with closing(HybridCache("redis://127.0.0.1:1/0")) as cache:
        cache.set("view:x", [1])
        assert cache.get("view:x") == [1]
        assert cache.get_or_load("view:y", lambda: 2) == 2
        assert not cache.is_shared
        assert cache.redis_cache.get("view:x") is None
        assert cache.redis_cache.get("cache:stats:hits") == 0


def test_the_longest_a_value_lives_is_what_its_writer_said(site: Site) -> None:
    with closing(HybridCache(site.url)) as one, closing(HybridCache(site.url)) as other:
        shared(one)
        shared(other)
        one.set("report:x", 1, ttl=0.5)
        assert other.get("report:x") == 1
        time.sleep(0.6)
        assert other.get("report:x") is None
