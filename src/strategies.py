"""Everything needed to write a strategy, and the strategies that ship with the program."""

from __future__ import annotations

from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.domain.strategies.rsi_cross import RsiCrossStrategy
from traderbot.domain.strategies.strategy import (
    BaseStrategy,
    Explanation,
    StrategyContext,
    StrategyResult,
    TickerData,
)

__all__ = [
    "BaseStrategy",
    "Explanation",
    "RsiCrossStrategy",
    "StrategyContext",
    "StrategyRegistry",
    "StrategyResult",
    "TickerData",
]
