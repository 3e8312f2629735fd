"""Backtests and sweeps beside their peers: an RSI cross, 10 units, the next open, 0.1 % a side.

Every contestant is a process of its own. The peers live in `.bench-peers`, which this makes: their
pins are not ours. What counts is CPU time, on one thread: a machine that is shared takes wall time
from everybody, and not the same from each. Wall time is printed beside it.

nautilus-trader, freqtrade and backtrader are not measured here.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.harness import Claim

_ROOT = Path(__file__).resolve().parent.parent
_PEERS = _ROOT / ".bench-peers"
_PINS = (
    "numpy==2.4.6",
    "numba==0.68.1",
    "pandas==3.1.1",
    "TA-Lib==0.8.2",
    "vectorbt==1.2.0",
    "backtesting==0.6.6",
    "ferro-ta==1.6.0",
    "raptorbt==0.13.4",
)
_BARS = 100_000
_START = 1000.0
_MINUTE = 60_000_000_000
_NUMBA_FLOOR = """
import numpy as np
import numba
@numba.njit("float64(float64[::1])", cache=True)
def total(x):
    found = 0.0
    for i in range(len(x)):
        found += x[i]
    return found
print(total(np.zeros(100_000)))
"""
_FIRST_RESULT = """
from decimal import Decimal
import numpy as np
from traderbot.domain.strategies.rsi_cross import RsiCrossStrategy
from traderbot.infrastructure.compute.backtests.running import backtest
from traderbot.infrastructure.compute.backtests.terms import Terms
from traderbot.infrastructure.compute.columns import Columns
x = 100.0 + np.round(np.cumsum(np.sin(np.arange(100_000.0))), 2)
bars = Columns(np.arange(100_000), x, x, x, x, x)
print(backtest(RsiCrossStrategy(smoothing="wilder"), bars, Terms(quantity=Decimal(1))).fills)
"""


class Worker:
    """One contestant's process, and what it took."""

    def __init__(self, name: str, python: Path, folder: Path) -> None:
        """Start it."""
        threads = ("NUMBA", "OMP", "OPENBLAS", "RAYON")
        one = dict.fromkeys((f"{each}_NUM_THREADS" for each in threads), "1")
        one |= {"PYTHONWARNINGS": "ignore", "TQDM_DISABLE": "1"}
        self.name = name
        self.answers: list[dict[str, Any]] = []
        self._process = subprocess.Popen(
            [python, "benchmarks/backtest_worker.py", name, folder],
            cwd=_ROOT,
            env={**os.environ, **one, "PYTHONPATH": str(_ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, task: str) -> dict[str, Any]:
        """Have it do a task once."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(task + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended while it did {task!r}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End it."""
        self._process.communicate()

    def cpu(self) -> list[float]:
        """Return the CPU seconds of each round."""
        return [each["cpu"] for each in self.answers]


def measure(rounds: int = 5) -> list[Claim]:
    """Measure, print what each took, return the claims."""
    _make_peers()
    with TemporaryDirectory() as folder:
        _write_bars(Path(folder))
        claims = _single(Path(folder), rounds)
        claims += _sweeps(Path(folder), max(2, rounds // 2))
    return [*claims, _first_result(rounds)]


def _single(folder: Path, rounds: int) -> list[Claim]:
    names = ("traderbot", "floats", "ferro-ta", "raptorbt", "vectorbt", "engine", "backtesting.py")
    with _workers(folder, names) as workers:
        _take_turns(workers, "run", rounds)
    _print("RSI cross on 100,000 bars", workers, _BARS, "ns a bar", 1e9)
    ours, floats, ferro, raptor, vectorbt, engine, backtesting = workers
    for other in (floats, vectorbt, engine, backtesting):
        _agree(ours, other)
    return [
        Claim(f"exact money and log, 100,000 bars, against {name}", goal, _ratio(other, ours))
        for name, goal, other in (
            ("vectorbt", 30.0, vectorbt),
            ("raptorbt", 12.0, raptor),
            ("ferro-ta", 5.0, ferro),
        )
    ] + [
        Claim("exact money and log against neither", 1.2, _ratio(ours, floats), at_most=True),
        Claim(
            "the engine, order by order, against backtesting.py", 6.0, _ratio(backtesting, engine)
        ),
    ]


def _sweeps(folder: Path, rounds: int) -> list[Claim]:
    with _workers(folder, ("traderbot", "ferro-ta", "raptorbt", "vectorbt")) as workers:
        _take_turns(workers, "sweep", rounds)
        _print("1,000 sets x 100,000 bars, fills and final equity", workers, 1, "s", 1.0)
        ours, ferro, raptor, vectorbt = workers
        _agree(ours, vectorbt)
        claims = [
            Claim(f"1,000 sets x 100,000 bars against {name}", goal, _ratio(other, ours))
            for name, goal, other in (
                ("ferro-ta", 60.0, ferro),
                ("raptorbt", 60.0, raptor),
                ("vectorbt", 110.0, vectorbt),
            )
        ]
        memory = ours.answers[-1]["megabytes"] / vectorbt.answers[-1]["megabytes"]
        print(
            f"  memory: {ours.answers[-1]['megabytes']:,.0f} MB, vectorbt "
            f"{vectorbt.answers[-1]['megabytes']:,.0f} MB"
        )
        claims.append(Claim("memory of the sweep against vectorbt's", 0.05, memory, at_most=True))
        curves = statistics.median(
            ours.ask("sweep with curves")["cpu"] / each for each in ours.cpu()
        )
        print(f"  with drawdown and returns of every bar it takes {curves:.1f} times as long")
        few = [ours.ask("1,000 sets")["cpu"] for _ in range(3)]
        many = [ours.ask("100,000 sets")["cpu"] for _ in range(2)]
        linear = min(many) / 100.0 / min(few)
    claims.append(Claim("a set of 100,000 against a set of 1,000", 1.2, linear, at_most=True))
    return claims


def _first_result(rounds: int) -> Claim:
    def seconds(script: Path) -> float:
        before = _children()
        subprocess.run([sys.executable, script], check=True, stdout=subprocess.DEVNULL)
        return _children() - before

    with TemporaryDirectory() as folder:
        floor, result = Path(folder) / "floor.py", Path(folder) / "result.py"
        floor.write_text(_NUMBA_FLOOR)
        result.write_text(_FIRST_RESULT)
        seconds(floor)
        seconds(result)
        times = [(seconds(result), seconds(floor)) for _ in range(rounds)]
    print(
        f"\nfirst result of a fresh process, caches warm: "
        f"{statistics.median(mine for mine, _ in times):.2f} s of CPU; numba with one cached "
        f"function alone: {statistics.median(least for _, least in times):.2f} s"
    )
    ratio = statistics.median(mine / least for mine, least in times)
    return Claim("first backtest of a process against numba's floor", 1.2, ratio, at_most=True)


def _children() -> float:
    """Return the CPU seconds of processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def _workers(folder: Path, names: Sequence[str]) -> Iterator[list[Worker]]:
    ours = {"traderbot", "floats", "engine"}
    peers = _PEERS / "bin" / "python"
    workers = [
        Worker(name, Path(sys.executable) if name in ours else peers, folder) for name in names
    ]
    try:
        yield workers
    finally:
        for each in workers:
            each.close()


def _take_turns(workers: Sequence[Worker], task: str, rounds: int) -> None:
    for each in workers:
        each.ask(task)  # what is compiled is compiled now
    for number in range(rounds):
        for each in workers if number % 2 == 0 else reversed(workers):
            each.answers.append(each.ask(task))


def _ratio(slower: Worker, faster: Worker) -> float:
    return statistics.median(a / b for a, b in zip(slower.cpu(), faster.cpu(), strict=True))


def _print(title: str, workers: Sequence[Worker], by: int, unit: str, scale: float) -> None:
    print(f"\n{title} (CPU time, medians; wall time in brackets)")
    for each in workers:
        cpu = statistics.median(each.cpu()) / by * scale
        wall = statistics.median(it["wall"] for it in each.answers) / by * scale
        fills = each.answers[-1]["fills"]
        print(f"  {each.name:<16} {cpu:>12,.2f} {unit} ({wall:,.2f}), {fills:,} fills")


def _agree(ours: Worker, other: Worker) -> None:
    """Stop if the same work came to something else."""
    mine, theirs = ours.answers[-1], other.answers[-1]
    assert mine["fills"] == theirs["fills"], (other.name, mine, theirs)
    assert abs(mine["equity"] - theirs["equity"]) <= 1e-9 * mine["equity"], (
        other.name,
        mine,
        theirs,
    )


def _make_peers() -> None:
    if (_PEERS / "made").exists() and (_PEERS / "made").read_text() == "\n".join(_PINS):
        return
    print(f"installing the peers into {_PEERS.name}")
    subprocess.run([sys.executable, "-m", "venv", "--clear", _PEERS], check=True)
    (_PEERS / ".gitignore").write_text("*\n")
    pip = [
        str(_PEERS / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "-qq",
        "--disable-pip-version-check",
    ]
    subprocess.run([*pip, *_PINS], check=True)
    (_PEERS / "made").write_text("\n".join(_PINS))


def _write_bars(folder: Path) -> None:
    """Write minute bars on a grid of cents, in a market that never closes.

    Each opens where the one before closed, so that peers that fill at a close agree to the cent.
    """
    chance = np.random.Generator(np.random.PCG64(20_261_121))
    moves = chance.standard_normal((_BARS, 4)) * 5e-4
    end = np.cumsum(moves.sum(axis=1))
    begin = np.concatenate(([0.0], end[:-1]))
    path = np.round(_START * np.exp(begin[:, None] + np.cumsum(moves, axis=1)), 2)
    close = path[:, 3].copy()
    opened = np.concatenate(([_START], close[:-1]))
    columns = {
        "at": 1_577_836_800_000_000_000 + _MINUTE * np.arange(_BARS),
        "open": opened,
        "high": np.maximum(path.max(axis=1), opened),
        "low": np.minimum(path.min(axis=1), opened),
        "close": close,
        "volume": np.round(np.exp(chance.standard_normal(_BARS)) * 100.0) + 1.0,
    }
    for name, column in columns.items():
        np.save(folder / f"{name}.npy", column)
