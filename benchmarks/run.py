"""Runs every benchmark and prints what was promised beside what was measured.

usage: python -m benchmarks.run [bus] [orders] [sealing] [reading] [imports] [--rounds N]
"""

from __future__ import annotations

import argparse
import sys

from benchmarks import bus, imports, orders, reading, sealing
from benchmarks.databases import postgres_databases, sqlite_databases
from benchmarks.harness import Claim, environment


def main() -> int:
    """Run what was asked for; 1 if a promise does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "parts", nargs="*", default=["imports", "bus", "reading", "orders", "sealing"]
    )
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    print(environment())
    claims: list[Claim] = []
    if "imports" in asked.parts:
        claims += imports.measure(asked.rounds)
    if "bus" in asked.parts:
        claims += bus.measure(asked.rounds)
    if "reading" in asked.parts:
        with sqlite_databases() as databases:
            claims += reading.measure(databases, asked.rounds)
    if "orders" in asked.parts:
        for make in (sqlite_databases, postgres_databases):
            with make() as databases:
                claims += orders.measure(databases, asked.rounds)
    if "sealing" in asked.parts:
        for make in (sqlite_databases, postgres_databases):
            with make() as databases:
                claims += sealing.measure(databases, asked.rounds)
    print("\npromised and measured (ratios are medians over interleaved rounds)")
    for claim in claims:
        print(claim.line())
    return 0 if all(claim.holds for claim in claims) else 1


if __name__ == "__main__":
    sys.exit(main())
