"""How far the price moves: ATR, ADX, DMI, Keltner, dynamic bands, Donchian, supertrend."""

from __future__ import annotations

import math

from traderbot.domain.strategies.indicators.indicator import Indicator, multiplier_of, period_of
from traderbot.domain.strategies.indicators.memory import UNKNOWN, Memory
from traderbot.domain.strategies.indicators.smoothing import (
    SMOOTHING_CELLS,
    exponential,
    smooth,
    wilder,
)
from traderbot.domain.strategies.indicators.windows import (
    SIZE,
    SUM_HEAD,
    extreme,
    extreme_cells,
    highest,
    lowest,
    slide_sum,
    sliding_sum,
)

_BAR = ("high", "low", "close")
_BANDS = ("upper", "middle", "lower")
CALMEST, WILDEST = 0.5, 2.0  # how much narrower and wider than Keltner's dynamic bands get


def atr(period: int = 14) -> Indicator:
    """Wilder's average of the true range: the bar's own range, stretched to the close before."""
    period_of("period", period)
    return Indicator(
        name="atr",
        inputs=_BAR,
        outputs=("atr",),
        warm_up=period + 1,
        step=atr_step,
        memory=(UNKNOWN, *wilder(period)),
    )


def atr_step(s: Memory, high: float, low: float, close: float) -> None:
    """One bar of `atr`."""
    s[0] = average_range(s, 1, high, low, close)


def adx(period: int = 14) -> Indicator:
    """Wilder's Average Directional Index: how much of the movement goes one way, 0 to 100.

    Up and down movements are averaged as Wilder does; the index of a bar is
    100 * (|up - down| / (up + down)), and 0 where neither moved; its Wilder average is the ADX.
    The true range would cancel out.
    """
    period_of("period", period)
    return Indicator(
        name="adx",
        inputs=_BAR,
        outputs=("adx",),
        warm_up=2 * period,
        step=adx_step,
        memory=(
            UNKNOWN,
            UNKNOWN,
            *wilder(period),
            *wilder(period),
            *wilder(period),
        ),
    )


def adx_step(s: Memory, high: float, low: float, close: float) -> None:  # noqa: ARG001 - cancels out
    """One bar of `adx`."""
    before_high, before_low = s[1], s[2]
    s[1], s[2] = high, low
    if math.isnan(before_high):
        return
    up, down = high - before_high, before_low - low
    plus = smooth(s, 3, directed(up, down))
    minus = smooth(s, 3 + SMOOTHING_CELLS, directed(down, up))
    if not math.isnan(plus):
        s[0] = smooth(s, 3 + 2 * SMOOTHING_CELLS, directional(plus, minus))


def dmi(period: int = 14) -> Indicator:
    """Wilder's directional indicators: up and down movement in percent of the true range."""
    period_of("period", period)
    return Indicator(
        name="dmi",
        inputs=_BAR,
        outputs=("plus", "minus"),
        warm_up=period + 1,
        step=dmi_step,
        memory=(
            UNKNOWN,
            UNKNOWN,
            UNKNOWN,
            *wilder(period),
            *wilder(period),
            *wilder(period),
        ),
    )


def dmi_step(s: Memory, high: float, low: float, close: float) -> None:
    """One bar of `dmi`."""
    before_high, before_low = s[2], s[3]
    s[2], s[3] = high, low
    span = average_range(s, 4, high, low, close)
    if math.isnan(before_high):
        return
    up, down = high - before_high, before_low - low
    plus = smooth(s, 5 + SMOOTHING_CELLS, directed(up, down))
    minus = smooth(s, 5 + 2 * SMOOTHING_CELLS, directed(down, up))
    if math.isnan(span):
        return
    s[0] = 100.0 * (plus / span) if span > 0.0 else 0.0
    s[1] = 100.0 * (minus / span) if span > 0.0 else 0.0


def keltner(period: int = 20, atr_period: int = 10, multiplier: float = 2.0) -> Indicator:
    """Keltner's channel in Raschke's form: an EMA, and `multiplier` ATRs above and below it."""
    period_of("period", period)
    period_of("atr_period", atr_period)
    return Indicator(
        name="keltner",
        inputs=_BAR,
        outputs=_BANDS,
        warm_up=max(period, atr_period + 1),
        step=keltner_step,
        memory=(
            multiplier_of("multiplier", multiplier),
            *exponential(period),
            UNKNOWN,
            *wilder(atr_period),
        ),
    )


def keltner_step(s: Memory, high: float, low: float, close: float) -> None:
    """One bar of `keltner`."""
    middle = smooth(s, 4, close)
    width = s[3] * average_range(s, 4 + SMOOTHING_CELLS, high, low, close)
    s[1] = middle
    s[0] = middle + width
    s[2] = middle - width


def dynamic_bands(
    period: int = 20, atr_period: int = 14, baseline: int = 50, multiplier: float = 2.0
) -> Indicator:
    """Bands that widen when the market is wilder than usual, and narrow when it is calmer.

    They are Keltner's, with a width that is scaled by how the ATR compares with its own simple
    average over `baseline` bars: multiplier * ATR * calm, calm = ATR / average, within 0.5..2, and
    1 while nothing moves.
    """
    period_of("period", period)
    period_of("atr_period", atr_period)
    period_of("baseline", baseline)
    return Indicator(
        name="dynamic_bands",
        inputs=_BAR,
        outputs=_BANDS,
        warm_up=max(period, atr_period + baseline),
        step=dynamic_bands_step,
        memory=(
            multiplier_of("multiplier", multiplier),
            *exponential(period),
            UNKNOWN,
            *wilder(atr_period),
            *sliding_sum(baseline),
        ),
    )


def dynamic_bands_step(s: Memory, high: float, low: float, close: float) -> None:
    """One bar of `dynamic_bands`."""
    s[1] = smooth(s, 4, close)
    span = average_range(s, 4 + SMOOTHING_CELLS, high, low, close)
    if math.isnan(span):
        return
    at = 5 + 2 * SMOOTHING_CELLS
    usual = slide_sum(s, at, span) * (1.0 / s[at + SUM_HEAD + SIZE])
    width = s[3] * span * calm(span, usual)
    s[0] = s[1] + width
    s[2] = s[1] - width


def donchian(period: int = 20) -> Indicator:
    """Donchian's channel: the highest high, the lowest low, and (highest + lowest) / 2."""
    period_of("period", period)
    return Indicator(
        name="donchian",
        inputs=("high", "low"),
        outputs=_BANDS,
        warm_up=period,
        step=donchian_step,
        memory=(*extreme(period), *extreme(period)),
    )


def donchian_step(s: Memory, high: float, low: float) -> None:
    """One bar of `donchian`."""
    s[0] = highest(s, 3, high)
    s[2] = lowest(s, 3 + extreme_cells(s, 3), low)
    s[1] = (s[0] + s[2]) * 0.5


def supertrend(period: int = 10, multiplier: float = 3.0) -> Indicator:
    """Seban's supertrend: a line below a rising and above a falling market; 1 or -1.

    The bands are (high + low) / 2 and `multiplier` ATRs above and below. The upper one falls only,
    and the lower one rises only, until the close before lay beyond it. A close below the lower
    band turns the trend down, one above the upper turns it up. It begins upwards.
    """
    period_of("period", period)
    return Indicator(
        name="supertrend",
        inputs=_BAR,
        outputs=("line", "trend"),
        warm_up=period + 1,
        step=supertrend_step,
        memory=(
            multiplier_of("multiplier", multiplier),
            UNKNOWN,  # upper
            UNKNOWN,  # lower
            UNKNOWN,  # the close before
            UNKNOWN,
            *wilder(period),
        ),
    )


def supertrend_step(s: Memory, high: float, low: float, close: float) -> None:
    """One bar of `supertrend`."""
    span = average_range(s, 6, high, low, close)
    before = s[5]
    s[5] = close
    if math.isnan(span):
        return
    middle, width = (high + low) * 0.5, s[2] * span
    upper, lower = middle + width, middle - width
    if math.isnan(s[3]):
        s[1] = 1.0
    else:
        if upper > s[3] and before <= s[3]:
            upper = s[3]
        if lower < s[4] and before >= s[4]:
            lower = s[4]
        if s[1] > 0.0:
            s[1] = -1.0 if close < lower else 1.0
        else:
            s[1] = 1.0 if close > upper else -1.0
    s[3], s[4] = upper, lower
    s[0] = lower if s[1] > 0.0 else upper


def average_range(s: Memory, at: int, high: float, low: float, close: float) -> float:
    """Return the ATR; its cells are the close before and an average. The first bar has no range."""
    before = s[at]
    s[at] = close
    if math.isnan(before):
        return UNKNOWN
    return smooth(s, at + 1, true_range(high, low, before))


def true_range(high: float, low: float, before: float) -> float:
    """Return the range of a bar that began at the close before."""
    top = high if high > before else before  # noqa: FURB136 - as in `rise`
    bottom = low if low < before else before  # noqa: FURB136 - as in `rise`
    return top - bottom


def directed(this: float, other: float) -> float:
    """Return a movement if it is upwards and larger than the one the other way, else 0."""
    return this if this > other and this > 0.0 else 0.0


def directional(plus: float, minus: float) -> float:
    """Return 100 * (|plus - minus| / (plus + minus)), 0 where both are 0."""
    both = plus + minus
    return 100.0 * (abs(plus - minus) / both) if both > 0.0 else 0.0


def calm(span: float, usual: float) -> float:
    """Return how an average range compares with the usual one, within 0.5..2."""
    if math.isnan(usual):
        return UNKNOWN
    if usual <= 0.0:
        return 1.0
    ratio = span / usual
    if ratio < CALMEST:
        return CALMEST
    return WILDEST if ratio > WILDEST else ratio  # noqa: FURB136 - min knows no NaN
