"""The strategies that ship with the program; whoever imports this has them registered."""

from __future__ import annotations

from typing import Final

from traderbot.domain.strategies.breakout import BreakoutStrategy
from traderbot.domain.strategies.ema_cross import EmaCrossStrategy
from traderbot.domain.strategies.mean_reversion import MeanReversionStrategy
from traderbot.domain.strategies.rsi_cross import RsiCrossStrategy
from traderbot.domain.strategies.sentiment import SentimentStrategy
from traderbot.domain.strategies.strategy import BaseStrategy
from traderbot.domain.strategies.vwap import VwapStrategy

BUILT_IN: Final[tuple[type[BaseStrategy], ...]] = (
    RsiCrossStrategy,
    MeanReversionStrategy,
    BreakoutStrategy,
    VwapStrategy,
    EmaCrossStrategy,
    SentimentStrategy,
)
