from __future__ import annotations

import threading
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traderbot.infrastructure.cache_layer import MemoryCache
from traderbot.infrastructure.cache_layer.categories import Lifetimes
from traderbot.infrastructure.cache_layer.values import weight_of


class Clock:
    """Seconds that only the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def cache(clock: Clock | None = None, **more: Any) -> MemoryCache:
    return MemoryCache(clock=clock or Clock(), lifetimes=Lifetimes(jitter=0), **more)


def test_a_value_is_found_until_its_time_is_over() -> None:
    clock = Clock()
    kept = cache(clock)
    kept.set("quote:BTC", "67234.12", ttl=10)
    clock.now += 9.9
    assert kept.get("quote:BTC") == "67234.12"
    clock.now += 0.2
    assert kept.get("quote:BTC") is None
    assert kept.get("quote:BTC", "none") == "none"
    assert kept.statistics().expirations == 1
    assert len(kept) == 0


def test_the_category_of_a_key_decides_for_how_long() -> None:
    clock = Clock()
    kept = cache(clock)
    for key in ("quote:BTC", "indicator:rsi:BTC", "something else"):
        kept.set(key, 1)
    clock.now += 1.5
    assert [kept.get(it) for it in ("quote:BTC", "indicator:rsi:BTC", "something else")] == [
        None, 1, 1,
    ]  # fmt: skip


def test_one_can_have_categories_of_ones_own() -> None:
    lifetimes = Lifetimes({"fast": 0.5}, jitter=0)
    assert lifetimes.of("fast:x") == 0.5
    assert lifetimes.of("quote:x") == 1.0
    assert lifetimes.of("nobody knows:x") == 300.0
    assert lifetimes.of("fast:x", ttl=7) == 7.0


def test_values_kept_together_do_not_expire_together() -> None:
    drawn = iter([0.0, 0.5, 1.0])
    lifetimes = Lifetimes(jitter=0.1, draw=lambda: next(drawn))
    assert [lifetimes.of("x", ttl=100) for _ in range(3)] == [100.0, 95.0, 90.0]


@pytest.mark.parametrize("ttl", [0, -1, float("nan"), float("inf"), 10**9])
def test_a_time_that_cannot_be_is_refused(ttl: float) -> None:
    with pytest.raises(ValueError, match="a value is kept for more than 0"):
        cache().set("x", 1, ttl=ttl)
    with pytest.raises(ValueError, match="a value is kept for more than 0"):
        Lifetimes({"x": ttl})


def test_the_least_recently_used_gives_way() -> None:
    kept = cache(max_entries=3)
    for key in ("a", "b", "c"):
        kept.set(key, key)
    kept.get("a")
    kept.set("d", "d")
    assert [kept.get(it) for it in "abcd"] == ["a", None, "c", "d"]
    assert kept.statistics().evictions == 1


def test_bytes_are_a_bound_as_well() -> None:
    kept = cache(max_bytes=100_000)
    for number in range(50):
        kept.set(f"k{number}", b"x" * 10_000)
        assert kept.statistics().bytes <= 100_000
    assert 8 <= len(kept) <= 10
    kept.set("too large", b"x" * 50_000)
    assert kept.get("too large") is None
    assert kept.get("k49") is not None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["set", "get", "delete", "wait"]),
            st.integers(0, 9),
            st.integers(0, 3000),
        ),
        max_size=100,
    )
)
def test_the_books_agree_with_what_is_kept(steps: list[tuple[str, int, int]]) -> None:
    clock = Clock()
    kept = cache(clock, max_entries=5, max_bytes=20_000)
    for what, key, size in steps:
        match what:
            case "set":
                kept.set(f"k{key}", b"x" * size, ttl=10)
            case "get":
                found = kept.get(f"k{key}")
                assert found is None or found == b"x" * len(found)
            case "delete":
                kept.delete(f"k{key}")
                assert kept.get(f"k{key}") is None
            case _:
                clock.now += size / 100
        told = kept.statistics()
        assert told.bytes == sum(it[4] for it in kept._entries.values()) <= 20_000
        assert told.entries == len(kept) <= 5


@pytest.mark.parametrize(
    "value",
    [{"a": 1}, {"a": [1, {"b": 2}]}, [1, 2], [[1], [2]], {1, 2}, ([1], 2), bytearray(b"ab")],
)
def test_a_value_is_its_readers_own(value: Any) -> None:
    kept = cache()
    kept.set("x", value)
    before = repr(value)

    def spoil(it: Any) -> None:
        match it:
            case dict():
                for inner in list(it.values()):
                    spoil(inner)
                it["spoilt"] = 1
            case list() | tuple():
                for inner in it:
                    spoil(inner)
                if isinstance(it, list):
                    it.append("spoilt")
            case set():
                it.add("spoilt")
            case bytearray():
                it.extend(b"spoilt")
            case _:
                return

    spoil(value)
    assert repr(kept.get("x")) == before
    spoil(kept.get("x"))
    assert repr(kept.get("x")) == before


def test_an_array_is_kept_as_a_copy_nobody_can_write_to() -> None:
    kept, array = cache(), np.arange(6.0)
    kept.set("x", array)
    array[0] = 99
    found = kept.get("x")
    assert found[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 1


def test_a_frame_is_its_readers_own() -> None:
    kept, frame = cache(), pd.DataFrame({"close": [1.0, 2.0]})
    kept.set("x", frame)
    frame.loc[0, "close"] = 99.0
    found = kept.get("x")
    found.loc[1, "close"] = 99.0
    assert kept.get("x")["close"].tolist() == [1.0, 2.0]


def test_none_is_a_value_too() -> None:
    kept, calls = cache(), []
    for _ in range(2):
        assert kept.get_or_load("x", lambda: calls.append(1)) is None
    assert calls == [1]


def test_a_load_that_was_overtaken_by_a_change_keeps_nothing() -> None:
    kept = cache()

    def slow_load() -> str:
        kept.delete("x")  # as if somebody else had, while this was read
        return "old"

    assert kept.get_or_load("x", slow_load) == "old"
    assert kept.get("x") is None

    def slower_load() -> str:
        kept.set("x", "new")
        return "old"

    kept.delete("x")
    kept.get_or_load("x", slower_load)
    assert kept.get("x") == "new"

    def slowest_load() -> str:
        kept.clear()
        return "old"

    kept.delete("x")
    kept.get_or_load("x", slowest_load)
    assert kept.get("x") is None


def test_statistics_tell_of_each_category() -> None:
    kept = cache()
    kept.set("quote:BTC", 1)
    for key in ("quote:BTC", "quote:ETH", "market_data:BTC"):
        kept.get(key)
    told = kept.statistics()
    assert (told.hits, told.misses, told.entries) == (1, 2, 1)
    assert told.hit_rate == pytest.approx(1 / 3)
    assert told.categories == {"quote": (1, 1), "market_data": (0, 1)}


def test_keys_without_categories_do_not_make_one_each() -> None:
    kept = cache()
    for number in range(1000):
        kept.get(f"key-{number}")
    told = kept.statistics()
    assert len(told.categories) <= 101
    assert told.misses == 1000


def test_many_threads_agree() -> None:
    kept = MemoryCache(max_entries=50)
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            for number in range(3000):
                key = f"k{(number * 7 + seed) % 100}"
                if number % 3 == 0:
                    kept.set(key, key)
                elif number % 50 == 1:
                    kept.delete(key)
                else:
                    assert kept.get(key) in (None, key)
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=work, args=(it,)) for it in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not failures
    assert len(kept) <= 50
    told = kept.statistics()
    assert told.bytes == sum(it[4] for it in kept._entries.values())


def test_weights_are_about_right() -> None:
    @dataclass(frozen=True)
    class View:
        name: str
        amount: Decimal

    assert weight_of(np.zeros(1000)) == 8128
    assert 800 < weight_of([1000 + it for it in range(20)]) < 1200
    assert weight_of(View("x" * 1000, Decimal(1))) > 1000
    assert weight_of(pd.DataFrame({"a": np.zeros(1000)})) > 8000
    same = "x" * 10_000
    assert weight_of([same, same]) < 11_000


@pytest.mark.parametrize("bounds", [(0, 1), (1, 0), (-1, 5)])
def test_a_cache_without_room_is_refused(bounds: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least one entry"):
        MemoryCache(*bounds)
