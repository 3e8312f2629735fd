"""How far and how long the equity was below its own height."""

from __future__ import annotations

from math import fsum, sqrt

import numpy as np

from traderbot.infrastructure.compute.statistics.episodes import Episode, deepest
from traderbot.infrastructure.compute.statistics.moments import mean
from traderbot.infrastructure.compute.statistics.sample import DAY, Sample
from traderbot.infrastructure.compute.statistics.statistic import Unit, statistic

_INSOLVENT = "the equity reached zero"
_NEVER_FELL = "the equity reached zero, or never fell"


@statistic("Maximum drawdown", Unit.SHARE, undefined=_INSOLVENT)
def max_drawdown(sample: Sample) -> float | None:
    """Return the deepest fall from a running peak, as a share of that peak.

    Formula:
        max(1 - E / running max of E)

    Source:
        M. Magdon-Ismail and A. Atiya, "Maximum Drawdown", Risk 17(10), 2004
    """
    return None if sample.falls is None else float(sample.falls.max())


@statistic("Average drawdown", Unit.SHARE, undefined=_NEVER_FELL)
def average_drawdown(sample: Sample) -> float | None:
    """Return the average depth of all the times under water.

    Formula:
        mean of the depths

    Source:
        M. Eling and F. Schuhmacher, "Does the choice of performance measure influence the
        evaluation of hedge funds?", Journal of Banking and Finance 31(9), 2007
    """
    falls = sample.episodes
    return fsum(fall.depth for fall in falls) / len(falls) if falls else None


@statistic("Longest drawdown", Unit.DAYS, undefined=_NEVER_FELL)
def longest_drawdown(sample: Sample) -> float | None:
    """Return the longest time from a peak until it was reached again, or until the last bar.

    Formula:
        max(at[recovered or last] - at[peak])

    Source:
        definition
    """
    return max((_days(sample, fall.peak, fall.recovered) for fall in sample.episodes), default=None)


@statistic("Fall of the maximum drawdown", Unit.DAYS, undefined=_NEVER_FELL)
def deepest_fall_lasted(sample: Sample) -> float | None:
    """Return how long the deepest fall went down, from its peak to its lowest bar.

    Formula:
        at[trough] - at[peak]

    Source:
        definition
    """
    fall = _deepest(sample)
    return None if fall is None else _days(sample, fall.peak, fall.trough)


@statistic(
    "Recovery of the maximum drawdown", Unit.DAYS, undefined=f"{_NEVER_FELL}, or has not recovered"
)
def deepest_fall_recovered(sample: Sample) -> float | None:
    """Return how long it took from the lowest bar of the deepest fall to its peak again.

    Formula:
        at[recovered] - at[trough]

    Source:
        definition
    """
    fall = _deepest(sample)
    if fall is None or fall.recovered is None:
        return None
    return _days(sample, fall.trough, fall.recovered)


@statistic("Time under water", Unit.SHARE, undefined=_INSOLVENT)
def time_under_water(sample: Sample) -> float | None:
    """Return the share of bars that closed below an earlier close.

    Formula:
        count(E < running max of E) / bars

    Source:
        definition
    """
    if sample.falls is None:
        return None
    return int(np.count_nonzero(sample.falls)) / sample.falls.size


@statistic("Drawdowns", Unit.COUNT, undefined=_INSOLVENT)
def drawdown_count(sample: Sample) -> float | None:
    """Return how many times the equity went under water.

    Formula:
        count of times under water

    Source:
        definition
    """
    return float(len(sample.episodes)) if sample.solvent else None


@statistic("Ulcer index", Unit.SHARE, undefined=_INSOLVENT)
def ulcer_index(sample: Sample) -> float | None:
    """Return the root mean square of the drawdown over all bars: depth and length in one.

    Formula:
        sqrt(mean(drawdown ** 2))

    Source:
        P. G. Martin and B. B. McCann, "The Investor's Guide to Fidelity Funds", 1989
    """
    if sample.falls is None:
        return None
    return sqrt(mean(sample.falls * sample.falls) or 0.0)


def _deepest(sample: Sample) -> Episode | None:
    return next(iter(deepest(sample.episodes, 1)), None)


def _days(sample: Sample, begin: int, end: int | None) -> float:
    last = sample.at.size - 1 if end is None else end
    return int(sample.at[last] - sample.at[begin]) / DAY
