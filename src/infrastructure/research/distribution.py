"""Where one figure lies among many that chance made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from traderbot.infrastructure.compute.arrays import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A figure, and what chance made of it. Quantiles are figures that occurred: none is between.

    Attributes:
        observed: of the run itself.
        lowest, low, middle, high, highest: of all runs of chance; low and high leave 5 % outside.
        at_least: the share of them, the run itself counted, that were as high or higher.
    """

    observed: float
    lowest: float
    low: float
    middle: float
    high: float
    highest: float
    at_least: float


def spread_of(observed: float, made: FloatArray) -> Spread:
    """Return where a figure lies among one or more that chance made.

    Source:
        A. C. Davison and D. V. Hinkley, "Bootstrap Methods and their Application", 1997, chapter
        4: the run itself is counted, so that no chance is ever found to be 0.
    """
    ordered = np.sort(made)
    last = ordered.size - 1

    def at(share: float) -> float:
        return float(ordered[min(int(share * ordered.size), last)])

    return Spread(
        observed=observed,
        lowest=float(ordered[0]),
        low=at(0.05),
        middle=at(0.5),
        high=at(0.95),
        highest=float(ordered[-1]),
        at_least=(1 + int(np.count_nonzero(made >= observed))) / (1 + made.size),
    )
