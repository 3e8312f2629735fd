"""Where a strategy wishes something: the bars with a signal, and those where an RSI crosses.

A chunk of bars becomes a byte each, in one pass without branches; then eight bytes are looked at
together, since most bars wish nothing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from traderbot.infrastructure.compute.arrays import FloatArray
from traderbot.infrastructure.compute.kernels.blocks.momentum import _wilder_row
from traderbot.infrastructure.compute.kernels.trading.settling import Bars

Signals = npt.NDArray[np.int8]
_CHUNK = 1024
_STRIDE = 4096  # a multiple of the anchors' distance


def split(signals: Signals, buys: Bars, sells: Bars) -> tuple[int, int]:
    """List the bars above and below zero; return how many of each there are."""
    flags = np.empty(_CHUNK, np.uint8)
    words = flags.view(np.uint64)
    n = m = 0
    for begin in range(0, len(signals), _CHUNK):
        end = min(begin + _CHUNK, len(signals))
        chunk = signals[begin:end]
        for k in range(end - begin):
            flags[k] = chunk[k] != 0
        flags[end - begin :] = 0
        for w in range((end - begin + 7) // 8):
            if words[w] == 0:
                continue
            for k in range(8 * w, 8 * w + 8):
                if flags[k] == 0:
                    continue
                if chunk[k] > 0:
                    buys[n] = begin + k
                    n += 1
                else:
                    sells[m] = begin + k
                    m += 1
    return n, m


def rises(strengths: FloatArray, level: float, first: int, bars: Bars) -> int:
    """List the bars from `first` on where what was below a level is at or above it."""
    flags = np.empty(_CHUNK, np.uint8)
    words = flags.view(np.uint64)
    n = 0
    for begin in range(first, len(strengths), _CHUNK):
        end = min(begin + _CHUNK, len(strengths))
        was, now = strengths[begin - 1 : end - 1], strengths[begin:end]
        for k in range(end - begin):
            flags[k] = (was[k] < level) & (now[k] >= level)
        flags[end - begin :] = 0
        n = _listed(flags, words, begin, end, bars, n)
    return n


def falls(strengths: FloatArray, level: float, first: int, bars: Bars) -> int:
    """List the bars from `first` on where what was above a level is at or below it."""
    flags = np.empty(_CHUNK, np.uint8)
    words = flags.view(np.uint64)
    n = 0
    for begin in range(first, len(strengths), _CHUNK):
        end = min(begin + _CHUNK, len(strengths))
        was, now = strengths[begin - 1 : end - 1], strengths[begin:end]
        for k in range(end - begin):
            flags[k] = (was[k] > level) & (now[k] <= level)
        flags[end - begin :] = 0
        n = _listed(flags, words, begin, end, bars, n)
    return n


def _listed(  # noqa: PLR0917 - a chunk and where it goes
    flags: npt.NDArray[np.uint8],
    words: npt.NDArray[np.uint64],
    begin: int,
    end: int,
    bars: Bars,
    n: int,
) -> int:
    for w in range((end - begin + 7) // 8):
        if words[w] == 0:
            continue
        for k in range(8 * w, 8 * w + 8):
            if flags[k] != 0:
                bars[n] = begin + k
                n += 1
    return n


def crossings(  # noqa: PLR0917 - arrays of a compiled loop
    memory: FloatArray, levels: FloatArray, first: int, closes: FloatArray, buys: Bars, sells: Bars
) -> tuple[int, int]:
    """List where an RSI rises over the first level and where it falls below the second.

    Args:
        memory: the cells of `rsi`, Wilder's, as they are before the first bar.
        levels: lower and upper.
        first: the first bar that may wish something.
        closes: of every bar.
        buys: filled.
        sells: filled.

    Returns:
        How many of each; -1 and -1 if the closes have a gap or a value beyond what is allowed.
    """
    low, high = levels[0], levels[1]
    s = memory.copy()
    strengths = np.empty(_STRIDE + 1)
    n = m = odd = 0
    last = np.nan
    for begin in range(1, len(closes), _STRIDE):
        end = min(begin + _STRIDE, len(closes))
        part = strengths[: end - begin + 1]
        odd += _wilder_row(s, 2, closes[begin - 1 : end], part)
        part[0] = last
        last = part[-1]
        begun = max(first - begin + 1, 1)
        k = rises(part, low, begun, buys[n:])
        n += k
        for i in range(n - k, n):
            buys[i] += begin - 1
        k = falls(part, high, begun, sells[m:])
        m += k
        for i in range(m - k, m):
            sells[i] += begin - 1
    return (n, m) if odd == 0 else (-1, -1)
