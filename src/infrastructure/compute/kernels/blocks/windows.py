"""SMA, deviations and Bollinger without gaps: four stretches of 1,024 bars side by side."""

from __future__ import annotations

import math

import numpy as np

from traderbot.domain.strategies.indicators.memory import UNKNOWN
from traderbot.domain.strategies.indicators.windows import (
    DEVIATION_HEAD,
    RESTART_EVERY,
    SIZE,
    SUM_HEAD,
)
from traderbot.infrastructure.compute.arrays import FloatArray
from traderbot.infrastructure.compute.kernels.blocks.checks import odd_values


def sma_blocks(memories: FloatArray, closes: FloatArray, out: FloatArray) -> bool:
    """Arrange `sma`."""
    odd = 0
    for row in range(len(memories)):
        x = closes[row % len(closes)]
        period = int(memories[row, 1 + SUM_HEAD + SIZE])
        odd += sums(x, period, 1.0 / period, out[row, 0])
    return odd == 0


def bollinger_blocks(memories: FloatArray, closes: FloatArray, out: FloatArray) -> bool:
    """Arrange `bollinger`."""
    odd = 0
    for row in range(len(memories)):
        s, x = memories[row], closes[row % len(closes)]
        period = int(s[4 + DEVIATION_HEAD + SIZE])
        share, multiplier = 1.0 / period, s[3]
        begin = 0
        while begin < len(x):
            end = _stretch(x, begin, period)
            upper, middle, lower = (
                out[row, 0, begin:end],
                out[row, 1, begin:end],
                out[row, 2, begin:end],
            )
            odd += _all_deviations(x, begin, end, period, middle, upper)
            for i in range(len(upper)):
                squares = 0.0 if upper[i] <= 0.0 else upper[i]  # noqa: FURB136
                width = multiplier * math.sqrt(squares * share)
                upper[i] = middle[i] + width
                lower[i] = middle[i] - width
            begin = end
    return odd == 0


def standard_deviation_blocks(memories: FloatArray, closes: FloatArray, out: FloatArray) -> bool:
    """Arrange `standard_deviation`."""
    odd = 0
    for row in range(len(memories)):
        s, x = memories[row], closes[row % len(closes)]
        period = int(s[1 + DEVIATION_HEAD + SIZE])
        share = 1.0 / period
        means = np.empty(4 * RESTART_EVERY + period)
        begin = 0
        while begin < len(x):
            end = _stretch(x, begin, period)
            o = out[row, 0, begin:end]
            odd += _all_deviations(x, begin, end, period, means[: end - begin], o)
            for i in range(len(o)):
                squares = 0.0 if o[i] <= 0.0 else o[i]  # noqa: FURB136
                o[i] = math.sqrt(squares * share)
            begin = end
    return odd == 0


def zscore_blocks(memories: FloatArray, closes: FloatArray, out: FloatArray) -> bool:
    """Arrange `zscore`."""
    odd = 0
    for row in range(len(memories)):
        s, x = memories[row], closes[row % len(closes)]
        period = int(s[1 + DEVIATION_HEAD + SIZE])
        share = 1.0 / period
        means = np.empty(4 * RESTART_EVERY + period)
        begin = 0
        while begin < len(x):
            end = _stretch(x, begin, period)
            o, y = out[row, 0, begin:end], x[begin:end]
            odd += _all_deviations(x, begin, end, period, means[: end - begin], o)
            for i in range(len(o)):
                squares = 0.0 if o[i] <= 0.0 else o[i]  # noqa: FURB136
                width = math.sqrt(squares * share)
                score = (y[i] - means[i]) / width
                o[i] = 0.0 if width <= 0.0 else score
            begin = end
    return odd == 0


def _stretch(x: FloatArray, begin: int, period: int) -> int:
    """Return where the next stretch ends: the unknown bars, four times 1,024, or 1,024."""
    if begin == 0 and period > 1:
        return min(period - 1, len(x))
    end = begin + 4 * RESTART_EVERY
    if end <= len(x) and not _has_flat(x, begin, end, period):
        return end
    return min(begin + RESTART_EVERY, len(x))


def _all_deviations(  # noqa: PLR0917 - a stretch and where it goes
    x: FloatArray, begin: int, end: int, period: int, means: FloatArray, squares: FloatArray
) -> int:
    """Make mean and squares of each window of a stretch; return how many values are odd."""
    if end < period:
        means[:] = UNKNOWN
        squares[:] = UNKNOWN
    elif end - begin == 4 * RESTART_EVERY:
        _four_deviations(x[begin - period + 1 : end], period, means, squares)
    else:
        _deviations(x, begin, period, means, squares)
    return odd_values(x[begin:end])


def sums(x: FloatArray, period: int, factor: float, o: FloatArray) -> int:
    """Make factor * sum of each window, four stretches of 1,024 bars at a time; count odd ones."""
    o[: period - 1] = UNKNOWN
    odd = odd_values(x[: period - 1])
    n = RESTART_EVERY
    begin = period - 1
    while begin + 4 * n <= len(x):
        odd += odd_values(x[begin : begin + 4 * n])
        _four_sums(x[begin - period + 1 : begin + 4 * n], period, factor, o[begin : begin + 4 * n])
        begin += 4 * n
    while begin < len(x):
        end = min(begin + n, len(x))
        odd += odd_values(x[begin:end])
        total = 0.0
        for k in range(begin - period + 1, begin + 1):
            total += x[k]
        o[begin] = factor * total
        new, old, to = x[begin + 1 : end], x[begin + 1 - period : end - period], o[begin + 1 : end]
        for k in range(len(new)):
            total += new[k] - old[k]
            to[k] = factor * total
        begin = end
    return odd


def _four_sums(x: FloatArray, period: int, factor: float, o: FloatArray) -> None:
    n, r = RESTART_EVERY, RESTART_EVERY - 1
    a = b = c = d = 0.0
    for k in range(period):
        a += x[k]
        b += x[k + n]
        c += x[k + 2 * n]
        d += x[k + 3 * n]
    o[0], o[n], o[2 * n], o[3 * n] = factor * a, factor * b, factor * c, factor * d
    a_old, b_old, c_old, d_old = x[:r], x[n : n + r], x[2 * n : 2 * n + r], x[3 * n : 3 * n + r]
    y = x[period:]
    a_new, b_new, c_new, d_new = y[:r], y[n : n + r], y[2 * n : 2 * n + r], y[3 * n : 3 * n + r]
    z = o[1:]
    a_to, b_to, c_to, d_to = z[:r], z[n : n + r], z[2 * n : 2 * n + r], z[3 * n : 3 * n + r]
    for k in range(r):
        a += a_new[k] - a_old[k]
        b += b_new[k] - b_old[k]
        c += c_new[k] - c_old[k]
        d += d_new[k] - d_old[k]
        a_to[k] = factor * a
        b_to[k] = factor * b
        c_to[k] = factor * c
        d_to[k] = factor * d


def _deviations(
    x: FloatArray, begin: int, period: int, means: FloatArray, squares: FloatArray
) -> None:
    """Make mean and squares of each window from `begin` on."""
    share = 1.0 / period
    total = 0.0
    for k in range(begin - period + 1, begin + 1):
        total += x[k]
    mean, rest = total * share, 0.0
    for k in range(begin - period + 1, begin + 1):
        rest += (x[k] - mean) * (x[k] - mean)
    last, alike = x[begin], 1
    while alike < period and x[begin - alike] == last:
        alike += 1
    if alike >= period:
        mean, rest = last, 0.0
    means[0], squares[0] = mean, rest
    m = len(means) - 1
    new, old = x[begin + 1 : begin + 1 + m], x[begin + 1 - period : begin + 1 - period + m]
    to_mean, to_squares = means[1:], squares[1:]
    for k in range(m):
        value = new[k]
        change = value - old[k]
        moved = mean + change * share
        rest += change * ((value - moved) + (old[k] - mean))
        alike = alike + 1 if value == last else 1
        last = value
        flat = alike >= period
        mean = value if flat else moved
        rest = 0.0 if flat else rest
        to_mean[k] = mean
        to_squares[k] = rest


def _has_flat(x: FloatArray, begin: int, end: int, period: int) -> bool:
    """Whether a window that ends from `begin` on, before `end`, has equal values only.

    Such a window has period - 1 equal neighbours in a row, so it is enough to look at every
    (period - 1)th pair, and around it if it is equal.
    """
    if period == 1:
        return True
    first = begin - period + 1
    for i in range(first + 1, end, period - 1):
        if x[i] == x[i - 1]:
            low, high = i - 1, i
            while low > first and x[low - 1] == x[i]:
                low -= 1
            while high + 1 < end and x[high + 1] == x[i]:
                high += 1
            if high - low + 1 >= period:
                return True
    return False


def _four_deviations(x: FloatArray, period: int, means: FloatArray, squares: FloatArray) -> None:
    """Make mean and squares of each window of four stretches side by side; none of it is flat."""
    n, r = RESTART_EVERY, RESTART_EVERY - 1
    share = 1.0 / period
    a = b = c = d = 0.0
    for k in range(period):
        a += x[k]
        b += x[k + n]
        c += x[k + 2 * n]
        d += x[k + 3 * n]
    a, b, c, d = a * share, b * share, c * share, d * share
    a_rest = b_rest = c_rest = d_rest = 0.0
    for k in range(period):
        a_rest += (x[k] - a) * (x[k] - a)
        b_rest += (x[k + n] - b) * (x[k + n] - b)
        c_rest += (x[k + 2 * n] - c) * (x[k + 2 * n] - c)
        d_rest += (x[k + 3 * n] - d) * (x[k + 3 * n] - d)
    means[0], means[n], means[2 * n], means[3 * n] = a, b, c, d
    squares[0], squares[n], squares[2 * n], squares[3 * n] = a_rest, b_rest, c_rest, d_rest
    a_old, b_old, c_old, d_old = x[:r], x[n : n + r], x[2 * n : 2 * n + r], x[3 * n : 3 * n + r]
    y = x[period:]
    a_new, b_new, c_new, d_new = y[:r], y[n : n + r], y[2 * n : 2 * n + r], y[3 * n : 3 * n + r]
    z = means[1:]
    a_mean, b_mean, c_mean, d_mean = z[:r], z[n : n + r], z[2 * n : 2 * n + r], z[3 * n : 3 * n + r]
    z = squares[1:]
    a_to, b_to, c_to, d_to = z[:r], z[n : n + r], z[2 * n : 2 * n + r], z[3 * n : 3 * n + r]
    for k in range(r):
        change = a_new[k] - a_old[k]
        moved = a + change * share
        a_rest += change * ((a_new[k] - moved) + (a_old[k] - a))
        a = moved
        a_mean[k], a_to[k] = a, a_rest
        change = b_new[k] - b_old[k]
        moved = b + change * share
        b_rest += change * ((b_new[k] - moved) + (b_old[k] - b))
        b = moved
        b_mean[k], b_to[k] = b, b_rest
        change = c_new[k] - c_old[k]
        moved = c + change * share
        c_rest += change * ((c_new[k] - moved) + (c_old[k] - c))
        c = moved
        c_mean[k], c_to[k] = c, c_rest
        change = d_new[k] - d_old[k]
        moved = d + change * share
        d_rest += change * ((d_new[k] - moved) + (d_old[k] - d))
        d = moved
        d_mean[k], d_to[k] = d, d_rest
