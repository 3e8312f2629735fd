"""The exponential average, four values at a time from anchor to anchor."""

from __future__ import annotations

from traderbot.domain.strategies.indicators.smoothing import (
    ANCHOR,
    ANCHOR_EVERY,
    KEEP,
    MISSING,
    NEW,
    ROOM,
    SMOOTHING_CELLS,
    smooth,
)
from traderbot.infrastructure.compute.arrays import FloatArray
from traderbot.infrastructure.compute.kernels.drivers import Cells


def smooth_all(s: Cells, at: int, x: FloatArray, o: FloatArray) -> None:
    """Make `smooth` of each value: four at a time from anchor to anchor, the others one by one."""
    i, m = 0, len(x)
    while i < m and not at_anchor(s, at):
        o[i] = smooth(s, at, x[i])
        i += 1
    new, keep, anchor = s[at + NEW], s[at + KEEP], s[at + ANCHOR]
    keep_2 = keep * keep
    keep_3 = keep_2 * keep
    keep_4 = keep_3 * keep
    whole = i + (m - i) // ANCHOR_EVERY * ANCHOR_EVERY
    xs, os = x[i:whole], o[i:whole]
    for j in range(0, len(xs), ANCHOR_EVERY):
        part_1 = new * xs[j]
        part_2 = keep * part_1 + new * xs[j + 1]
        part_3 = keep * part_2 + new * xs[j + 2]
        part_4 = keep * part_3 + new * xs[j + 3]
        os[j] = keep * anchor + part_1
        os[j + 1] = keep_2 * anchor + part_2
        os[j + 2] = keep_3 * anchor + part_3
        anchor = keep_4 * anchor + part_4
        os[j + 3] = anchor
    if whole > i:
        s[at + ANCHOR] = anchor
    for j in range(whole, m):
        o[j] = smooth(s, at, x[j])


def smooth_parts(s: Cells, at: int, x: FloatArray, o: FloatArray) -> None:
    """Make `smooth` of values already multiplied by NEW, from an anchor to an anchor."""
    keep, anchor = s[at + KEEP], s[at + ANCHOR]
    keep_2 = keep * keep
    keep_3 = keep_2 * keep
    keep_4 = keep_3 * keep
    for j in range(0, len(x), ANCHOR_EVERY):
        part_2 = keep * x[j] + x[j + 1]
        part_3 = keep * part_2 + x[j + 2]
        part_4 = keep * part_3 + x[j + 3]
        o[j] = keep * anchor + x[j]
        o[j + 1] = keep_2 * anchor + part_2
        o[j + 2] = keep_3 * anchor + part_3
        anchor = keep_4 * anchor + part_4
        o[j + 3] = anchor
    s[at + ANCHOR] = anchor


def smooth_pairs(s: Cells, at: int, v: FloatArray, m: int) -> None:
    """Make two averages, of the values at even places and of those at odd ones, in place.

    Side by side in memory, both go through one instruction.
    """
    other = at + SMOOTHING_CELLS
    i = 0
    while i < m and not at_anchor(s, at):
        v[2 * i] = smooth(s, at, v[2 * i])
        v[2 * i + 1] = smooth(s, other, v[2 * i + 1])
        i += 1
    new, keep = s[at + NEW], s[at + KEEP]
    p, q = s[at + ANCHOR], s[other + ANCHOR]
    keep_2 = keep * keep
    keep_3 = keep_2 * keep
    keep_4 = keep_3 * keep
    whole = i + (m - i) // ANCHOR_EVERY * ANCHOR_EVERY
    w = v[2 * i : 2 * whole]
    for j in range(0, len(w), 2 * ANCHOR_EVERY):
        p_1 = new * w[j]
        q_1 = new * w[j + 1]
        w[j] = keep * p + p_1
        w[j + 1] = keep * q + q_1
        p_2 = keep * p_1 + new * w[j + 2]
        q_2 = keep * q_1 + new * w[j + 3]
        w[j + 2] = keep_2 * p + p_2
        w[j + 3] = keep_2 * q + q_2
        p_3 = keep * p_2 + new * w[j + 4]
        q_3 = keep * q_2 + new * w[j + 5]
        w[j + 4] = keep_3 * p + p_3
        w[j + 5] = keep_3 * q + q_3
        p_4 = keep * p_3 + new * w[j + 6]
        q_4 = keep * q_3 + new * w[j + 7]
        p = keep_4 * p + p_4
        q = keep_4 * q + q_4
        w[j + 6] = p
        w[j + 7] = q
    if whole > i:
        s[at + ANCHOR], s[other + ANCHOR] = p, q
    for j in range(whole, m):
        v[2 * j] = smooth(s, at, v[2 * j])
        v[2 * j + 1] = smooth(s, other, v[2 * j + 1])


def at_anchor(s: Cells, at: int) -> bool:
    """Whether the next four values end at an anchor."""
    begun: bool = s[at + MISSING] == 0.0
    return begun and s[at + ROOM] == ANCHOR_EVERY
