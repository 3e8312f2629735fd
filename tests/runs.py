"""Runs of bars for tests of strategies, and every strategy there is, small enough to signal."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from traderbot.domain.strategies.answers import StrategyContext
from traderbot.domain.strategies.breakout import BreakoutStrategy
from traderbot.domain.strategies.ema_cross import EmaCrossStrategy
from traderbot.domain.strategies.indicators.catalogue import indicator
from traderbot.domain.strategies.indicators.live import LiveIndicator
from traderbot.domain.strategies.indicators.momentum import NEUTRAL, Smoothing
from traderbot.domain.strategies.mean_reversion import MeanReversionStrategy
from traderbot.domain.strategies.rsi_cross import RsiCrossStrategy
from traderbot.domain.strategies.sentiment import SentimentStrategy
from traderbot.domain.strategies.strategy import BaseStrategy
from traderbot.domain.strategies.vwap import VwapStrategy
from traderbot.domain.strategies.watching import Row, Watcher

HOUR = 3_600_000_000_000
CONTEXT = StrategyContext(timeframe="1h", user_id="u", bot_run_id="r")
SIGN = {"BUY": 1, "SELL": -1, "HOLD": 0}

STRATEGIES: Mapping[str, Callable[[], BaseStrategy]] = {
    "rsi simple": lambda: RsiCrossStrategy(3, 45, 55),
    "rsi wilder": lambda: RsiCrossStrategy(3, 45, 55, "wilder"),
    "rsi first": lambda: RsiCrossStrategy(3, 45, 55, "wilder", "first"),
    "mean reversion": lambda: MeanReversionStrategy(5, 0.8, 0.2),
    "breakout": lambda: BreakoutStrategy(4, 3),
    "vwap rolling": lambda: VwapStrategy("rolling", 4),
    "vwap session": lambda: VwapStrategy("session"),
    "ema cross": lambda: EmaCrossStrategy(2, 5),
    "sentiment": lambda: SentimentStrategy("EMA_CROSS", inner={"fast": "2", "slow": "5"}),
}


def rsi(closes: Sequence[float], period: int = 14, smoothing: Smoothing = "simple") -> float:
    """Return the RSI of the last close; 50 while there are not `period` changes."""
    live = LiveIndicator(indicator("rsi", period=period, smoothing=smoothing))
    found = NEUTRAL
    for close in closes:
        value = live.update(close)
        found = NEUTRAL if math.isnan(value) else value  # type: ignore[arg-type, assignment]
    return found


def run_of(closes: Sequence[float], volumes: Sequence[float] | None = None) -> list[Row]:
    """Return hourly bars of these closes, each opening where the one before closed."""
    rows = []
    opened = closes[0] if closes else 0.0
    for place, close in enumerate(closes):
        volume = 10.0 if volumes is None else volumes[place % len(volumes)]
        high, low = max(opened, close) + 0.25, min(opened, close) - 0.25
        rows.append(Row(place * HOUR, opened, high, low, close, volume))
        opened = close
    return rows


def wave(bars: int = 400) -> list[Row]:
    """Return a market that goes up and down in several rhythms at once."""
    closes = [
        100.0 + 9 * math.sin(k / 17) + 4 * math.sin(k / 5) + (37 * k % 11) / 10 for k in range(bars)
    ]
    return run_of(closes, [float(5 + 7 * k % 13) for k in range(13)])


def asked(watcher: Watcher, rows: Sequence[Row]) -> list[int]:
    """Return what is said of each bar, one after another."""
    said = []
    for row in rows:
        said.append(SIGN[watcher.signal(row)])
        watcher.keep(row)
    return said
