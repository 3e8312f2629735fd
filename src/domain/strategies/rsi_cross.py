"""RSI_CROSS: buy when RSI comes back up from oversold, sell when it comes down from overbought."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar

from traderbot.domain.shared.decimals import exact, plain
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.strategies.answers import Signal
from traderbot.domain.strategies.bounds import Bound, OneOf, Real, Whole, check_bounds
from traderbot.domain.strategies.errors import InvalidParameterError
from traderbot.domain.strategies.features import AnyColumn, Feature, Features
from traderbot.domain.strategies.indicators.momentum import (
    NEUTRAL,
    SEEDINGS,
    SMOOTHINGS,
    Seeding,
    Smoothing,
)
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.domain.strategies.rules import crossed_above, crossed_below, decided
from traderbot.domain.strategies.signal_strategy import SignalStrategy

_MAX_DISTANCE = 50.0
_FLOOR = 0.5


class RsiCrossStrategy(SignalStrategy):
    """Signals when RSI crosses a threshold on its way back to the middle.

    The RSI is that of the run's bars from the first one on. The simple average looks at no more
    than its period, so its signals do not depend on where the run began; Wilder's never forgets.
    """

    name: ClassVar[str] = "RSI_CROSS"
    description: ClassVar[str] = (
        "Buys when RSI rises back across the oversold threshold, "
        "sells when it falls back across the overbought threshold."
    )
    bounds: ClassVar[Mapping[str, Bound]] = {
        "rsi_period": Whole(2, 500),
        "oversold": Real(0, 100, open_ends=True),
        "overbought": Real(0, 100, open_ends=True),
        "smoothing": OneOf(SMOOTHINGS),
        "seeding": OneOf(SEEDINGS),
    }

    def __init__(
        self,
        rsi_period: int = 14,
        oversold: float = 30.0,
        overbought: float = 70.0,
        smoothing: Smoothing = "simple",
        seeding: Seeding = "mean",
    ) -> None:
        """Raise InvalidParameterError unless the period is 2..500 and 0 < low < high < 100."""
        given = {
            "rsi_period": rsi_period,
            "oversold": oversold,
            "overbought": overbought,
            "smoothing": smoothing,
            "seeding": seeding,
        }
        check_bounds(self.bounds, given)
        self.rsi_period = rsi_period
        self.oversold = _threshold("oversold", oversold)
        self.overbought = _threshold("overbought", overbought)
        if self.oversold >= self.overbought:
            reason = f"below overbought ({overbought}), not {oversold}"
            raise InvalidParameterError(parameter="oversold", reason=reason)
        self.smoothing = smoothing
        self.seeding = seeding
        self.warm_up = rsi_period + 2
        self.window = self.warm_up if smoothing == "simple" else None
        parameters = {"period": rsi_period, "smoothing": smoothing, "seeding": seeding}
        self.features = {"rsi": Feature("rsi", parameters)}

    def signals(self, features: Features) -> AnyColumn:
        """Return +1 where the RSI was below `oversold` and is at or above it.

        And -1 where it was above `overbought` and is at or below it.
        """
        rsi = features["rsi"]
        return decided(crossed_above(rsi, self.oversold), crossed_below(rsi, self.overbought))

    def confidence(self, signal: Signal, features: Features) -> float:
        """Return how far the RSI is from the threshold; of a HOLD, how near to the middle."""
        _, now = _both(features)
        if signal == "HOLD":
            return hold_confidence(now)
        threshold = self.oversold if signal == "BUY" else self.overbought
        return calculate_confidence(now, threshold, signal)

    def reason(self, signal: Signal, features: Features) -> str:
        """Return the document's words with both values of the RSI."""
        was, now = map(self._shown, _both(features))
        low, high = _number(self.oversold), _number(self.overbought)
        label = f"RSI({self.rsi_period})"
        if signal == "BUY":
            return f"Oversold condition reversing: {label} rose from {was} to {now}, across {low}."
        if signal == "SELL":
            return (
                f"Overbought condition reversing: {label} fell from {was} to {now}, across {high}."
            )
        return f"No reversal: {label} was {was} and is {now}; thresholds {low} and {high}."

    def waiting(self, bars: int, features: Features) -> str:
        """Return what is missing before a signal can come."""
        was, now = map(self._shown, _both(features))
        return (
            f"Too few bars: RSI({self.rsi_period}) was {was} and is {now}; "
            f"a signal needs {self.warm_up} closes, there are {bars}."
        )

    def rules(self, features: Features) -> Mapping[str, bool]:
        """Return whether the RSI crossed either threshold."""
        was, now = _both(features)
        return {
            "crossed_above_oversold": was < self.oversold <= now,
            "crossed_below_overbought": was > self.overbought >= now,
        }

    def values(self, features: Features) -> Mapping[str, float]:
        """Return the RSI before and of the last bar."""
        was, now = _both(features)
        return {"rsi_previous": was, "rsi": now}

    def _shown(self, value: float) -> str:
        """Return two places, or all of them where two would put the value across a threshold."""
        short = f"{value:.2f}"
        same = self._side(float(short)) == self._side(value)
        return short if same else _number(value)

    def _side(self, value: float) -> tuple[bool, bool, bool, bool]:
        low, high = self.oversold, self.overbought
        return (value < low, value > low, value < high, value > high)


def calculate_confidence(rsi: float, threshold: float, signal_type: Signal) -> float:
    """Return how far the RSI is from the threshold, as a share of 50, but never below 0.5."""
    del signal_type  # callers may pass it; both sides are measured alike
    distance = abs(rsi - threshold)
    confidence = min(distance / _MAX_DISTANCE, 1.0)
    return max(_FLOOR, confidence)


def hold_confidence(rsi: float) -> float:
    """Return 0.5 in the middle of the scale, falling to 0.3 at both of its ends."""
    return 0.5 - 0.2 * abs(rsi - 50.0) / 50.0


def _both(features: Features) -> tuple[float, float]:
    """Return the RSI before and of the last bar; one that is not known yet is neutral."""
    last = [float(value) for value in features["rsi"][-2:]]
    was, now = [NEUTRAL] * (2 - len(last)) + last
    return (was if was == was else NEUTRAL), (now if now == now else NEUTRAL)  # noqa: PLR0124


def _threshold(name: str, value: float) -> float:
    threshold = float(value)
    try:
        exact(Decimal(repr(threshold)))  # so that `parameters` can write it and read it back
    except InvalidValueError as error:
        raise InvalidParameterError(name, str(error)) from error
    return threshold


def _number(value: float) -> str:
    """Return the shortest plain text that reads back as this float."""
    return plain(Decimal(repr(value))).removesuffix(".0")


StrategyRegistry.register(RsiCrossStrategy.name, RsiCrossStrategy)
