from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from traderbot.infrastructure.cache_layer import (
    MemoryCache,
    UncacheableValueError,
    cached,
    get_cache,
    set_cache,
)


@pytest.fixture(autouse=True)
def own_cache() -> Iterator[None]:
    set_cache(None)
    yield
    set_cache(None)


def test_a_function_works_once_for_the_same_arguments() -> None:
    calls: list[tuple[str, int]] = []

    @cached("market_data", ttl=60)
    def candles(symbol: str, limit: int = 100) -> str:
        """Return candles."""
        calls.append((symbol, limit))
        return f"{symbol} {limit}"

    assert candles("BTC") == candles("BTC", 100) == candles(symbol="BTC", limit=100) == "BTC 100"
    assert candles("BTC", 7) == "BTC 7"
    assert calls == [("BTC", 100), ("BTC", 7)]
    assert candles.__name__ == "candles"
    assert candles.__doc__ == "Return candles."
    assert get_cache().statistics().categories["market_data"] == (2, 2)


def test_bare_it_works_as_well() -> None:
    calls = []

    @cached
    def answer() -> int:
        calls.append(1)
        return 42

    assert (answer(), answer()) == (42, 42)
    assert calls == [1]


def test_a_coroutine_function_works_once_for_all_who_wait() -> None:
    calls = []

    @cached("quote")
    async def price(symbol: str) -> Decimal:
        calls.append(symbol)
        await asyncio.sleep(0.05)
        return Decimal("1.10")

    async def ask() -> list[Decimal]:
        return await asyncio.gather(*(price("BTC") for _ in range(50)))

    assert asyncio.run(ask()) == [Decimal("1.10")] * 50
    assert calls == ["BTC"]


def test_threads_wait_for_the_one_that_works() -> None:
    calls, answers = [], []

    @cached
    def slow(number: int) -> list[int]:
        calls.append(number)
        time.sleep(0.1)
        return [number]

    threads = [threading.Thread(target=lambda: answers.append(slow(5))) for _ in range(20)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert calls == [5]
    assert answers == [[5]] * 20
    assert len({id(it) for it in answers}) == 20  # each has a list of their own


def test_an_error_reaches_all_who_wait_and_is_not_kept() -> None:
    calls = []

    @cached
    async def failing() -> int:
        calls.append(1)
        await asyncio.sleep(0.02)
        if len(calls) == 1:
            msg = "the venue is away"
            raise OSError(msg)
        return 7

    async def ask() -> list[Any]:
        return await asyncio.gather(*(failing() for _ in range(5)), return_exceptions=True)

    assert [type(it) for it in asyncio.run(ask())] == [OSError] * 5
    assert asyncio.run(failing()) == 7


def test_when_the_one_who_works_is_cancelled_somebody_else_does() -> None:
    calls = []

    @cached
    async def slow() -> int:
        calls.append(1)
        await asyncio.sleep(0.1)
        return 7

    async def ask() -> list[Any]:
        tasks = [asyncio.create_task(slow()) for _ in range(3)]
        await asyncio.sleep(0.02)
        tasks[0].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, *others = asyncio.run(ask())
    assert isinstance(first, asyncio.CancelledError)
    assert others == [7, 7]
    assert len(calls) == 2


def test_one_who_stops_waiting_does_not_end_the_work_of_the_others() -> None:
    @cached
    async def slow() -> int:
        await asyncio.sleep(0.1)
        return 7

    async def ask() -> list[Any]:
        tasks = [asyncio.create_task(slow()) for _ in range(3)]
        await asyncio.sleep(0.02)
        tasks[1].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, second, third = asyncio.run(ask())
    assert (first, third) == (7, 7)
    assert isinstance(second, asyncio.CancelledError)


def test_a_function_that_asks_for_itself_is_told_so() -> None:
    @cached
    def endless() -> int:
        return endless()

    with pytest.raises(RuntimeError, match="asks for itself"):
        endless()


def test_it_can_be_invalidated() -> None:
    calls: list[str] = []

    @cached
    def balance(account: str) -> int:
        calls.append(account)
        return len(calls)

    assert (balance("a"), balance("b"), balance("a")) == (1, 2, 1)
    balance.invalidate("a")  # type: ignore[attr-defined]
    assert (balance("a"), balance("b")) == (3, 2)


def test_arguments_of_one_kind_are_not_those_of_another() -> None:
    @cached
    def kind(it: Any) -> str:
        return type(it).__name__

    assert [kind(it) for it in (1, 1.0, "1", True, Decimal(1), (1,), [1], None)] == [
        "int", "float", "str", "bool", "Decimal", "tuple", "list", "NoneType",
    ]  # fmt: skip


def test_arrays_are_arguments_too() -> None:
    calls = []

    @cached("indicator")
    def total(closes: np.ndarray[Any, Any]) -> float:
        calls.append(1)
        return float(closes.sum())

    assert total(np.arange(5.0)) == total(np.arange(5.0)) == 10.0
    assert total(np.arange(6.0)) == 15.0
    assert len(calls) == 2


def test_a_method_needs_a_key() -> None:
    class Desk:
        @cached
        def name(self) -> str:
            return "desk"

        @cached("view", key=lambda _self, number: str(number))
        def order(self, number: int) -> str:
            return f"order {number}"

    with pytest.raises(UncacheableValueError, match="give the decorator a key="):
        Desk().name()
    assert Desk().order(5) == "order 5"
    assert Desk.order.key_of(None, 5).endswith(":5")  # type: ignore[attr-defined]


def test_it_can_be_given_a_cache_of_its_own() -> None:
    mine = MemoryCache()

    @cached(cache=mine)
    def answer() -> int:
        return 42

    answer()
    assert len(mine) == 1
    assert get_cache().statistics().entries == 0
