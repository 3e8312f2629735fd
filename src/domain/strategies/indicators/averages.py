"""Of one series: SMA, EMA, WMA, MACD, rate of change, standard deviation, z-score, Bollinger."""

from __future__ import annotations

import math

from traderbot.domain.strategies.errors import InvalidParameterError
from traderbot.domain.strategies.indicators.indicator import Indicator, multiplier_of, period_of
from traderbot.domain.strategies.indicators.memory import UNKNOWN, Memory
from traderbot.domain.strategies.indicators.smoothing import (
    SMOOTHING_CELLS,
    exponential,
    smooth,
)
from traderbot.domain.strategies.indicators.windows import (
    DEVIATION_HEAD,
    MEAN,
    SIZE,
    SQUARES,
    SUM_HEAD,
    deviation,
    full,
    push,
    ring,
    slide_deviation,
    slide_sum,
    slide_weighted,
    sliding_sum,
)


def sma(period: int = 20) -> Indicator:
    """The simple moving average: the sum of the last `period` values times 1 / period."""
    period_of("period", period)
    return Indicator(
        name="sma",
        inputs=("close",),
        outputs=("sma",),
        warm_up=period,
        step=sma_step,
        memory=(*sliding_sum(period),),
    )


def sma_step(s: Memory, value: float) -> None:
    """One value of `sma`."""
    s[0] = slide_sum(s, 1, value) * (1.0 / s[1 + SUM_HEAD + SIZE])


def ema(period: int = 20) -> Indicator:
    """The exponential moving average, new = 2 / (period + 1), begun with a simple average."""
    period_of("period", period)
    return Indicator(
        name="ema",
        inputs=("close",),
        outputs=("ema",),
        warm_up=period,
        step=ema_step,
        memory=(*exponential(period),),
    )


def ema_step(s: Memory, value: float) -> None:
    """One value of `ema`."""
    s[0] = smooth(s, 1, value)


def wma(period: int = 20) -> Indicator:
    """The linearly weighted average: the newest value weighs `period`, the oldest 1."""
    period_of("period", period)
    return Indicator(
        name="wma",
        inputs=("close",),
        outputs=("wma",),
        warm_up=period,
        step=wma_step,
        memory=(*sliding_sum(period),),
    )


def wma_step(s: Memory, value: float) -> None:
    """One value of `wma`."""
    size = s[1 + SUM_HEAD + SIZE]
    s[0] = slide_weighted(s, 1, value) / (size * (size + 1.0) * 0.5)


def macd(fast: int = 12, slow: int = 26, signal: int = 9) -> Indicator:
    """Appel's MACD: EMA(fast) - EMA(slow), an EMA of that as its signal, and their difference.

    Raises:
        InvalidParameterError: `fast` is not below `slow`.
    """
    period_of("fast", fast)
    period_of("slow", slow)
    if fast >= slow:
        raise InvalidParameterError("fast", f"below slow ({slow}), not {fast}")
    period_of("signal", signal)
    return Indicator(
        name="macd",
        inputs=("close",),
        outputs=("macd", "signal", "histogram"),
        warm_up=slow + signal - 1,
        step=macd_step,
        memory=(
            *exponential(fast),
            *exponential(slow),
            *exponential(signal, before=slow - 1),
        ),
    )


def macd_step(s: Memory, value: float) -> None:
    """One value of `macd`."""
    fast = smooth(s, 3, value)
    slow = smooth(s, 3 + SMOOTHING_CELLS, value)
    s[0] = fast - slow
    if not math.isnan(slow):
        s[1] = smooth(s, 3 + 2 * SMOOTHING_CELLS, s[0])
        s[2] = s[0] - s[1]


def roc(period: int = 10) -> Indicator:
    """The rate of change in percent: 100 * (value / value `period` bars ago - 1); 0 after a 0."""
    period_of("period", period)
    return Indicator(
        name="roc",
        inputs=("close",),
        outputs=("roc",),
        warm_up=period + 1,
        step=roc_step,
        memory=(*ring(period),),
    )


def roc_step(s: Memory, value: float) -> None:
    """One value of `roc`."""
    known = full(s, 1)
    before = push(s, 1, value)
    if not known:
        s[0] = UNKNOWN
    elif before == 0.0:
        s[0] = 0.0
    else:
        s[0] = 100.0 * (value / before - 1.0)


def standard_deviation(period: int = 20) -> Indicator:
    """The deviation of the last `period` values from their mean, of the whole population."""
    period_of("period", period)
    return Indicator(
        name="standard_deviation",
        inputs=("close",),
        outputs=("deviation",),
        warm_up=period,
        step=standard_deviation_step,
        memory=(*deviation(period),),
    )


def standard_deviation_step(s: Memory, value: float) -> None:
    """One value of `standard_deviation`."""
    s[0] = _root(s, 1) if slide_deviation(s, 1, value) else UNKNOWN


def zscore(period: int = 20) -> Indicator:
    """How many deviations the last value is from the mean; 0 where nothing deviates."""
    period_of("period", period)
    return Indicator(
        name="zscore",
        inputs=("close",),
        outputs=("zscore",),
        warm_up=period,
        step=zscore_step,
        memory=(*deviation(period),),
    )


def zscore_step(s: Memory, value: float) -> None:
    """One value of `zscore`."""
    if not slide_deviation(s, 1, value):
        s[0] = UNKNOWN
        return
    width = _root(s, 1)
    s[0] = (value - s[1 + MEAN]) / width if width > 0.0 else 0.0


def bollinger(period: int = 20, multiplier: float = 2.0) -> Indicator:
    """Bollinger's bands: the mean, and `multiplier` deviations above and below it."""
    period_of("period", period)
    return Indicator(
        name="bollinger",
        inputs=("close",),
        outputs=("upper", "middle", "lower"),
        warm_up=period,
        step=bollinger_step,
        memory=(
            multiplier_of("multiplier", multiplier),
            *deviation(period),
        ),
    )


def bollinger_step(s: Memory, value: float) -> None:
    """One value of `bollinger`."""
    if not slide_deviation(s, 4, value):
        return
    width = s[3] * _root(s, 4)
    s[1] = s[4 + MEAN]
    s[0] = s[1] + width
    s[2] = s[1] - width


def _root(s: Memory, at: int) -> float:
    """Return sqrt(squares * (1 / period)); rounding may have left less than nothing."""
    squares = s[at + SQUARES]
    share = 1.0 / s[at + DEVIATION_HEAD + SIZE]
    return math.sqrt(squares * share) if squares > 0.0 else 0.0
