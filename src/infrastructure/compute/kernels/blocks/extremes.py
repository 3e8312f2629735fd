"""The highest and lowest of windows, all windows of a chunk at once."""

from __future__ import annotations

import numpy as np

from traderbot.domain.strategies.indicators.memory import UNKNOWN
from traderbot.infrastructure.compute.arrays import FloatArray
from traderbot.infrastructure.compute.kernels.blocks.checks import CHUNK


def channel(
    high: FloatArray, low: FloatArray, period: int, tops: FloatArray, bottoms: FloatArray
) -> None:
    """Make the highest high and the lowest low of each window."""
    tops[: period - 1] = UNKNOWN
    bottoms[: period - 1] = UNKNOWN
    width = 1
    while 2 * width <= period:
        width *= 2
    rest = period - width
    room, other = np.empty(CHUNK + period), np.empty(CHUNK + period)
    for begin in range(period - 1, len(high), CHUNK):
        end = min(begin + CHUNK, len(high))
        top, bottom = tops[begin:end], bottoms[begin:end]
        widen(high[begin - period + 1 : end], width, room, other)
        for i in range(len(top)):
            far = room[i + rest]
            top[i] = room[i] if room[i] > far else far  # noqa: FURB136
        widen(low[begin - period + 1 : end], width, other, room)
        for i in range(len(bottom)):
            far = room[i + rest]
            bottom[i] = room[i] if room[i] < far else far  # noqa: FURB136


def widen(x: FloatArray, width: int, tops: FloatArray, bottoms: FloatArray) -> None:
    """Make the highest and lowest of each `width` values, a power of two, by doubling."""
    m = len(x)
    tops[:m] = x
    bottoms[:m] = x
    reach = 1
    while reach < width:
        m -= reach
        far_tops, far_bottoms = tops[reach : reach + m], bottoms[reach : reach + m]
        for i in range(m):
            tops[i] = tops[i] if tops[i] > far_tops[i] else far_tops[i]  # noqa: FURB136
        for i in range(m):
            bottoms[i] = bottoms[i] if bottoms[i] < far_bottoms[i] else far_bottoms[i]  # noqa: FURB136
        reach *= 2
