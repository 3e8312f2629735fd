"""BREAKOUT: buy above the highest high of the last bars, sell below their lowest low."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from traderbot.domain.strategies.answers import Signal
from traderbot.domain.strategies.bounds import Bound, Whole, check_bounds
from traderbot.domain.strategies.features import AnyColumn, Feature, Features
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.domain.strategies.rules import decided, lagged
from traderbot.domain.strategies.signal_strategy import SignalStrategy


class BreakoutStrategy(SignalStrategy):
    """Signals while the close is outside the channel that the bars before it made.

    Source:
        Donchian's channel with the entry and the exit of the Turtles' first system, 20 and 10
        bars: Faith, "Way of the Turtle", 2007.
    """

    name: ClassVar[str] = "BREAKOUT"
    description: ClassVar[str] = (
        "Buys when the close is above the highest high of the bars before, "
        "sells when it is below their lowest low."
    )
    bounds: ClassVar[Mapping[str, Bound]] = {
        "entry_period": Whole(1, 5_000),
        "exit_period": Whole(1, 5_000),
    }

    def __init__(self, entry_period: int = 20, exit_period: int = 10) -> None:
        """Raise InvalidParameterError for a period out of its bounds."""
        check_bounds(self.bounds, {"entry_period": entry_period, "exit_period": exit_period})
        self.entry_period, self.exit_period = entry_period, exit_period
        self.features = {
            "highest": Feature("donchian", {"period": entry_period}, output="upper"),
            "lowest": Feature("donchian", {"period": exit_period}, output="lower"),
        }

    def signals(self, features: Features) -> AnyColumn:
        """Return +1 above the channel of the bars before, -1 below it."""
        close = features["close"]
        above = close > lagged(features["highest"])
        return decided(above, close < lagged(features["lowest"]))

    def values(self, features: Features) -> Mapping[str, float]:
        """Return the channel that the bars before the last one made."""
        if len(features["close"]) < self.lookback:
            return {}
        ends = {name: float(features[name][-2]) for name in ("highest", "lowest")}
        return {name: value for name, value in ends.items() if value == value}  # noqa: PLR0124

    def reason(self, signal: Signal, features: Features) -> str:
        """Return the close and the end of the channel that counts."""
        close = f"{float(features['close'][-1]):.6g}"
        high, low = float(features["highest"][-2]), float(features["lowest"][-2])
        if signal == "BUY":
            return f"Breakout: {close} is above {high:.6g}, the high of {self.entry_period} bars."
        if signal == "SELL":
            return f"Breakdown: {close} is below {low:.6g}, the low of {self.exit_period} bars."
        return f"Within the channel: {close} is between {low:.6g} and {high:.6g}."


StrategyRegistry.register(BreakoutStrategy.name, BreakoutStrategy)
