"""Where in its recent range the price is: RSI, StochRSI, CCI, Williams %R."""

from __future__ import annotations

import math
from typing import Literal, get_args

from traderbot.domain.strategies.errors import InvalidParameterError
from traderbot.domain.strategies.indicators.indicator import Indicator, period_of
from traderbot.domain.strategies.indicators.memory import UNKNOWN, Memory
from traderbot.domain.strategies.indicators.smoothing import (
    SMOOTHING_CELLS,
    smooth,
    wilder,
)
from traderbot.domain.strategies.indicators.windows import (
    OLDEST,
    RING_HEAD,
    SIZE,
    extreme,
    extreme_cells,
    full,
    highest,
    lowest,
    push,
    ring,
    ring_cells,
    total,
)

Smoothing = Literal["simple", "wilder"]
SMOOTHINGS: tuple[Smoothing, ...] = get_args(Smoothing)
Seeding = Literal["mean", "first"]
SEEDINGS: tuple[Seeding, ...] = get_args(Seeding)

NEUTRAL = 50.0
STILL = 1e-9  # what an RSI moves by rounding alone
_LAMBERT = 0.015  # so that most values of the CCI lie within -100..100


def rsi(period: int = 14, smoothing: Smoothing = "simple", seeding: Seeding = "mean") -> Indicator:
    """The Relative Strength Index, from 0 to 100.

    `simple` averages the last `period` changes and looks at no others: gains and losses are summed
    afresh at every bar, from the oldest to the newest, and divided by `period` once. `wilder`
    smooths them, so its value depends on where the series begins: with the mean of the first
    `period` changes (`mean`, as Wilder and TA-Lib do), or with the first change alone (`first`, as
    an exponential average without adjustment does; known from the second close on). Of both,
    rs = gain / loss, and the index is 100 - (100 / (1 + rs)). No loss gives 100, except when there
    was no gain either: a market that does not move at all is neutral, 50.

    Source:
        Wilder, "New Concepts in Technical Trading Systems", 1978. There the averages are smoothed;
        the simple average is Cutler's variant.
    """
    period_of("period", period)
    seeding_of(seeding)
    return Indicator(
        name="rsi",
        inputs=("close",),
        outputs=("rsi",),
        warm_up=2 if (smoothing, seeding) == ("wilder", "first") else period + 1,
        step=rsi_simple_step if smoothing_of(smoothing) == "simple" else rsi_wilder_step,
        memory=(*_strength(period, smoothing, seeding),),
    )


def rsi_simple_step(s: Memory, close: float) -> None:
    """One close of `rsi`, simple."""
    s[0] = strength_simple(s, 1, close)


def rsi_wilder_step(s: Memory, close: float) -> None:
    """One close of `rsi`, Wilder's."""
    s[0] = strength_wilder(s, 1, close)


def stoch_rsi(
    period: int = 14,
    stoch_period: int = 14,
    k: int = 3,
    d: int = 3,
    smoothing: Smoothing = "simple",
) -> Indicator:
    """Where the RSI is between its lowest and its highest of `stoch_period` bars, in percent.

    `k` is the mean of the last k such values (1 leaves them as they are), `d` the mean of the last
    d of k. An RSI that moves by no more than 1e-9 is in the middle, 50: in a market that stands
    still, Wilder's RSI trembles in its last digit, and would be thrown from end to end.

    Source:
        Chande and Kroll, "The New Technical Trader", 1994. They take Wilder's RSI.
    """
    period_of("period", period)
    period_of("stoch_period", stoch_period)
    period_of("k", k)
    period_of("d", d)
    return Indicator(
        name="stoch_rsi",
        inputs=("close",),
        outputs=("k", "d"),
        warm_up=period + stoch_period + k + d - 2,
        step=(
            stoch_rsi_simple_step if smoothing_of(smoothing) == "simple" else stoch_rsi_wilder_step
        ),
        memory=(
            *extreme(stoch_period),
            *extreme(stoch_period),
            *ring(k),
            *ring(d),
            *_strength(period, smoothing),
        ),
    )


def stoch_rsi_simple_step(s: Memory, close: float) -> None:
    """One close of `stoch_rsi` on the simple RSI."""
    at = _stochastic_end(s)
    strength = strength_simple(s, at, close)
    if not math.isnan(strength):
        _stochastic(s, strength)


def stoch_rsi_wilder_step(s: Memory, close: float) -> None:
    """One close of `stoch_rsi` on Wilder's RSI."""
    at = _stochastic_end(s)
    strength = strength_wilder(s, at, close)
    if not math.isnan(strength):
        _stochastic(s, strength)


def cci(period: int = 20) -> Indicator:
    """Lambert's Commodity Channel Index.

    typical = (high + low + close) / 3; its mean and mean absolute deviation over `period` bars are
    summed afresh at every bar; (typical - mean) / (0.015 * deviation). A market that does not move
    is at 0.
    """
    period_of("period", period)
    return Indicator(
        name="cci",
        inputs=("high", "low", "close"),
        outputs=("cci",),
        warm_up=period,
        step=cci_step,
        memory=(*ring(period),),
    )


def cci_step(s: Memory, high: float, low: float, close: float) -> None:
    """One bar of `cci`."""
    value = typical_price(high, low, close)
    push(s, 1, value)
    if not full(s, 1):
        return
    mean = total(s, 1) / s[1 + SIZE]
    first, oldest, size = 1 + RING_HEAD, int(s[1 + OLDEST]), int(s[1 + SIZE])
    distance, moved = 0.0, False
    place = oldest
    for _ in range(size):
        distance += abs(s[first + place] - mean)
        moved = moved or s[first + place] != value
        place = 0 if place + 1 == size else place + 1
    width = _LAMBERT * (distance / s[1 + SIZE])
    s[0] = (value - mean) / width if moved and width > 0.0 else 0.0


def williams_r(period: int = 14) -> Indicator:
    """Williams' %R: -100 * (highest - close) / (highest - lowest), from -100 to 0.

    A market that does not move is in the middle, -50.
    """
    period_of("period", period)
    return Indicator(
        name="williams_r",
        inputs=("high", "low", "close"),
        outputs=("williams_r",),
        warm_up=period,
        step=williams_r_step,
        memory=(*extreme(period), *extreme(period)),
    )


def williams_r_step(s: Memory, high: float, low: float, close: float) -> None:
    """One bar of `williams_r`."""
    top = highest(s, 1, high)
    bottom = lowest(s, 1 + extreme_cells(s, 1), low)
    span = top - bottom
    if math.isnan(span):
        return
    s[0] = -100.0 * ((top - close) / span) if span > 0.0 else -NEUTRAL


def typical_price(high: float, low: float, close: float) -> float:
    """Return ((high + low) + close) / 3."""
    return (high + low + close) / 3.0


def strength_simple(s: Memory, at: int, close: float) -> float:
    """Return the RSI of simple averages; its cells are the close before and a window of changes."""
    before = s[at]
    s[at] = close
    if math.isnan(before):
        return UNKNOWN
    push(s, at + 1, close - before)
    if not full(s, at + 1):
        return UNKNOWN
    first, size = at + 1 + RING_HEAD, int(s[at + 1 + SIZE])
    oldest = first + int(s[at + 1 + OLDEST])
    gains = losses = 0.0
    for k in range(oldest, first + size):
        if s[k] > 0.0:
            gains += s[k]
        else:
            losses -= s[k]
    for k in range(first, oldest):
        if s[k] > 0.0:
            gains += s[k]
        else:
            losses -= s[k]
    return relative_strength(gains / size, losses / size)


def strength_wilder(s: Memory, at: int, close: float) -> float:
    """Return the RSI of Wilder's averages; its cells are the close before and two averages."""
    before = s[at]
    s[at] = close
    if math.isnan(before):
        return UNKNOWN
    change = close - before
    gain = smooth(s, at + 1, rise(change))
    loss = smooth(s, at + 1 + SMOOTHING_CELLS, rise(-change))
    return UNKNOWN if math.isnan(gain) else relative_strength(gain, loss)


def relative_strength(gain: float, loss: float) -> float:
    """Return the index of an average gain and an average loss, both at least 0."""
    if loss == 0.0:
        return NEUTRAL if gain == 0.0 else 100.0
    return 100.0 - (100.0 / (1.0 + gain / loss))


def rise(change: float) -> float:
    """Return the change if it is upwards, else 0."""
    return change if change > 0.0 else 0.0  # noqa: FURB136 - of 0.0 and -0.0, max may take either


def smoothing_of(value: Smoothing) -> Smoothing:
    """Return `value` if it is a smoothing. Raises InvalidParameterError if it is none."""
    if value not in SMOOTHINGS:
        reason = f"one of {', '.join(SMOOTHINGS)}; not {value!r:.60}"
        raise InvalidParameterError("smoothing", reason)
    return value


def seeding_of(value: Seeding) -> Seeding:
    """Return `value` if it is a seeding. Raises InvalidParameterError if it is none."""
    if value not in SEEDINGS:
        reason = f"one of {', '.join(SEEDINGS)}; not {value!r:.60}"
        raise InvalidParameterError("seeding", reason)
    return value


def _strength(period: int, smoothing: Smoothing, seeding: Seeding = "mean") -> Memory:
    if smoothing == "simple":
        return [UNKNOWN, *ring(period)]
    average = wilder(period, 1 if seeding == "first" else None)
    return [UNKNOWN, *average, *average]


def _stochastic_end(s: Memory) -> int:
    at = 2
    at += extreme_cells(s, at)
    at += extreme_cells(s, at)
    at += ring_cells(s, at)
    return at + ring_cells(s, at)


def _stochastic(s: Memory, strength: float) -> None:
    low_at = 2 + extreme_cells(s, 2)
    k_at = low_at + extreme_cells(s, low_at)
    d_at = k_at + ring_cells(s, k_at)
    top = highest(s, 2, strength)
    bottom = lowest(s, low_at, strength)
    span = top - bottom
    if math.isnan(span):
        return
    push(s, k_at, 100.0 * ((strength - bottom) / span) if span > STILL else NEUTRAL)
    if not full(s, k_at):
        return
    s[0] = total(s, k_at) / s[k_at + SIZE]
    push(s, d_at, s[0])
    if full(s, d_at):
        s[1] = total(s, d_at) / s[d_at + SIZE]
