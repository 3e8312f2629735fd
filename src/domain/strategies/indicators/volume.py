"""Price and volume together: VWAP, OBV, MFI."""

from __future__ import annotations

import math

from traderbot.domain.strategies.indicators.indicator import Indicator, period_of
from traderbot.domain.strategies.indicators.memory import UNKNOWN, Memory
from traderbot.domain.strategies.indicators.momentum import NEUTRAL, rise, typical_price
from traderbot.domain.strategies.indicators.windows import (
    OLDEST,
    RING_HEAD,
    SIZE,
    full,
    push,
    ring,
    ring_cells,
    total,
)

_BAR = ("high", "low", "close", "volume")


def vwap() -> Indicator:
    """The volume-weighted average price since the session began.

    typical = (high + low + close) / 3; the sums of typical * volume and of volume start anew when
    the number of the session changes. Without any volume it is the typical price of the bar.
    """
    return Indicator(
        name="vwap",
        inputs=(*_BAR, "session"),
        outputs=("vwap",),
        warm_up=1,
        step=vwap_step,
        memory=(UNKNOWN, 0.0, 0.0),
    )


def vwap_step(  # noqa: PLR0917 - the columns of a bar, in their order
    s: Memory, high: float, low: float, close: float, volume: float, session: float
) -> None:
    """One bar of `vwap`."""
    if session != s[1]:
        s[1], s[2], s[3] = session, 0.0, 0.0
    price = typical_price(high, low, close)
    s[2] += price * volume
    s[3] += volume
    s[0] = s[2] / s[3] if s[3] > 0.0 else price


def rolling_vwap(period: int = 20) -> Indicator:
    """The volume-weighted average price of the last `period` bars, summed afresh at every bar."""
    period_of("period", period)
    return Indicator(
        name="rolling_vwap",
        inputs=_BAR,
        outputs=("vwap",),
        warm_up=period,
        step=rolling_vwap_step,
        memory=(*ring(period), *ring(period)),
    )


def rolling_vwap_step(s: Memory, high: float, low: float, close: float, volume: float) -> None:
    """One bar of `rolling_vwap`."""
    volumes = 1 + ring_cells(s, 1)
    price = typical_price(high, low, close)
    push(s, 1, price * volume)
    push(s, volumes, volume)
    if not full(s, 1):
        return
    traded = total(s, volumes)
    s[0] = total(s, 1) / traded if traded > 0.0 else price


def obv() -> Indicator:
    """Granville's On-Balance Volume: the volume of rising bars less that of falling ones.

    It begins with the volume of the first bar.
    """
    return Indicator(
        name="obv",
        inputs=("close", "volume"),
        outputs=("obv",),
        warm_up=1,
        step=obv_step,
        memory=(UNKNOWN, 0.0),
    )


def obv_step(s: Memory, close: float, volume: float) -> None:
    """One bar of `obv`."""
    before = s[1]
    s[1] = close
    if math.isnan(before) or close > before:
        s[2] += volume
    elif close < before:
        s[2] -= volume
    s[0] = s[2]


def mfi(period: int = 14) -> Indicator:
    """The Money Flow Index, from 0 to 100: an RSI of typical price * volume.

    The flow of a bar is positive when its typical price is above the one before, negative when it
    is below. Both are summed afresh at every bar; 100 * (positive / (positive + negative)), and 50
    where nothing flowed.

    Source:
        Quong and Soudack, "Volume-weighted RSI: money flow", 1989.
    """
    period_of("period", period)
    return Indicator(
        name="mfi",
        inputs=_BAR,
        outputs=("mfi",),
        warm_up=period + 1,
        step=mfi_step,
        memory=(UNKNOWN, *ring(period)),
    )


def mfi_step(s: Memory, high: float, low: float, close: float, volume: float) -> None:
    """One bar of `mfi`."""
    price = typical_price(high, low, close)
    before = s[1]
    s[1] = price
    if math.isnan(before):
        return
    flow = price * volume
    push(s, 2, flow if price > before else (-flow if price < before else 0.0))
    if not full(s, 2):
        return
    first, size = 2 + RING_HEAD, int(s[2 + SIZE])
    oldest = first + int(s[2 + OLDEST])
    positive = negative = 0.0
    for k in range(oldest, first + size):
        positive += rise(s[k])
        negative += rise(-s[k])
    for k in range(first, oldest):
        positive += rise(s[k])
        negative += rise(-s[k])
    both = positive + negative
    s[0] = 100.0 * (positive / both) if both > 0.0 else NEUTRAL
