"""MEAN_REVERSION: buy what fell far below its mean, sell when it is back there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from traderbot.domain.strategies.answers import Signal
from traderbot.domain.strategies.bounds import Bound, Real, Whole, check_bounds
from traderbot.domain.strategies.errors import InvalidParameterError
from traderbot.domain.strategies.features import AnyColumn, Feature, Features
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.domain.strategies.rules import crossed_above, crossed_below, decided
from traderbot.domain.strategies.signal_strategy import SignalStrategy


class MeanReversionStrategy(SignalStrategy):
    """Signals by how many standard deviations the close is from its mean of `period` bars.

    Source:
        The lower Bollinger band as an entry and the middle one as the exit: Chan, "Algorithmic
        Trading", 2013, chapter 3; Bollinger, "Bollinger on Bollinger Bands", 2001.
    """

    name: ClassVar[str] = "MEAN_REVERSION"
    description: ClassVar[str] = (
        "Buys when the close falls below its mean by some standard deviations, "
        "sells when it has come back."
    )
    bounds: ClassVar[Mapping[str, Bound]] = {
        "period": Whole(2, 5_000),
        "entry": Real(0, 20, open_ends=True),
        "exit_at": Real(-20, 20),
    }

    def __init__(self, period: int = 20, entry: float = 2.0, exit_at: float = 0.0) -> None:
        """Raise InvalidParameterError unless -entry < exit_at, which lets every trade end."""
        check_bounds(self.bounds, {"period": period, "entry": entry, "exit_at": exit_at})
        if exit_at <= -entry:
            reason = f"above -entry ({-entry}), not {exit_at}; 0 is the mean itself"
            raise InvalidParameterError("exit_at", reason)
        self.period, self.entry, self.exit_at = period, float(entry), float(exit_at)
        self.features = {"zscore": Feature("zscore", {"period": period})}

    def signals(self, features: Features) -> AnyColumn:
        """Return +1 where the score fell to -entry or below, -1 where it rose to exit_at."""
        score = features["zscore"]
        return decided(crossed_below(score, -self.entry), crossed_above(score, self.exit_at))

    def reason(self, signal: Signal, features: Features) -> str:
        """Return the score and the threshold that counts."""
        score = f"{float(features['zscore'][-1]):.2f} deviations from its mean"
        if signal == "BUY":
            return (
                f"Stretched: the close is {score} of {self.period} bars, at or below -{self.entry}."
            )
        if signal == "SELL":
            return f"Back: the close is {score} of {self.period} bars, at or above {self.exit_at}."
        return f"The close is {score} of {self.period} bars; neither threshold was crossed."


StrategyRegistry.register(MeanReversionStrategy.name, MeanReversionStrategy)
