"""The last `period` values, and what is said of them: sums, extremes, means, deviations.

A window is a ring. Sums that slide from bar to bar gather rounding errors, so they are made afresh,
from the oldest value to the newest, for the first full window and for every 1,024th after it. What
a sliding sum would spoil (a sum that must come back to exactly zero) is made afresh every time.
"""

from __future__ import annotations

from traderbot.domain.strategies.indicators.memory import UNKNOWN, Memory

RESTART_EVERY = 1024

# A ring: how many values are there, where the oldest is (and the next goes), how many fit.
RING_HEAD = 3
COUNT, OLDEST, SIZE = range(RING_HEAD)
# A sum: bars since it was made afresh, the sum, the weighted sum; then its ring.
SUM_HEAD = 3
SINCE, SUM, WEIGHTED = range(SUM_HEAD)
# A deviation: bars since it was made afresh, mean, squares, the last value, how often in a row.
DEVIATION_HEAD = 5
MEAN, SQUARES, LAST, ALIKE = range(1, DEVIATION_HEAD)
# An extreme: its value, how many bars ago it was; then its ring.
EXTREME_HEAD = 2
EXTREME, AGE = range(EXTREME_HEAD)


def ring(period: int) -> Memory:
    """Return the cells of an empty window."""
    return [0.0, 0.0, float(period), *[0.0] * period]


def ring_cells(s: Memory, at: int) -> int:
    """Return how many cells the window there takes."""
    return RING_HEAD + int(s[at + SIZE])


def full(s: Memory, at: int) -> bool:
    """Whether the window has all its values."""
    return s[at + COUNT] == s[at + SIZE]


def push(s: Memory, at: int, value: float) -> float:
    """Put a value in, and return the one that had to leave; 0 while there was room."""
    place = at + RING_HEAD + int(s[at + OLDEST])
    leaving = s[place]
    s[place] = value
    following = s[at + OLDEST] + 1.0
    s[at + OLDEST] = 0.0 if following == s[at + SIZE] else following
    if s[at + COUNT] < s[at + SIZE]:
        s[at + COUNT] += 1.0
    return leaving


def total(s: Memory, at: int) -> float:
    """Return the sum of a full window, from the oldest value to the newest."""
    first = at + RING_HEAD
    oldest = first + int(s[at + OLDEST])
    result = 0.0
    for k in range(oldest, first + int(s[at + SIZE])):
        result += s[k]
    for k in range(first, oldest):
        result += s[k]
    return result


def sliding_sum(period: int) -> Memory:
    """Return the cells of a sum over a window."""
    return [0.0] * SUM_HEAD + ring(period)


def slide_sum(s: Memory, at: int, value: float) -> float:
    """Return the sum of the window with `value` in it; unknown before it is full.

    Made afresh, or else: sum + (value - leaving).
    """
    window = at + SUM_HEAD
    leaving = push(s, window, value)
    if not full(s, window):
        return UNKNOWN
    if s[at + SINCE] == 0.0:
        s[at + SUM] = total(s, window)
    else:
        s[at + SUM] += value - leaving
    _count_up(s, at)
    return s[at + SUM]


def slide_weighted(s: Memory, at: int, value: float) -> float:
    """Return 1 * oldest + 2 * next + … + period * newest; unknown before the window is full.

    Made afresh from the oldest on, or else: weighted + (period * value - sum before).
    """
    window = at + SUM_HEAD
    leaving = push(s, window, value)
    if not full(s, window):
        return UNKNOWN
    if s[at + SINCE] == 0.0:
        s[at + SUM] = total(s, window)
        s[at + WEIGHTED] = _weighted(s, window)
    else:
        s[at + WEIGHTED] += s[window + SIZE] * value - s[at + SUM]
        s[at + SUM] += value - leaving
    _count_up(s, at)
    return s[at + WEIGHTED]


def deviation(period: int) -> Memory:
    """Return the cells of a mean and of the squared distances from it."""
    return [0.0] * DEVIATION_HEAD + ring(period)


def slide_deviation(s: Memory, at: int, value: float) -> bool:
    """Bring MEAN and SQUARES up to date, and return whether the window is full.

    Made afresh: the mean is sum * (1 / period), the squares are summed from the oldest on. Else:

        change   = value - leaving
        mean'    = mean + change * (1 / period)
        squares' = squares + change * ((value - mean') + (leaving - mean))

    A window of equal values has that value as its mean and no deviation at all, exactly.
    """
    window = at + DEVIATION_HEAD
    leaving = push(s, window, value)
    s[at + ALIKE] = s[at + ALIKE] + 1.0 if value == s[at + LAST] else 1.0
    s[at + LAST] = value
    if not full(s, window):
        return False
    share = 1.0 / s[window + SIZE]
    if s[at + SINCE] == 0.0:
        s[at + MEAN] = total(s, window) * share
        s[at + SQUARES] = _squares(s, window, s[at + MEAN])
    else:
        change = value - leaving
        mean = s[at + MEAN] + change * share
        s[at + SQUARES] += change * ((value - mean) + (leaving - s[at + MEAN]))
        s[at + MEAN] = mean
    if s[at + ALIKE] >= s[window + SIZE]:
        s[at + MEAN] = value
        s[at + SQUARES] = 0.0
    _count_up(s, at)
    return True


def extreme(period: int) -> Memory:
    """Return the cells of a highest or lowest value."""
    return [0.0] * EXTREME_HEAD + ring(period)


def extreme_cells(s: Memory, at: int) -> int:
    """Return how many cells the extreme there takes."""
    return EXTREME_HEAD + ring_cells(s, at + EXTREME_HEAD)


def highest(s: Memory, at: int, value: float) -> float:
    """Return the highest value of the window; unknown before it is full."""
    window = at + EXTREME_HEAD
    empty = s[window + COUNT] == 0.0
    push(s, window, value)
    s[at + AGE] += 1.0
    if empty or value >= s[at + EXTREME]:
        s[at + EXTREME] = value
        s[at + AGE] = 0.0
    elif s[at + AGE] >= s[window + SIZE]:
        _find(s, at, sign=1.0)
    return s[at + EXTREME] if full(s, window) else UNKNOWN


def lowest(s: Memory, at: int, value: float) -> float:
    """Return the lowest value of the window; unknown before it is full."""
    window = at + EXTREME_HEAD
    empty = s[window + COUNT] == 0.0
    push(s, window, value)
    s[at + AGE] += 1.0
    if empty or value <= s[at + EXTREME]:
        s[at + EXTREME] = value
        s[at + AGE] = 0.0
    elif s[at + AGE] >= s[window + SIZE]:
        _find(s, at, sign=-1.0)
    return s[at + EXTREME] if full(s, window) else UNKNOWN


def _find(s: Memory, at: int, sign: float) -> None:
    """Look for the extreme of a full window again; of equal values the newest."""
    window = at + EXTREME_HEAD
    first, size = window + RING_HEAD, int(s[window + SIZE])
    place = int(s[window + OLDEST])
    best, age = s[first + place], size - 1
    for k in range(1, size):
        place = 0 if place + 1 == size else place + 1
        if sign * s[first + place] >= sign * best:
            best, age = s[first + place], size - 1 - k
    s[at + EXTREME] = best
    s[at + AGE] = float(age)


def _count_up(s: Memory, at: int) -> None:
    s[at + SINCE] = 0.0 if s[at + SINCE] + 1.0 == RESTART_EVERY else s[at + SINCE] + 1.0


def _weighted(s: Memory, at: int) -> float:
    first = at + RING_HEAD
    oldest, weight, result = first + int(s[at + OLDEST]), 1.0, 0.0
    for k in range(oldest, first + int(s[at + SIZE])):
        result += weight * s[k]
        weight += 1.0
    for k in range(first, oldest):
        result += weight * s[k]
        weight += 1.0
    return result


def _squares(s: Memory, at: int, mean: float) -> float:
    first = at + RING_HEAD
    oldest, result = first + int(s[at + OLDEST]), 0.0
    for k in range(oldest, first + int(s[at + SIZE])):
        result += (s[k] - mean) * (s[k] - mean)
    for k in range(first, oldest):
        result += (s[k] - mean) * (s[k] - mean)
    return result
