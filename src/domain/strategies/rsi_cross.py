"""RSI_CROSS: buy when RSI comes back up from oversold, sell when it comes down from overbought."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from traderbot.domain.shared.decimals import exact, plain
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.strategies.errors import InvalidParameterError
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.domain.strategies.rsi import SMOOTHINGS, Smoothing, rsi
from traderbot.domain.strategies.strategy import (
    BaseStrategy,
    Explanation,
    Signal,
    StrategyContext,
    StrategyResult,
    TickerData,
)

MIN_PERIOD = 2
MAX_PERIOD = 500
_MAX_DISTANCE = 50.0
_FLOOR = 0.5
_TOP = 100  # the end of the scale
_WILDER_PERIODS = 10  # of what came before, Wilder's average then holds (1 - 1/period)^(9*period)
_LARGEST_CLOSE = 1e100  # below it no sum of changes can overflow; no price is near it


class RsiCrossStrategy(BaseStrategy):
    """Signals when RSI crosses a threshold on its way back to the middle.

    The RSI of a bar is computed from the `window - 1` closes that end with it, the same for the
    last bar and for the one before. So what was "is" on one bar is "was" on the next, and no cross
    is missed or seen twice however much history is shown. With Wilder's smoothing the average
    starts anew at the first bar of that window.
    """

    name: ClassVar[str] = "RSI_CROSS"
    description: ClassVar[str] = (
        "Buys when RSI rises back across the oversold threshold, "
        "sells when it falls back across the overbought threshold."
    )

    def __init__(
        self,
        rsi_period: int = 14,
        oversold: float = 30.0,
        overbought: float = 70.0,
        smoothing: Smoothing = "simple",
    ) -> None:
        """Raise InvalidParameterError unless the period is 2..500 and 0 < low < high < 100."""
        self.rsi_period = _period(rsi_period)
        self.oversold = _threshold("oversold", oversold)
        self.overbought = _threshold("overbought", overbought)
        if self.oversold >= self.overbought:
            reason = f"below overbought ({overbought}), not {oversold}"
            raise InvalidParameterError(parameter="oversold", reason=reason)
        if smoothing not in SMOOTHINGS:
            reason = f"one of {', '.join(SMOOTHINGS)}; not {smoothing!r:.60}"
            raise InvalidParameterError(parameter="smoothing", reason=reason)
        self.smoothing = smoothing
        self.warm_up = rsi_period + 2
        self.window = self.warm_up if smoothing == "simple" else _WILDER_PERIODS * rsi_period

    def execute(self, ticker_data: TickerData, context: StrategyContext) -> StrategyResult:
        """Return BUY, SELL or HOLD for the last bar.

        BUY: the RSI was below `oversold` and is at or above it. SELL: it was above `overbought`
        and is at or below it. Anything else, and any history shorter than `warm_up`, is HOLD.

        Raises:
            InvalidValueError: a close within the window is not a finite number.
        """
        del context  # the answer is the same for everybody
        seen = self._look(ticker_data["closes"])
        was, now = self._shown(seen.was), self._shown(seen.now)
        low, high = _number(self.oversold), _number(self.overbought)
        label = f"RSI({self.rsi_period})"
        if seen.bars < self.warm_up:
            reason = (
                f"Too few bars: {label} was {was} and is {now}; "
                f"a signal needs {self.warm_up} closes, there are {seen.bars}."
            )
            return _hold(seen, reason)
        if self._rose(seen):
            confidence = calculate_confidence(seen.now, self.oversold, "BUY")
            reason = (
                f"Oversold condition reversing: {label} rose from {was} to {now}, across {low}."
            )
            return {"signal": "BUY", "confidence": confidence, "reason": reason}
        if self._fell(seen):
            confidence = calculate_confidence(seen.now, self.overbought, "SELL")
            reason = (
                f"Overbought condition reversing: {label} fell from {was} to {now}, across {high}."
            )
            return {"signal": "SELL", "confidence": confidence, "reason": reason}
        reason = f"No reversal: {label} was {was} and is {now}; thresholds {low} and {high}."
        return _hold(seen, reason)

    def explain(self, ticker_data: TickerData) -> Explanation:
        """Return both RSI values and whether each rule held. Raises as `execute` does."""
        seen = self._look(ticker_data["closes"])
        return Explanation(
            indicators={"rsi_previous": seen.was, "rsi": seen.now},
            rules={
                "enough_bars": seen.bars >= self.warm_up,
                "crossed_above_oversold": self._rose(seen),
                "crossed_below_overbought": self._fell(seen),
            },
        )

    def _look(self, closes: Sequence[float]) -> _Seen:
        bars = len(closes)
        first = max(0, bars - self.window)
        window = [_close(close, first + i) for i, close in enumerate(closes[first:])]
        span = self.window - 1
        return _Seen(
            bars=bars,
            was=rsi(window[:-1][-span:], self.rsi_period, self.smoothing),
            now=rsi(window[-span:], self.rsi_period, self.smoothing),
        )

    def _rose(self, seen: _Seen) -> bool:
        return seen.bars >= self.warm_up and seen.was < self.oversold <= seen.now

    def _fell(self, seen: _Seen) -> bool:
        return seen.bars >= self.warm_up and seen.was > self.overbought >= seen.now

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What one look at the closes showed: how many there are, the RSI before and of the last."""

    bars: int
    was: float
    now: float


def _hold(seen: _Seen, reason: str) -> StrategyResult:
    return {"signal": "HOLD", "confidence": hold_confidence(seen.now), "reason": reason}


def _close(close: float, index: int) -> float:
    # One comparison refuses NaN, both infinities and what would overflow later.
    if not -_LARGEST_CLOSE < close < _LARGEST_CLOSE:
        msg = f"closes[{index}] is {close}: a close is a finite number"
        raise InvalidValueError(msg)
    return float(close)


def _period(value: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidParameterError(
            parameter="rsi_period", reason=f"a whole number, not {value!r:.60}"
        )
    if not MIN_PERIOD <= value <= MAX_PERIOD:
        raise InvalidParameterError(
            parameter="rsi_period", reason=f"from {MIN_PERIOD} to {MAX_PERIOD}, not {value}"
        )
    return value


def _threshold(name: str, value: float) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise InvalidParameterError(name, f"a number, not {value!r:.60}")
    if not 0 < value < _TOP:
        raise InvalidParameterError(name, f"between 0 and 100, not {value}")
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
