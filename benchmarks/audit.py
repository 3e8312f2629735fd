"""The audit on a long log: a million events, and whether memory stays where it was.

The log holds orders of eight events each (`history.py`), so its state is as large as it can be for
its length: one order for every eight events. Memory is the peak of a process of its own that runs
the command line, once on a tenth of the log and once on all of it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

from benchmarks.databases import Databases, settings_of
from benchmarks.harness import Claim
from benchmarks.history import our_history
from traderbot.application.ports.views import OrderFilter
from traderbot.bootstrap import Traderbot
from traderbot.domain.shared.ids import OrderId

_EVENTS_PER_ORDER = 8
_ORDERS = 125_000
_QUESTIONS = 50
_KIBIBYTES = 1024


def measure(databases: Databases, _rounds: int = 1) -> list[Claim]:
    """Measure once, on SQLite: writing the log takes minutes, and each figure is a long run."""
    small, large = databases.new(), databases.new()
    for url, orders in ((small, _ORDERS // 10), (large, _ORDERS)):
        ours = our_history(url, orders)
        ours.bot.application.sealing().seal()
        ours.bot.close()
    small_peak, _ = _peak_of_verify(small)
    large_peak, verify_seconds = _peak_of_verify(large)
    events = _ORDERS * _EVENTS_PER_ORDER
    print(f"\naudit on {events:,} events, SQLite")
    print(f"  verify in a process of its own: {verify_seconds:.1f} s, start included")
    print(f"  its peak memory: {small_peak:,.0f} MiB at a tenth, {large_peak:,.0f} MiB at all")
    with Traderbot.open(settings_of(large)) as bot:
        cut = bot.audit.cut(index=events - 1000)
        cold = _seconds(lambda: bot.audit.replay(cut))
        near = _seconds(lambda: bot.audit.replay(bot.audit.cut(index=events - 500)))
        page = bot.application.views.orders(OrderFilter(), limit=_QUESTIONS)
        newest = [it.order_id for it in page.items]
        explain = statistics.median(
            _seconds(partial(bot.audit.explain, OrderId(each))) for each in newest
        )
    print(f"  state as of an index: {cold:.1f} s cold, {near:.2f} s with a snapshot near")
    print(f"  one order explained: {explain * 1000:.1f} ms")
    return [
        Claim(
            "audit verify, peak memory at all / at a tenth",
            1.2,
            large_peak / small_peak,
            at_most=True,
        ),
        Claim("audit replay as of an index, cold, seconds", 30, cold, "s", at_most=True),
        Claim(
            "audit replay as of an index, snapshot near, milliseconds",
            1000,
            near * 1000,
            "ms",
            at_most=True,
        ),
        Claim("audit explain, milliseconds", 100, explain * 1000, "ms", at_most=True),
    ]


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _peak_of_verify(url: str) -> tuple[float, float]:
    """Run the command line; return its peak memory in MiB and its seconds."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "traderbot", "audit", "verify", "--database", url],
        env={**os.environ, "TRADERBOT_DATA__DIR": str(settings_of(url).data.dir)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        msg = f"audit verify ended with {process.returncode}"
        raise AssertionError(msg)
    return usage.ru_maxrss / _KIBIBYTES, time.perf_counter() - start
