"""The exponential average, of an EMA and of Wilder: one recurrence, anchored every four values.

The plain recurrence, y' = keep * y + new * x, waits for its own last result at every value. Here
every fourth value, counted from the first of the series, and the first average are anchors, and the
values after one are summed beside it:

    part    = new * x                  weight = keep               right after an anchor
    part    = keep * part + new * x    weight = weight * keep      after that
    average = weight * anchor + part

It is the same average, and four values depend on one another only once. The first average is the
mean of the first `period` values: their sum from the oldest to the newest, divided once.

Source:
    Wilder, "New Concepts in Technical Trading Systems", 1978 (new = 1 / period); the EMA takes
    new = 2 / (period + 1).
"""

from __future__ import annotations

from traderbot.domain.strategies.indicators.memory import UNKNOWN, Memory

ANCHOR_EVERY = 4
SMOOTHING_CELLS = 8
# MISSING: values until the first average. ROOM: values until the next anchor.
# WEIGHT: of the anchor; 1 right after it.
MISSING, ROOM, PERIOD, NEW, KEEP, ANCHOR, PART, WEIGHT = range(SMOOTHING_CELLS)


def exponential(period: int, before: int = 0) -> Memory:
    """Return the cells of an EMA that gets its first value after so many bars of the series."""
    cells = _smoothing(period, 2.0 / (period + 1.0))
    cells[ROOM] = float(ANCHOR_EVERY - before % ANCHOR_EVERY)
    return cells


def wilder(period: int, seeds: int | None = None) -> Memory:
    """Return the cells of Wilder's average; its first is the mean of `seeds` values, or `period`.

    With one seed the recursion begins at the first value, and every further one is smoothed in.
    """
    return _smoothing(period if seeds is None else seeds, 1.0 / period)


def smooth(s: Memory, at: int, value: float) -> float:
    """Return the average with `value` in it; unknown before `period` values were seen."""
    room = s[at + ROOM]
    s[at + ROOM] = room - 1.0 if room > 1.0 else ANCHOR_EVERY
    if s[at + MISSING] > 0.0:
        s[at + MISSING] -= 1.0
        s[at + ANCHOR] += value
        if s[at + MISSING] > 0.0:
            return UNKNOWN
        s[at + ANCHOR] /= s[at + PERIOD]
        return s[at + ANCHOR]
    keep, weight = s[at + KEEP], s[at + WEIGHT]
    part = s[at + NEW] * value
    if weight != 1.0:
        part = keep * s[at + PART] + part
    weight *= keep
    average = weight * s[at + ANCHOR] + part
    if room > 1.0:
        s[at + PART], s[at + WEIGHT] = part, weight
    else:
        s[at + ANCHOR], s[at + WEIGHT] = average, 1.0
    return average


def _smoothing(period: int, new: float) -> Memory:
    cells = [0.0] * SMOOTHING_CELLS
    cells[MISSING], cells[PERIOD], cells[ROOM] = float(period), float(period), float(ANCHOR_EVERY)
    cells[NEW], cells[KEEP], cells[WEIGHT] = new, 1.0 - new, 1.0
    return cells
