"""RSI and StochRSI without gaps."""

from __future__ import annotations

import numpy as np

from traderbot.domain.strategies.indicators.memory import UNKNOWN
from traderbot.domain.strategies.indicators.momentum import NEUTRAL, STILL
from traderbot.domain.strategies.indicators.smoothing import PERIOD
from traderbot.domain.strategies.indicators.windows import EXTREME_HEAD, RING_HEAD, SIZE
from traderbot.infrastructure.compute.arrays import FloatArray
from traderbot.infrastructure.compute.kernels.blocks.checks import CHUNK, odd_values
from traderbot.infrastructure.compute.kernels.blocks.extremes import widen
from traderbot.infrastructure.compute.kernels.blocks.smoothing import smooth_pairs
from traderbot.infrastructure.compute.kernels.drivers import Cells


def rsi_simple_blocks(memories: FloatArray, closes: FloatArray, out: FloatArray) -> bool:
    """Arrange `rsi`, simple."""
    odd = 0
    for row in range(len(memories)):
        odd += _simple_row(closes[row % len(closes)], int(memories[row, 2 + SIZE]), out[row, 0])
    return odd == 0


def rsi_wilder_blocks(memories: FloatArray, closes: FloatArray, out: FloatArray) -> bool:
    """Arrange `rsi`, Wilder's."""
    odd = 0
    for row in range(len(memories)):
        odd += _wilder_row(memories[row], 2, closes[row % len(closes)], out[row, 0])
    return odd == 0


def stoch_rsi_simple_blocks(memories: FloatArray, closes: FloatArray, out: FloatArray) -> bool:
    """Arrange `stoch_rsi` on the simple RSI."""
    odd = 0
    for row in range(len(memories)):
        s, x = memories[row], closes[row % len(closes)]
        period = int(s[_strength_of(s) + 1 + SIZE])
        strengths = np.empty(len(x))
        odd += _simple_row(x, period, strengths)
        _stochastics(s, strengths, period, out[row, 0], out[row, 1])
    return odd == 0


def stoch_rsi_wilder_blocks(memories: FloatArray, closes: FloatArray, out: FloatArray) -> bool:
    """Arrange `stoch_rsi` on Wilder's RSI."""
    odd = 0
    for row in range(len(memories)):
        s, x = memories[row], closes[row % len(closes)]
        at = _strength_of(s) + 1
        period = int(s[at + PERIOD])
        strengths = np.empty(len(x))
        odd += _wilder_row(s, at, x, strengths)
        _stochastics(s, strengths, period, out[row, 0], out[row, 1])
    return odd == 0


def _simple_row(x: FloatArray, period: int, o: FloatArray) -> int:
    """Make the RSI of simple averages; return how many closes are odd."""
    o[:period] = UNKNOWN
    odd = odd_values(x[:period])
    rises, falls = np.empty(CHUNK + period), np.empty(CHUNK + period)
    gains, losses = np.empty(CHUNK), np.empty(CHUNK)
    for begin in range(period, len(x), CHUNK):
        end = min(begin + CHUNK, len(x))
        m = end - begin
        changes = m + period - 1
        odd += odd_values(x[begin:end])
        y = x[begin - period : end]
        for i in range(changes):
            change = y[i + 1] - y[i]
            rises[i] = change if change > 0.0 else 0.0  # noqa: FURB136
            falls[i] = -change if change < 0.0 else 0.0
        gains[:m] = 0.0
        losses[:m] = 0.0
        for k in range(period):
            rise, fall = rises[k : k + m], falls[k : k + m]
            for i in range(m):
                gains[i] += rise[i]
                losses[i] += fall[i]
        to = o[begin:end]
        for i in range(m):
            gain, loss = gains[i] / period, losses[i] / period
            to[i] = _index(gain, loss)
    return odd


def _wilder_row(s: Cells, at: int, x: FloatArray, o: FloatArray) -> int:
    """Make the RSI of Wilder's averages; return how many closes are odd."""
    odd = odd_values(x[:1])
    pairs = np.empty(2 * CHUNK)
    o[0] = UNKNOWN
    for begin in range(1, len(x), CHUNK):
        end = min(begin + CHUNK, len(x))
        m = end - begin
        odd += odd_values(x[begin:end])
        y = x[begin - 1 : end]
        for i in range(m):
            change = y[i + 1] - y[i]
            pairs[2 * i] = change if change > 0.0 else 0.0  # noqa: FURB136
            pairs[2 * i + 1] = -change if change < 0.0 else 0.0
        smooth_pairs(s, at, pairs, m)
        to = o[begin:end]
        for i in range(m):
            to[i] = _index(pairs[2 * i], pairs[2 * i + 1])
    return odd


def _index(gain: float, loss: float) -> float:
    """Return `relative_strength` without a branch."""
    index = 100.0 - (100.0 / (1.0 + gain / loss))
    return index if loss != 0.0 else (100.0 if gain != 0.0 else NEUTRAL)


def _strength_of(s: Cells) -> int:
    """Return where the cells of the RSI begin in those of `stoch_rsi`."""
    stoch, k, d = _windows_of(s)
    return 2 + 2 * (EXTREME_HEAD + RING_HEAD + stoch) + 2 * RING_HEAD + k + d


def _windows_of(s: Cells) -> tuple[int, int, int]:
    stoch = int(s[2 + EXTREME_HEAD + SIZE])
    k_at = 2 + 2 * (EXTREME_HEAD + RING_HEAD + stoch)
    k = int(s[k_at + SIZE])
    return stoch, k, int(s[k_at + RING_HEAD + k + SIZE])


def _stochastics(
    s: Cells, strengths: FloatArray, known: int, first: FloatArray, second: FloatArray
) -> None:
    """Make both lines of `stoch_rsi` of an RSI that is known from a bar on."""
    stoch, k, d = _windows_of(s)
    raw = first if k == 1 else np.empty(len(strengths))
    known += stoch - 1
    raw[:known] = UNKNOWN
    width = 1
    while 2 * width <= stoch:
        width *= 2
    tops, bottoms = np.empty(CHUNK + stoch), np.empty(CHUNK + stoch)
    for begin in range(known, len(strengths), CHUNK):
        end = min(begin + CHUNK, len(strengths))
        m = end - begin
        widen(strengths[begin - stoch + 1 : end], width, tops, bottoms)
        rest = stoch - width
        top, other_top, bottom, other_bottom = tops[:m], tops[rest:], bottoms[:m], bottoms[rest:]
        strength, to = strengths[begin:end], raw[begin:end]
        for i in range(m):
            high = top[i] if top[i] > other_top[i] else other_top[i]  # noqa: FURB136
            low = bottom[i] if bottom[i] < other_bottom[i] else other_bottom[i]  # noqa: FURB136
            share = 100.0 * ((strength[i] - low) / (high - low))
            to[i] = share if high - low > STILL else NEUTRAL
    if k > 1:
        _means(raw, known, k, first)
    _means(first, known + k - 1, d, second)


def _means(x: FloatArray, known: int, period: int, o: FloatArray) -> None:
    """Make the mean of each window of values that are known from a bar on, each summed afresh."""
    o[: known + period - 1] = UNKNOWN
    sums = np.empty(CHUNK)
    for begin in range(known + period - 1, len(x), CHUNK):
        end = min(begin + CHUNK, len(x))
        m = end - begin
        sums[:m] = 0.0
        for k in range(period):
            y = x[begin - period + 1 + k : end - period + 1 + k]
            for i in range(m):
                sums[i] += y[i]
        to = o[begin:end]
        for i in range(m):
            to[i] = sums[i] / period
