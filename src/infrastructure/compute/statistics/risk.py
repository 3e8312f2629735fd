"""How much it moved, and how bad the bad bars were."""

from __future__ import annotations

from math import sqrt

import numpy as np

from traderbot.infrastructure.compute.arrays import FloatArray
from traderbot.infrastructure.compute.statistics.moments import (
    central_sum,
    deviation,
    ratio,
    total,
)
from traderbot.infrastructure.compute.statistics.sample import Sample
from traderbot.infrastructure.compute.statistics.statistic import Unit, statistic
from traderbot.infrastructure.compute.tail_risk import historical_risk

_NOT_VARYING = "fewer than two returns, or they do not vary"
_FEW = "fewer than 20 returns, or insolvent"


@statistic("Volatility", Unit.SHARE, undefined="fewer than three bars, or insolvent")
def volatility(sample: Sample) -> float | None:
    """Return the standard deviation of the returns, for a year.

    Formula:
        s(r) * sqrt(N), with s the deviation of a sample; 0 if the returns do not vary

    Source:
        J. C. Hull, "Options, Futures, and Other Derivatives", historical volatility
    """
    if sample.returns is None or sample.returns.size <= 1 or sample.periods_per_year is None:
        return None
    return (deviation(sample.returns) or 0.0) * sqrt(sample.periods_per_year)


@statistic("Downside deviation", Unit.SHARE, undefined="fewer than two bars, or insolvent")
def downside_deviation(sample: Sample) -> float | None:
    """Return the root mean square of what the returns stayed below cash, for a year.

    Formula:
        sqrt(mean(min(r - f, 0) ** 2)) * sqrt(N), the mean over all bars

    Source:
        F. A. Sortino and L. N. Price, "Performance Measurement in a Downside Risk Framework",
        Journal of Investing 3(3), 1994
    """
    if sample.excess is None or sample.periods_per_year is None:
        return None
    return _below(sample.excess) * sqrt(sample.periods_per_year)


@statistic("Value at risk, 95 %", Unit.SHARE, undefined=_FEW)
def value_at_risk(sample: Sample) -> float | None:
    """Return the loss of one bar that 95 % of the bars did not exceed.

    Formula:
        the ceil(0.95 n)-th smallest of -r

    Source:
        P. Jorion, "Value at Risk", 3rd ed., 2007, historical simulation
    """
    return None if sample.tail is None else sample.tail.value_at_risk


@statistic("Conditional value at risk, 95 %", Unit.SHARE, undefined=_FEW)
def conditional_value_at_risk(sample: Sample) -> float | None:
    """Return the average loss of the worst 5 % of the bars.

    Formula:
        VaR + sum(max(-r - VaR, 0)) / (0.05 n)

    Source:
        R. T. Rockafellar and S. Uryasev, "Conditional value-at-risk for general loss
        distributions", Journal of Banking and Finance 26(7), 2002
    """
    return None if sample.tail is None else sample.tail.conditional_value_at_risk


@statistic("Tail ratio", Unit.RATIO, undefined=f"{_FEW}, or 95 % of the bars lost nothing")
def tail_ratio(sample: Sample) -> float | None:
    """Return how much larger the good tail is than the bad one; above 1 the good is longer.

    Formula:
        the ceil(0.95 n)-th smallest of r / the ceil(0.95 n)-th smallest of -r

    Source:
        Q. Lam's tail ratio as in empyrical, with observed instead of interpolated quantiles
    """
    if sample.returns is None or sample.tail is None:
        return None
    won, lost = historical_risk(-sample.returns).value_at_risk, sample.tail.value_at_risk
    return won / lost if lost > 0 else None


@statistic("Skewness", Unit.RATIO, undefined=_NOT_VARYING)
def skewness(sample: Sample) -> float | None:
    """Return how lopsided the returns are; below 0 the large losses outweigh the large gains.

    Formula:
        mean((r - m) ** 3) / mean((r - m) ** 2) ** 1.5

    Source:
        Fisher's g1; D. N. Joanes and C. A. Gill, The Statistician 47(1), 1998
    """
    return None if sample.returns is None else skew_of(sample.returns)


@statistic("Excess kurtosis", Unit.RATIO, undefined=_NOT_VARYING)
def excess_kurtosis(sample: Sample) -> float | None:
    """Return how fat the tails are; 0 is the normal distribution's, above 0 they are fatter.

    Formula:
        mean((r - m) ** 4) / mean((r - m) ** 2) ** 2 - 3

    Source:
        Fisher's g2; D. N. Joanes and C. A. Gill, The Statistician 47(1), 1998
    """
    if sample.returns is None:
        return None
    found = kurtosis_of(sample.returns)
    return None if found is None else found - 3.0


def skew_of(returns: FloatArray) -> float | None:
    """Return g1; None if the returns do not vary."""
    if deviation(returns) is None:
        return None
    spread = central_sum(returns, 2) / returns.size
    return ratio(central_sum(returns, 3) / returns.size, spread * sqrt(spread))


def kurtosis_of(returns: FloatArray) -> float | None:
    """Return g2 + 3, which is 3 for the normal distribution; None if the returns do not vary."""
    if deviation(returns) is None:
        return None
    spread = central_sum(returns, 2) / returns.size
    return ratio(central_sum(returns, 4) / returns.size, spread * spread)


def _below(excess: FloatArray) -> float:
    short = np.minimum(excess, 0.0)
    return sqrt(total(short * short) / short.size)
