"""Measuring side by side: contestants take turns, and only ratios within a round are kept.

A machine that slows down for a while slows all of them, so the ratio holds where a figure does not.
"""

from __future__ import annotations

import asyncio
import os
import platform
import statistics
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version


@dataclass(slots=True)
class Contestant:
    """Something that does `run(n)` operations and says how long they took, in seconds."""

    name: str
    run: Callable[[int], float]
    operations: int
    rates: list[float] = field(default_factory=list)  # operations per second, one a round


def take_turns(contestants: Sequence[Contestant], rounds: int = 5) -> None:
    """Run all of them in turn, forwards and backwards, after one round that is not counted."""
    for each in contestants:
        each.run(max(1, each.operations // 4))
    for number in range(rounds):
        for each in contestants if number % 2 == 0 else reversed(contestants):
            each.rates.append(each.operations / each.run(each.operations))


def ratio(ours: Contestant, theirs: Contestant) -> float:
    """Return the median over rounds of our rate divided by theirs."""
    return statistics.median(a / b for a, b in zip(ours.rates, theirs.rates, strict=True))


@dataclass(frozen=True, slots=True)
class Claim:
    """A ratio or a rate that was promised, and what was measured."""

    what: str
    promised: float
    measured: float
    unit: str = "x"
    at_most: bool = False

    @property
    def holds(self) -> bool:
        """Whether the promise was kept."""
        return self.measured <= self.promised if self.at_most else self.measured >= self.promised

    def line(self) -> str:
        """Return it as one line of a table."""
        sign = "at most" if self.at_most else "at least"
        number = f"{self.measured:,.2f}" if self.unit == "x" else f"{self.measured:,.0f}"
        promised = f"{self.promised:,.2f}" if self.unit == "x" else f"{self.promised:,.0f}"
        verdict = "holds" if self.holds else "DOES NOT HOLD"
        return f"{self.what:<78} {number:>9} {self.unit:<9} ({sign} {promised}) {verdict}"


def print_rates(title: str, contestants: Sequence[Contestant], unit: str) -> None:
    """Print median, lowest and highest rate of each contestant."""
    print(f"\n{title}")
    for each in contestants:
        median = statistics.median(each.rates)
        low, high = min(each.rates), max(each.rates)
        print(f"  {each.name:<62} {median:>10,.0f} {unit} ({low:,.0f} to {high:,.0f})")


def in_threads(callers: int, n: int, work: Callable[[int, int], None]) -> float:
    """Have `callers` threads do `n` operations in all; `work(caller, number)` does one."""
    share = max(1, n // callers)
    barrier = threading.Barrier(callers + 1)
    failures: list[BaseException] = []

    def caller(number: int) -> None:
        barrier.wait()
        try:
            for i in range(share):
                work(number, i)
        except BaseException as error:  # noqa: BLE001 - reported by the main thread
            failures.append(error)

    threads = [threading.Thread(target=caller, args=(k,)) for k in range(callers)]
    for thread in threads:
        thread.start()
    start = time.perf_counter()
    barrier.wait()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return (time.perf_counter() - start) * n / (share * callers)


def in_tasks(callers: int, n: int, work: Callable[[int, int], Awaitable[object]]) -> float:
    """Have `callers` asyncio tasks do `n` operations in all."""
    share = max(1, n // callers)

    async def caller(number: int) -> None:
        for i in range(share):
            await work(number, i)

    async def everybody() -> float:
        start = time.perf_counter()
        await asyncio.gather(*(caller(k) for k in range(callers)))
        return time.perf_counter() - start

    return asyncio.run(everybody()) * n / (share * callers)


def environment() -> str:
    """Return what the figures were measured on."""
    packages = ("sqlalchemy", "msgspec", "psycopg", "eventsourcing")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{python}, {os.cpu_count()} cores, {versions}"
