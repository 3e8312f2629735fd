"""Everything needed to write a strategy, and the strategies that ship with the program."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from traderbot.domain.strategies.bounds import OneOf, Real, Whole
from traderbot.domain.strategies.breakout import BreakoutStrategy
from traderbot.domain.strategies.ema_cross import EmaCrossStrategy
from traderbot.domain.strategies.features import Feature, Features
from traderbot.domain.strategies.further import Wanted
from traderbot.domain.strategies.mean_reversion import MeanReversionStrategy
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.domain.strategies.rsi_cross import RsiCrossStrategy
from traderbot.domain.strategies.rules import crossed_above, crossed_below, decided, lagged
from traderbot.domain.strategies.sentiment import SentimentStrategy
from traderbot.domain.strategies.strategy import (
    BaseStrategy,
    Explanation,
    StrategyContext,
    StrategyResult,
    TickerData,
)
from traderbot.domain.strategies.vwap import VwapStrategy
from traderbot.domain.strategies.watching import Row, Seen, Watcher

if TYPE_CHECKING:
    from traderbot.infrastructure.compute.array_strategy import ArrayStrategy as SignalStrategy
    from traderbot.infrastructure.compute.columns import Columns
    from traderbot.infrastructure.compute.signals import FurtherColumns, signals_of
    from traderbot.infrastructure.models.model_strategy import ModelStrategy
    from traderbot.infrastructure.strategies.typed_parameters import TypedParameters
    from traderbot.infrastructure.strategy_files import load_strategies, load_strategy_file

__all__ = [
    "BaseStrategy",
    "BreakoutStrategy",
    "Columns",
    "EmaCrossStrategy",
    "Explanation",
    "Feature",
    "Features",
    "FurtherColumns",
    "MeanReversionStrategy",
    "ModelStrategy",
    "OneOf",
    "Real",
    "Row",
    "RsiCrossStrategy",
    "Seen",
    "SentimentStrategy",
    "SignalStrategy",
    "StrategyContext",
    "StrategyRegistry",
    "StrategyResult",
    "TickerData",
    "TypedParameters",
    "VwapStrategy",
    "Wanted",
    "Watcher",
    "Whole",
    "crossed_above",
    "crossed_below",
    "decided",
    "lagged",
    "load_strategies",
    "load_strategy_file",
    "signals_of",
]

# These bring numpy or pydantic along, which a strategy of the document's kind does without.
_LATER = {
    "Columns": "compute.columns",
    "FurtherColumns": "compute.signals",
    "ModelStrategy": "models.model_strategy",
    "SignalStrategy": "compute.array_strategy",
    "TypedParameters": "strategies.typed_parameters",
    "load_strategies": "strategy_files",
    "load_strategy_file": "strategy_files",
    "signals_of": "compute.signals",
}
_THERE = {"SignalStrategy": "ArrayStrategy"}  # what goes by another name where it is written


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    if name in _LATER:
        module = import_module(f"traderbot.infrastructure.{_LATER[name]}")
        return getattr(module, _THERE.get(name, name))
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
