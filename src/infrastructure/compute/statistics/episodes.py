"""Times under water: from a peak of the equity down, and up to that height again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from traderbot.infrastructure.compute.arrays import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One of them. `peak` is the last bar at the height; `recovered` the first at it again.

    `recovered` is None while the equity is still below. `depth` is a fraction of the peak.
    """

    depth: float
    peak: int
    trough: int
    recovered: int | None


def episodes(equity: FloatArray) -> tuple[Episode, ...]:
    """Return every time under water, oldest first. The equity is above zero, of one bar or more."""
    # Each bar at or above all before it begins a new stretch; what lies between two is one fall.
    heights = np.flatnonzero(equity >= np.maximum.accumulate(equity))
    ends = np.append(heights[1:], equity.size)
    found = []
    for peak, end in zip(heights.tolist(), ends.tolist(), strict=True):
        if end == peak + 1:
            continue
        trough = peak + 1 + int(np.argmin(equity[peak + 1 : end]))
        found.append(
            Episode(
                depth=float(1.0 - equity[trough] / equity[peak]),
                peak=peak,
                trough=trough,
                recovered=end if end < equity.size else None,
            )
        )
    return tuple(found)


def deepest(falls: tuple[Episode, ...], count: int) -> tuple[Episode, ...]:
    """Return the deepest of them, deepest first, the older of equals first."""
    return tuple(sorted(falls, key=lambda fall: (-fall.depth, fall.peak))[:count])
