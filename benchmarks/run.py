"""Runs every benchmark and prints what was promised beside what was measured.

usage: python -m benchmarks.run [PART ...] [--rounds N]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator

from benchmarks import (
    appends,
    audit,
    backtests,
    bus,
    cache,
    engine,
    gate,
    imports,
    indicators,
    limiter,
    orders,
    reading,
    sealing,
)
from benchmarks.databases import Databases, postgres_databases, sqlite_databases
from benchmarks.harness import Claim, environment

Measure = Callable[[Databases, int], list[Claim]]


def main() -> int:
    """Run what was asked for; 1 if a promise does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(_PARTS))
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    unknown = set(asked.parts) - _PARTS.keys()
    if unknown:
        parser.error(
            f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(_PARTS)}"
        )
    print(environment())
    claims = [
        claim
        for name, run in _PARTS.items()
        if name in (asked.parts or _PARTS)
        for claim in run(asked.rounds)
    ]
    print("\npromised and measured (ratios are medians over interleaved rounds)")
    for claim in claims:
        print(claim.line())
    return 0 if all(claim.holds for claim in claims) else 1


def _on_sqlite(measure: Measure) -> Callable[[int], Iterator[Claim]]:
    def run(rounds: int) -> Iterator[Claim]:
        with sqlite_databases() as databases:
            yield from measure(databases, rounds)

    return run


def _on_both(measure: Measure) -> Callable[[int], Iterator[Claim]]:
    def run(rounds: int) -> Iterator[Claim]:
        for make in (sqlite_databases, postgres_databases):
            with make() as databases:
                yield from measure(databases, rounds)

    return run


_PARTS: dict[str, Callable[[int], Iterator[Claim] | list[Claim]]] = {
    "imports": imports.measure,
    "indicators": indicators.measure,
    "backtests": backtests.measure,
    "engine": engine.measure,
    "bus": bus.measure,
    "cache": cache.measure,
    "limiter": limiter.measure,
    "reading": _on_sqlite(reading.measure),
    "orders": _on_both(orders.measure),
    "gate": _on_both(gate.measure),
    "appends": _on_both(appends.measure),
    "sealing": _on_both(sealing.measure),
    "audit": _on_sqlite(audit.measure),
}


if __name__ == "__main__":
    sys.exit(main())
