"""EMA_CROSS: buy when a fast average rises across a slow one, sell when it falls across it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from traderbot.domain.strategies.answers import Signal
from traderbot.domain.strategies.bounds import Bound, Whole, check_bounds
from traderbot.domain.strategies.errors import InvalidParameterError
from traderbot.domain.strategies.features import AnyColumn, Feature, Features
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.domain.strategies.rules import crossed_above, crossed_below, decided
from traderbot.domain.strategies.signal_strategy import SignalStrategy


class EmaCrossStrategy(SignalStrategy):
    """Signals when two exponential averages of the closes change places.

    Source:
        The double crossover: Murphy, "Technical Analysis of the Financial Markets", 1999, chapter
        9; 12 and 26 bars are those of Appel's MACD.
    """

    name: ClassVar[str] = "EMA_CROSS"
    description: ClassVar[str] = (
        "Buys when the fast exponential average rises across the slow one, "
        "sells when it falls across it."
    )
    bounds: ClassVar[Mapping[str, Bound]] = {"fast": Whole(1, 5_000), "slow": Whole(2, 5_000)}

    def __init__(self, fast: int = 12, slow: int = 26) -> None:
        """Raise InvalidParameterError unless fast < slow."""
        check_bounds(self.bounds, {"fast": fast, "slow": slow})
        if fast >= slow:
            reason = f"below slow ({slow}), not {fast}; the nearest is {slow - 1}"
            raise InvalidParameterError("fast", reason)
        self.fast, self.slow = fast, slow
        self.features = {
            "fast": Feature("ema", {"period": fast}),
            "slow": Feature("ema", {"period": slow}),
        }

    def signals(self, features: Features) -> AnyColumn:
        """Return +1 where the fast average rose across the slow one, -1 where it fell across."""
        fast, slow = features["fast"], features["slow"]
        return decided(crossed_above(fast, slow), crossed_below(fast, slow))

    def reason(self, signal: Signal, features: Features) -> str:
        """Return both averages."""
        fast, slow = float(features["fast"][-1]), float(features["slow"][-1])
        both = f"EMA({self.fast}) at {fast:.6g}, EMA({self.slow}) at {slow:.6g}"
        if signal == "BUY":
            return f"The fast average rose across the slow one: {both}."
        if signal == "SELL":
            return f"The fast average fell across the slow one: {both}."
        return f"The averages did not change places: {both}."


StrategyRegistry.register(EmaCrossStrategy.name, EmaCrossStrategy)
