"""Series of bars to compare indicators on, and the indicators to compare."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence

Columns = Mapping[str, Sequence[float]]
Case = tuple[str, Mapping[str, float | str]]

# Every indicator as it comes, and the parameters at which something special happens.
CASES: tuple[Case, ...] = (
    ("sma", {}),
    ("sma", {"period": 1}),
    ("ema", {}),
    ("ema", {"period": 1}),
    ("wma", {}),
    ("macd", {}),
    ("macd", {"fast": 3, "slow": 6, "signal": 1}),
    ("roc", {}),
    ("standard_deviation", {}),
    ("zscore", {"period": 7}),
    ("bollinger", {}),
    ("bollinger", {"period": 1}),
    ("rsi", {}),
    ("rsi", {"period": 1}),
    ("rsi", {"smoothing": "wilder"}),
    ("rsi", {"period": 2, "smoothing": "wilder"}),
    ("rsi", {"smoothing": "wilder", "seeding": "first"}),
    ("rsi", {"period": 3, "smoothing": "wilder", "seeding": "first"}),
    ("stoch_rsi", {}),
    ("stoch_rsi", {"period": 3, "stoch_period": 1, "k": 1, "d": 1}),
    ("stoch_rsi", {"k": 1, "smoothing": "wilder"}),
    ("cci", {}),
    ("williams_r", {}),
    ("atr", {}),
    ("atr", {"period": 1}),
    ("adx", {}),
    ("adx", {"period": 3}),
    ("dmi", {}),
    ("keltner", {}),
    ("dynamic_bands", {}),
    ("donchian", {}),
    ("supertrend", {}),
    ("vwap", {}),
    ("rolling_vwap", {}),
    ("obv", {}),
    ("mfi", {}),
)


def case_name(case: Case) -> str:
    name, parameters = case
    return " ".join([name, *(f"{key}={value}" for key, value in parameters.items())])


def walk(bars: int, seed: int = 1) -> Columns:
    """Return prices that wander, on a grid of cents."""
    chance = random.Random(seed)  # noqa: S311 - the same bars every time
    close = [100.0]
    while len(close) < bars:
        close.append(round(close[-1] * math.exp(chance.gauss(0.0, 0.01)), 2))
    return _around(close, chance)


def coarse(bars: int, seed: int = 2) -> Columns:
    """Return few different prices: ties, bars without volume, and long stretches that stand."""
    chance = random.Random(seed)  # noqa: S311 - the same bars every time
    close = [chance.choice([99.0, 100.0, 100.5, 102.0]) for _ in range(bars)]
    close[bars // 3 : bars // 2] = [100.1] * (bars // 2 - bars // 3)
    columns = dict(_around(close, chance))
    still = slice(bars // 3, bars // 2)
    for name in ("high", "low"):
        columns[name][still] = close[still]  # type: ignore[index]
    columns["volume"][still] = [0.0] * len(close[still])  # type: ignore[index]
    return columns


def gappy(bars: int, seed: int = 3) -> Columns:
    """Return prices that wander, where now and then something is not there, or begins late."""
    chance = random.Random(seed)  # noqa: S311 - the same bars every time
    columns = {name: list(values) for name, values in walk(bars, seed).items()}
    for name in ("high", "low", "close", "volume"):
        for i in range(bars):
            if chance.random() < 0.03 or bars // 2 < i < bars // 2 + 5:
                columns[name][i] = math.nan
    columns["close"][:3] = [math.nan] * 3
    return columns


def extreme(bars: int, seed: int = 4) -> Columns:
    """Return values of every size and sign up to the largest that are allowed, and zeros."""
    chance = random.Random(seed)  # noqa: S311 - the same bars every time

    def values() -> list[float]:
        return [
            chance.choice([0.0, -0.0, 1.0, chance.uniform(-1, 1) * 10.0 ** chance.randint(-99, 99)])
            for _ in range(bars)
        ]

    columns = {name: values() for name in ("high", "low", "close", "volume")}
    return {**columns, "session": [float(i // 50) for i in range(bars)]}


SERIES = {"walk": walk, "coarse": coarse, "gappy": gappy, "extreme": extreme}


def _around(close: list[float], chance: random.Random) -> Columns:
    return {
        "close": close,
        "high": [c + chance.choice([0.0, 0.25, 0.5, 1.0]) for c in close],
        "low": [c - chance.choice([0.0, 0.25, 0.5, 1.0]) for c in close],
        "volume": [chance.choice([0.0, 10.0, 30.0, 500.0]) for _ in close],
        "session": [float(i // 20) for i in range(len(close))],
    }
