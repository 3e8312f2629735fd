"""Strategies that a worker process can import."""

from __future__ import annotations

from typing import ClassVar

from traderbot.domain.strategies.features import AnyColumn, Feature, Features
from traderbot.domain.strategies.rules import crossed_above, crossed_below, decided
from traderbot.domain.strategies.signal_strategy import SignalStrategy
from traderbot.domain.strategies.strategy import (
    BaseStrategy,
    StrategyContext,
    StrategyResult,
    TickerData,
)


class EmaPair(SignalStrategy):
    """Buys when the fast average crosses the slow one upwards."""

    name: ClassVar[str] = "EMA_PAIR"

    def __init__(self, fast: int = 5, slow: int = 20) -> None:
        self.fast, self.slow = fast, slow
        self.features = {
            "fast": Feature("ema", {"period": fast}),
            "slow": Feature("ema", {"period": slow}),
        }

    def signals(self, features: Features) -> AnyColumn:
        """Compare the averages."""
        spread = features["fast"] - features["slow"]
        return decided(crossed_above(spread, 0.0), crossed_below(spread, 0.0))


class EveryNth(BaseStrategy):
    """Buys and sells in turn, asked bar by bar."""

    name: ClassVar[str] = "EVERY_NTH"
    window = 10

    def __init__(self, every: int = 3) -> None:
        self.every = every

    def execute(self, ticker_data: TickerData, context: StrategyContext) -> StrategyResult:
        """Look at the cents of the close."""
        del context
        cents = round(ticker_data["closes"][-1] * 100) % self.every
        signal = {0: "BUY", 1: "SELL"}.get(cents, "HOLD")
        return {"signal": signal, "confidence": 0.5, "reason": "cents"}  # type: ignore[typeddict-item]
