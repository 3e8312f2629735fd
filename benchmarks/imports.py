"""What a bare import costs, in whole processes, and what it must not bring along."""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks.harness import Claim, Contestant, print_rates, ratio, take_turns

_BARE = "import decimal, dataclasses, datetime"
_HEAVY = ("fastapi", "sqlalchemy", "numpy", "numba", "celery", "ccxt", "pandas")


def measure(rounds: int = 5) -> list[Claim]:
    """Measure, print the rates, return the claims."""
    script = f"import sys, traderbot; sys.exit(any(name in sys.modules for name in {_HEAVY!r}))"
    subprocess.run([sys.executable, "-c", script], check=True)
    ours = Contestant("import traderbot", lambda n: _processes("import traderbot", n), 10)
    bare = Contestant(_BARE, lambda n: _processes(_BARE, n), 10)
    take_turns([ours, bare], rounds)
    print_rates("processes that import and end", [ours, bare], "processes/s")
    return [
        Claim("import traderbot / the bare import, time", 3, 1 / ratio(ours, bare), at_most=True)
    ]


def _processes(script: str, n: int) -> float:
    start = time.perf_counter()
    for _ in range(n):
        subprocess.run([sys.executable, "-c", script], check=True)
    return time.perf_counter() - start
