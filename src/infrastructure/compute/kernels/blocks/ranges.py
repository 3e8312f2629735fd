"""ATR, ADX and what is built of ranges, without gaps."""

from __future__ import annotations

import numpy as np

from traderbot.domain.strategies.indicators.memory import UNKNOWN
from traderbot.domain.strategies.indicators.momentum import NEUTRAL
from traderbot.domain.strategies.indicators.ranges import CALMEST, WILDEST
from traderbot.domain.strategies.indicators.smoothing import NEW, PERIOD, SMOOTHING_CELLS
from traderbot.domain.strategies.indicators.windows import EXTREME_HEAD, SIZE, SUM_HEAD
from traderbot.infrastructure.compute.arrays import LARGEST, FloatArray
from traderbot.infrastructure.compute.kernels.blocks.checks import CHUNK, odd_bars, odd_values
from traderbot.infrastructure.compute.kernels.blocks.extremes import channel
from traderbot.infrastructure.compute.kernels.blocks.smoothing import (
    at_anchor,
    smooth_all,
    smooth_pairs,
    smooth_parts,
)
from traderbot.infrastructure.compute.kernels.blocks.windows import sums
from traderbot.infrastructure.compute.kernels.drivers import Cells


def atr_blocks(
    memories: FloatArray, highs: FloatArray, lows: FloatArray, closes: FloatArray, out: FloatArray
) -> bool:
    """Arrange `atr`."""
    odd = 0
    for row in range(len(memories)):
        h, v, c = highs[row % len(highs)], lows[row % len(lows)], closes[row % len(closes)]
        odd += _average_ranges(memories[row], 2, h, v, c, out[row, 0])
    return odd == 0


def keltner_blocks(
    memories: FloatArray, highs: FloatArray, lows: FloatArray, closes: FloatArray, out: FloatArray
) -> bool:
    """Arrange `keltner`."""
    odd = 0
    for row in range(len(memories)):
        s = memories[row]
        h, v, c = highs[row % len(highs)], lows[row % len(lows)], closes[row % len(closes)]
        upper, middle, lower = out[row, 0], out[row, 1], out[row, 2]
        odd += _average_ranges(s, 5 + SMOOTHING_CELLS, h, v, c, upper)
        smooth_all(s, 4, c, middle)
        multiplier = s[3]
        for i in range(len(c)):
            width = multiplier * upper[i]
            upper[i] = middle[i] + width
            lower[i] = middle[i] - width
    return odd == 0


def dynamic_bands_blocks(
    memories: FloatArray, highs: FloatArray, lows: FloatArray, closes: FloatArray, out: FloatArray
) -> bool:
    """Arrange `dynamic_bands`."""
    odd = 0
    for row in range(len(memories)):
        s = memories[row]
        h, v, c = highs[row % len(highs)], lows[row % len(lows)], closes[row % len(closes)]
        upper, middle, lower = out[row, 0], out[row, 1], out[row, 2]
        known = int(s[5 + SMOOTHING_CELLS + PERIOD])
        baseline = int(s[5 + 2 * SMOOTHING_CELLS + SUM_HEAD + SIZE])
        odd += _average_ranges(s, 5 + SMOOTHING_CELLS, h, v, c, upper)
        lower[:known] = UNKNOWN
        sums(upper[known:], baseline, 1.0 / baseline, lower[known:])
        smooth_all(s, 4, c, middle)
        multiplier = s[3]
        for i in range(len(c)):
            span, usual = upper[i], lower[i]
            ratio = span / usual
            ratio = CALMEST if ratio < CALMEST else ratio  # noqa: FURB136
            ratio = WILDEST if ratio > WILDEST else ratio  # noqa: FURB136
            ratio = 1.0 if usual <= 0.0 else ratio
            width = multiplier * span * ratio
            upper[i] = middle[i] + width
            lower[i] = middle[i] - width
    return odd == 0


def donchian_blocks(
    memories: FloatArray, highs: FloatArray, lows: FloatArray, out: FloatArray
) -> bool:
    """Arrange `donchian`."""
    odd = 0
    for row in range(len(memories)):
        h, v = highs[row % len(highs)], lows[row % len(lows)]
        upper, middle, lower = out[row, 0], out[row, 1], out[row, 2]
        odd += odd_values(h) + odd_values(v)
        channel(h, v, int(memories[row, 3 + EXTREME_HEAD + SIZE]), upper, lower)
        for i in range(len(h)):
            middle[i] = (upper[i] + lower[i]) * 0.5
    return odd == 0


def williams_r_blocks(
    memories: FloatArray, highs: FloatArray, lows: FloatArray, closes: FloatArray, out: FloatArray
) -> bool:
    """Arrange `williams_r`."""
    odd = 0
    for row in range(len(memories)):
        h, v, c = highs[row % len(highs)], lows[row % len(lows)], closes[row % len(closes)]
        o, bottoms = out[row, 0], np.empty(len(c))
        odd += odd_bars(h, v, c)
        channel(h, v, int(memories[row, 1 + EXTREME_HEAD + SIZE]), o, bottoms)
        for i in range(len(c)):
            top = o[i]
            span = top - bottoms[i]
            place = -100.0 * ((top - c[i]) / span)
            o[i] = -NEUTRAL if span <= 0.0 else place
    return odd == 0


def adx_blocks(
    memories: FloatArray,
    highs: FloatArray,
    lows: FloatArray,
    closes: FloatArray,
    out: FloatArray,
) -> bool:
    """Arrange `adx`."""
    odd = 0
    for row in range(len(memories)):
        s = memories[row]
        h, v, c = highs[row % len(highs)], lows[row % len(lows)], closes[row % len(closes)]
        pairs, index = np.empty(2 * CHUNK), np.empty(CHUNK)
        known = int(s[3 + PERIOD])
        out[row, 0, 0] = UNKNOWN
        odd += odd_bars(h[:1], v[:1], c[:1])
        for begin in range(1, len(h), CHUNK):
            end = min(begin + CHUNK, len(h))
            m = end - begin
            odd += odd_bars(h[begin:end], v[begin:end], c[begin:end])
            high, low = h[begin - 1 : end], v[begin - 1 : end]
            for i in range(m):
                up, down = high[i + 1] - high[i], low[i] - low[i + 1]
                rising = up if up > 0.0 else 0.0  # noqa: FURB136
                falling = down if down > 0.0 else 0.0  # noqa: FURB136
                pairs[2 * i] = rising if up > down else 0.0
                pairs[2 * i + 1] = falling if down > up else 0.0
            smooth_pairs(s, 3, pairs, m)
            for i in range(m):
                plus, minus = pairs[2 * i], pairs[2 * i + 1]
                both = plus + minus
                share = 100.0 * (abs(plus - minus) / both)
                index[i] = share if both > 0.0 else 0.0
            first = min(max(known - begin, 0), m)
            into = out[row, 0, begin:end]
            into[:first] = UNKNOWN
            smooth_all(s, 3 + 2 * SMOOTHING_CELLS, index[first:m], into[first:])
    return odd == 0


def _average_ranges(  # noqa: PLR0917 - the columns of a bar
    s: Cells, at: int, h: FloatArray, v: FloatArray, c: FloatArray, o: FloatArray
) -> int:
    """Make the ATR of an average whose cells are there; return how many bars are odd."""
    spans = np.empty(CHUNK)
    o[0] = UNKNOWN
    odd = odd_bars(h[:1], v[:1], c[-1:])
    for begin in range(1, len(c), CHUNK):
        end = min(begin + CHUNK, len(c))
        ready = end - begin == CHUNK and at_anchor(s, at)
        factor = s[at + NEW] if ready else 1.0
        odd += _true_ranges(h[begin:end], v[begin:end], c[begin - 1 : end - 1], factor, spans)
        if ready:
            smooth_parts(s, at, spans, o[begin:end])
        else:
            smooth_all(s, at, spans[: end - begin], o[begin:end])
    return odd


def _true_ranges(
    high: FloatArray, low: FloatArray, before: FloatArray, factor: float, spans: FloatArray
) -> int:
    """Make factor * true range; return how many bars are odd or near to it."""
    found = 0
    for i in range(len(high)):
        top = high[i] if high[i] > before[i] else before[i]  # noqa: FURB136
        bottom = low[i] if low[i] < before[i] else before[i]  # noqa: FURB136
        spans[i] = factor * (top - bottom)
        found += 0 if (abs(high[i]) + abs(low[i])) + abs(before[i]) < LARGEST else 1
    return found
