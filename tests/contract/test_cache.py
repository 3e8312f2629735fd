"""Every cache keeps its word alike: in memory, in Redis, in both."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest

from traderbot.application.ports.cache import Cache
from traderbot.infrastructure.cache_layer import HybridCache, MemoryCache, RedisCache, cached

PATIENT = 5.0  # a busy machine is no failure of Redis


@pytest.fixture(params=["memory", "redis", "hybrid"])
def cache(request: pytest.FixtureRequest) -> Iterator[Cache]:
    if request.param == "memory":
        yield MemoryCache()
        return
    url: str = request.getfixturevalue("one_redis_url")
    if request.param == "redis":
        with closing(RedisCache(url, budget_seconds=PATIENT)) as one:
            yield one
        return
    with closing(HybridCache(url, budget_seconds=PATIENT, lease_seconds=PATIENT)) as both:
        both.get("begin")
        while not both.is_shared:
            time.sleep(0.01)
        yield both


VALUES: list[Any] = [
    "text ü", b"bytes", 0, -1, 10**30, 1.5, True, None, Decimal("1.100"), [], {}, (1, (2,)),
    {"a": [1, {"b": Decimal("0.1")}]}, {1: "one"}, {1, 2}, frozenset({"x"}),
    datetime(2026, 11, 21, 12, tzinfo=UTC), datetime(2026, 11, 21, 12),  # noqa: DTZ001
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_comes_back_as_it_was(cache: Cache, value: Any) -> None:
    cache.set("view:x", value)
    found = cache.get("view:x", "missing")
    assert found == value
    assert type(found) is type(value)


def test_arrays_and_frames_come_back_as_they_were(cache: Cache) -> None:
    bars = np.arange(30_000.0).reshape(5000, 6)
    frame = pd.DataFrame({"close": [1.0, 2.0]}, index=pd.date_range("2026", periods=2, tz="UTC"))
    cache.set("market_data:array", bars)
    cache.set("market_data:frame", frame)
    for _ in range(2):
        np.testing.assert_array_equal(cache.get("market_data:array"), bars)
        pd.testing.assert_frame_equal(cache.get("market_data:frame"), frame)
        mine = cache.get("market_data:frame")
        mine.loc[:, "close"] = 0.0


@pytest.mark.parametrize("key", ["", "a b", "ü积", "x" * 5000, "{a}", "quote:BTC/USD", "a\tb"])
def test_any_text_is_a_key(cache: Cache, key: str) -> None:
    cache.set(key, 1)
    assert cache.get(key) == 1
    cache.delete(key)
    assert cache.get(key) is None


def test_a_value_is_gone_after_its_time(cache: Cache) -> None:
    cache.set("view:x", 1, ttl=0.2)
    assert cache.get("view:x") == 1
    time.sleep(0.25)
    assert cache.get("view:x", "gone") == "gone"


def test_what_is_deleted_is_gone_and_the_rest_is_not(cache: Cache) -> None:
    for key in ("a", "b", "c"):
        cache.set(key, key)
    cache.delete("a", "b", "never there")
    cache.delete()
    assert [cache.get(it) for it in "abc"] == [None, None, "c"]
    cache.clear()
    assert cache.get("c") is None
    cache.set("c", "again")
    assert cache.get("c") == "again"


def test_a_load_is_kept(cache: Cache) -> None:
    calls: list[int] = []

    def load() -> dict[str, int]:
        calls.append(1)
        return {"calls": len(calls)}

    assert [cache.get_or_load("view:x", load) for _ in range(3)] == [{"calls": 1}] * 3
    cache.delete("view:x")
    assert cache.get_or_load("view:x", load) == {"calls": 2}


def test_a_load_overtaken_by_a_change_keeps_nothing(cache: Cache) -> None:
    def load() -> str:
        cache.delete("view:x")
        return "old"

    assert cache.get_or_load("view:x", load) == "old"
    assert cache.get("view:x") is None

    def load_again() -> str:
        cache.set("view:x", "new")
        return "old"

    cache.get_or_load("view:x", load_again)
    assert cache.get("view:x") == "new"


def test_one_loads_for_all_threads(cache: Cache) -> None:
    calls: list[int] = []
    answers: list[int] = []

    def load() -> int:
        calls.append(1)
        time.sleep(0.2)
        return 7

    threads = [
        threading.Thread(target=lambda: answers.append(cache.get_or_load("view:x", load)))
        for _ in range(12)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert answers == [7] * 12
    assert calls == [1]


def test_one_loads_for_all_coroutines(cache: Cache) -> None:
    calls: list[int] = []

    async def load() -> int:
        calls.append(1)
        await asyncio.sleep(0.2)
        return 7

    async def ask() -> list[int]:
        return await asyncio.gather(*(cache.get_or_load_async("view:x", load) for _ in range(30)))

    assert asyncio.run(ask()) == [7] * 30
    assert calls == [1]


def test_the_event_loop_is_never_held_up(cache: Cache) -> None:
    async def ask() -> float:
        worst = 0.0
        done = asyncio.Event()

        async def watch() -> None:
            nonlocal worst
            while not done.is_set():
                start = time.perf_counter()
                await asyncio.sleep(0.001)
                worst = max(worst, time.perf_counter() - start)

        async def load() -> int:
            return 1

        watcher = asyncio.create_task(watch())
        for number in range(100):
            await cache.get_or_load_async(f"view:{number}", load)
        done.set()
        await watcher
        return worst

    assert asyncio.run(ask()) < 0.1


def test_statistics_count_hits_and_misses(cache: Cache) -> None:
    before = cache.statistics()
    cache.set("view:x", 1)
    for _ in range(9):
        cache.get("view:x")
    cache.get("view:y")
    after = cache.statistics()
    assert after.hits - before.hits == 9
    assert after.misses - before.misses == 1


def test_the_decorator_works_on_all_of_them(cache: Cache) -> None:
    calls: list[str] = []

    @cached("indicator", cache=cache)
    def rsi(symbol: str) -> Decimal:
        calls.append(symbol)
        return Decimal(50)

    assert [rsi("BTC") for _ in range(3)] == [Decimal(50)] * 3
    assert calls == ["BTC"]


def test_hits_are_nine_of_ten_on_a_market_data_workload(cache: Cache) -> None:
    """Forty series, each read fifty times and renewed when its bar closes."""
    for symbol in range(40):
        for read in range(50):
            if read == 25:
                cache.delete(f"market_data:{symbol}")
            bars = cache.get_or_load(f"market_data:{symbol}", lambda: np.arange(600.0))
            assert len(bars) == 600
    told = cache.statistics()
    assert told.hit_rate > 0.9
