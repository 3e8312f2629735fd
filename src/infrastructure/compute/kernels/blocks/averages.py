"""EMA, MACD and rates of change without gaps."""

from __future__ import annotations

from traderbot.domain.strategies.indicators.averages import macd_step
from traderbot.domain.strategies.indicators.memory import UNKNOWN
from traderbot.domain.strategies.indicators.smoothing import (
    ANCHOR,
    ANCHOR_EVERY,
    KEEP,
    NEW,
    SMOOTHING_CELLS,
)
from traderbot.domain.strategies.indicators.windows import SIZE
from traderbot.infrastructure.compute.arrays import FloatArray
from traderbot.infrastructure.compute.kernels.blocks.checks import CHUNK, odd_values
from traderbot.infrastructure.compute.kernels.blocks.smoothing import at_anchor, smooth_all
from traderbot.infrastructure.compute.kernels.drivers import Cells


def ema_blocks(memories: FloatArray, closes: FloatArray, out: FloatArray) -> bool:
    """Arrange `ema`."""
    odd = 0
    for row in range(len(memories)):
        x = closes[row % len(closes)]
        for begin in range(0, len(x), CHUNK):
            end = min(begin + CHUNK, len(x))
            odd += odd_values(x[begin:end])
            smooth_all(memories[row], 1, x[begin:end], out[row, 0, begin:end])
    return odd == 0


def roc_blocks(memories: FloatArray, closes: FloatArray, out: FloatArray) -> bool:
    """Arrange `roc`."""
    odd = 0
    for row in range(len(memories)):
        x = closes[row % len(closes)]
        period = int(memories[row, 1 + SIZE])
        odd += odd_values(x)
        out[row, 0, :period] = UNKNOWN
        new, old, o = x[period:], x[: len(x) - period], out[row, 0, period:]
        for i in range(len(new)):
            change = 100.0 * (new[i] / old[i] - 1.0)
            o[i] = 0.0 if old[i] == 0.0 else change
    return odd == 0


def macd_blocks(memories: FloatArray, closes: FloatArray, out: FloatArray) -> bool:
    """Arrange `macd`."""
    odd = 0
    for row in range(len(memories)):
        s, x = memories[row], closes[row % len(closes)]
        for begin in range(0, len(x), CHUNK):
            end = min(begin + CHUNK, len(x))
            odd += odd_values(x[begin:end])
            line, signal = out[row, 0, begin:end], out[row, 1, begin:end]
            _macd_lines(s, x[begin:end], line, signal)
            rest = out[row, 2, begin:end]
            for i in range(len(rest)):
                rest[i] = line[i] - signal[i]
    return odd == 0


def _macd_lines(s: Cells, x: FloatArray, line: FloatArray, signal: FloatArray) -> None:
    """Make the line of `macd` and its signal: three averages, four values of each at a time."""
    slow_at, signal_at = 3 + SMOOTHING_CELLS, 3 + 2 * SMOOTHING_CELLS
    i, m = 0, len(x)
    while i < m and not at_anchor(s, signal_at):
        _macd_one(s, x, line, signal, i)
        i += 1
    whole = i + (m - i) // ANCHOR_EVERY * ANCHOR_EVERY
    f_new, f_keep, f = s[3 + NEW], s[3 + KEEP], s[3 + ANCHOR]
    s_new, s_keep, w = s[slow_at + NEW], s[slow_at + KEEP], s[slow_at + ANCHOR]
    g_new, g_keep, g = s[signal_at + NEW], s[signal_at + KEEP], s[signal_at + ANCHOR]
    f_keep_2, s_keep_2, g_keep_2 = f_keep * f_keep, s_keep * s_keep, g_keep * g_keep
    f_keep_3, s_keep_3, g_keep_3 = f_keep_2 * f_keep, s_keep_2 * s_keep, g_keep_2 * g_keep
    f_keep_4, s_keep_4, g_keep_4 = f_keep_3 * f_keep, s_keep_3 * s_keep, g_keep_3 * g_keep
    xs, ls, gs = x[i:whole], line[i:whole], signal[i:whole]
    for j in range(0, len(xs), ANCHOR_EVERY):
        x_1, x_2, x_3, x_4 = xs[j], xs[j + 1], xs[j + 2], xs[j + 3]
        f_1 = f_new * x_1
        s_1 = s_new * x_1
        f_2 = f_keep * f_1 + f_new * x_2
        s_2 = s_keep * s_1 + s_new * x_2
        f_3 = f_keep * f_2 + f_new * x_3
        s_3 = s_keep * s_2 + s_new * x_3
        f_4 = f_keep * f_3 + f_new * x_4
        s_4 = s_keep * s_3 + s_new * x_4
        l_1 = (f_keep * f + f_1) - (s_keep * w + s_1)
        l_2 = (f_keep_2 * f + f_2) - (s_keep_2 * w + s_2)
        l_3 = (f_keep_3 * f + f_3) - (s_keep_3 * w + s_3)
        f = f_keep_4 * f + f_4
        w = s_keep_4 * w + s_4
        l_4 = f - w
        g_1 = g_new * l_1
        g_2 = g_keep * g_1 + g_new * l_2
        g_3 = g_keep * g_2 + g_new * l_3
        g_4 = g_keep * g_3 + g_new * l_4
        ls[j], ls[j + 1], ls[j + 2], ls[j + 3] = l_1, l_2, l_3, l_4
        gs[j] = g_keep * g + g_1
        gs[j + 1] = g_keep_2 * g + g_2
        gs[j + 2] = g_keep_3 * g + g_3
        g = g_keep_4 * g + g_4
        gs[j + 3] = g
    if whole > i:
        s[3 + ANCHOR], s[slow_at + ANCHOR], s[signal_at + ANCHOR] = f, w, g
    for j in range(whole, m):
        _macd_one(s, x, line, signal, j)


def _macd_one(s: Cells, x: FloatArray, line: FloatArray, signal: FloatArray, i: int) -> None:
    s[1] = UNKNOWN
    macd_step(s, x[i])
    line[i], signal[i] = s[0], s[1]
