"""How fast this machine computes indicators: the time a bar takes, each way there is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from traderbot.domain.strategies.indicators.catalogue import INDICATORS
from traderbot.domain.strategies.indicators.indicator import Indicator
from traderbot.domain.strategies.indicators.live import LiveIndicator
from traderbot.infrastructure.compute.arrays import FloatArray
from traderbot.infrastructure.compute.kernels.running import is_compiled, run

_LIVE_BARS = 2_000
_ROUNDS = 5
_SYMBOLS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Nanoseconds a bar of one indicator takes; the best of a few rounds."""

    indicator: str
    live: float  # fed bar by bar, in plain Python
    series: float  # a whole series at once
    matrix: float  # a table of symbols, shared among the cores


def measure(bars: int, progress: Callable[[int, int], None]) -> list[Speed]:
    """Measure every indicator with its own parameters, on `bars` bars that wander."""
    columns = _bars(bars)
    speeds = []
    for done, (name, make) in enumerate(INDICATORS.items()):
        progress(done, len(INDICATORS))
        speeds.append(_speed(make(), columns, name))
    progress(len(INDICATORS), len(INDICATORS))
    return speeds


def compiled() -> bool:
    """Whether numba is there, so that series and tables are compiled."""
    return is_compiled()


def _speed(made: Indicator, columns: dict[str, FloatArray], name: str) -> Speed:
    series = [columns[each][None] for each in made.inputs]
    bars = series[0].shape[1]
    width = bars // _SYMBOLS
    tables = [each[0, : width * _SYMBOLS].reshape(_SYMBOLS, width) for each in series]
    rows = list(zip(*(each[0, :_LIVE_BARS].tolist() for each in series), strict=True))

    def bar_by_bar() -> None:
        update = LiveIndicator(made).update
        for row in rows:
            update(*row)

    return Speed(
        indicator=name,
        live=_best(bar_by_bar) / len(rows),
        series=_best(lambda: run([made], series)) / bars,
        matrix=_best(lambda: run([made], tables)) / (width * _SYMBOLS),
    )


def _best(work: Callable[[], object]) -> float:
    """Return the nanoseconds of the fastest round; the first, which may compile, does not count."""
    work()
    times = []
    for _ in range(_ROUNDS):
        start = time.perf_counter_ns()
        work()
        times.append(time.perf_counter_ns() - start)
    return float(min(times))


def _bars(bars: int) -> dict[str, FloatArray]:
    chance = np.random.default_rng(1)
    close = np.round(100.0 * np.exp(np.cumsum(chance.normal(0.0, 1e-3, bars))), 2)
    return {
        "high": close + np.round(chance.random(bars), 2),
        "low": close - np.round(chance.random(bars), 2),
        "close": close,
        "volume": chance.integers(1, 1_000, bars).astype(np.float64),
        "session": (np.arange(bars) // 390).astype(np.float64),
    }
