"""VWAP: buy when the close rises across the volume-weighted average price, sell when it falls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, get_args

from traderbot.domain.strategies.answers import Signal
from traderbot.domain.strategies.bounds import Bound, OneOf, Whole, check_bounds
from traderbot.domain.strategies.features import AnyColumn, Feature, Features
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.domain.strategies.rules import crossed_above, crossed_below, decided
from traderbot.domain.strategies.signal_strategy import SignalStrategy

Anchor = Literal["rolling", "session"]
_ANCHORS: tuple[Anchor, ...] = get_args(Anchor)


class VwapStrategy(SignalStrategy):
    """Signals when the close crosses what was paid on average.

    The average is that of the last `period` bars (`rolling`), or of the bars since midnight UTC
    (`session`), which is the usual one for bars shorter than a day and says nothing on daily ones.

    Source:
        The price itself: Berkowitz, Logue and Noser, "The Total Cost of Transactions on the NYSE",
        Journal of Finance 43(1), 1988. The cross is the common trader's rule.
    """

    name: ClassVar[str] = "VWAP"
    description: ClassVar[str] = (
        "Buys when the close rises across the volume-weighted average price, "
        "sells when it falls across it."
    )
    bounds: ClassVar[Mapping[str, Bound]] = {"anchor": OneOf(_ANCHORS), "period": Whole(2, 5_000)}

    def __init__(self, anchor: Anchor = "rolling", period: int = 20) -> None:
        """Raise InvalidParameterError for another anchor, or a period out of its bounds."""
        check_bounds(self.bounds, {"anchor": anchor, "period": period})
        self.anchor, self.period = anchor, period
        rolling = Feature("rolling_vwap", {"period": period})
        self.features = {"vwap": rolling if anchor == "rolling" else Feature("vwap")}

    def signals(self, features: Features) -> AnyColumn:
        """Return +1 where the close rose across the average, -1 where it fell across it."""
        close, vwap = features["close"], features["vwap"]
        return decided(crossed_above(close, vwap), crossed_below(close, vwap))

    def reason(self, signal: Signal, features: Features) -> str:
        """Return the close and the average."""
        close, vwap = float(features["close"][-1]), float(features["vwap"][-1])
        where = f"the VWAP of {vwap:.6g}"
        if signal == "BUY":
            return f"The close rose to {close:.6g}, across {where}."
        if signal == "SELL":
            return f"The close fell to {close:.6g}, across {where}."
        return f"The close of {close:.6g} did not cross {where}."


StrategyRegistry.register(VwapStrategy.name, VwapStrategy)
