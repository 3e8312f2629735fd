"""What was earned for the risk that was taken."""

from __future__ import annotations

from math import sqrt

import numpy as np

from traderbot.infrastructure.compute.statistics import growth, risk, under_water
from traderbot.infrastructure.compute.statistics.moments import deviation, mean, ratio, total
from traderbot.infrastructure.compute.statistics.sample import Sample
from traderbot.infrastructure.compute.statistics.sharpe_evidence import (
    error_per_bar,
    probabilistic_sharpe,
    sharpe_per_bar,
)
from traderbot.infrastructure.compute.statistics.statistic import Unit, statistic

_NOT_VARYING = "fewer than two returns, they do not vary, or insolvent"
_NEVER_FELL = "the equity never fell, or reached zero"


@statistic("Sharpe ratio", Unit.RATIO, undefined=_NOT_VARYING)
def sharpe(sample: Sample) -> float | None:
    """Return the return above cash per unit of deviation, for a year.

    Formula:
        mean(r - f) / s(r - f) * sqrt(N)

    Source:
        W. F. Sharpe, "The Sharpe Ratio", Journal of Portfolio Management 21(1), 1994
    """
    if sample.excess is None or sample.periods_per_year is None:
        return None
    found = sharpe_per_bar(sample.excess)
    return None if found is None else found * sqrt(sample.periods_per_year)


@statistic("Error of the Sharpe ratio", Unit.RATIO, undefined=_NOT_VARYING)
def sharpe_error(sample: Sample) -> float | None:
    """Return the standard error of the Sharpe ratio: it may as well be one or two of these off.

    Formula:
        sqrt((1 + SR ** 2 / 2 - g1 * SR + g2 / 4 * SR ** 2) / (n - 1)) * sqrt(N), SR per bar

    Source:
        E. Mertens, "Comments on variance of the IID estimator in Lo (2002)", 2002
    """
    if sample.excess is None or sample.periods_per_year is None:
        return None
    error = error_per_bar(sample.excess)
    return None if error is None else error * sqrt(sample.periods_per_year)


@statistic("Chance that the Sharpe ratio is above 0", Unit.SHARE, undefined=_NOT_VARYING)
def sharpe_above_zero(sample: Sample) -> float | None:
    """Return how likely a true Sharpe ratio above 0 is, if this were the only thing ever tried.

    Formula:
        Phi(SR * sqrt(n - 1) / sqrt(1 - g1 * SR + (g2 + 2) / 4 * SR ** 2)), SR per bar

    Source:
        D. H. Bailey and M. Lopez de Prado, "The Sharpe Ratio Efficient Frontier", Journal of Risk
        15(2), 2012
    """
    return None if sample.excess is None else probabilistic_sharpe(sample.excess)


@statistic(
    "Sortino ratio",
    Unit.RATIO,
    undefined="fewer than two bars, no return was below cash, or insolvent",
)
def sortino(sample: Sample) -> float | None:
    """Return the return above cash per unit of downside deviation, for a year.

    Formula:
        mean(r - f) * N / downside deviation

    Source:
        F. A. Sortino and L. N. Price, "Performance Measurement in a Downside Risk Framework",
        Journal of Investing 3(3), 1994
    """
    if sample.excess is None or sample.periods_per_year is None:
        return None
    average = mean(sample.excess)
    if average is None:
        return None
    return ratio(average * sample.periods_per_year, risk.downside_deviation(sample))


@statistic("Calmar ratio", Unit.RATIO, undefined=_NEVER_FELL)
def calmar(sample: Sample) -> float | None:
    """Return the annual growth per unit of maximum drawdown, over the whole run.

    Formula:
        CAGR / maximum drawdown

    Source:
        T. W. Young, "Calmar Ratio: A Smoother Tool", Futures 20(1), 1991 (there of 36 months)
    """
    return ratio(growth.cagr(sample), under_water.max_drawdown(sample))


@statistic("Martin ratio", Unit.RATIO, undefined=_NEVER_FELL)
def martin(sample: Sample) -> float | None:
    """Return the annual growth above cash per unit of ulcer index.

    Formula:
        (CAGR - risk free) / ulcer index

    Source:
        P. G. Martin and B. B. McCann, "The Investor's Guide to Fidelity Funds", 1989
    """
    grown = growth.cagr(sample)
    if grown is None:
        return None
    return ratio(grown - sample.risk_free, under_water.ulcer_index(sample))


@statistic("Omega ratio", Unit.RATIO, undefined="no return was below cash, or insolvent")
def omega(sample: Sample) -> float | None:
    """Return what was gained above cash per unit lost below it; 1 is neither.

    Formula:
        sum(max(r - f, 0)) / sum(max(f - r, 0))

    Source:
        C. Keating and W. F. Shadwick, "A Universal Performance Measure", Journal of Performance
        Measurement 6(3), 2002
    """
    if sample.excess is None:
        return None
    gained = total(np.maximum(sample.excess, 0.0))
    return ratio(gained, total(np.maximum(-sample.excess, 0.0)))


@statistic("Recovery factor", Unit.RATIO, undefined=_NEVER_FELL)
def recovery_factor(sample: Sample) -> float | None:
    """Return the total return per unit of maximum drawdown.

    Formula:
        total return / maximum drawdown

    Source:
        definition, as in MetaTrader and quantstats
    """
    return ratio(growth.total_return(sample), under_water.max_drawdown(sample))


@statistic(
    "Stability", Unit.RATIO, undefined="fewer than three bars, it does not vary, or insolvent"
)
def stability(sample: Sample) -> float | None:
    """Return how much of the summed returns a straight line in time explains: 1 is all of it.

    Formula:
        corr(bar, cumulative sum of r) ** 2

    Source:
        the R squared of stability_of_timeseries in empyrical, on summed instead of log returns
    """
    if sample.returns is None or sample.returns.size <= 1:
        return None
    path = np.cumsum(sample.returns)
    bars = np.arange(path.size, dtype=np.float64)
    sides = (deviation(bars), deviation(path))
    if sides[0] is None or sides[1] is None:
        return None
    off_bars, off_path = bars - (mean(bars) or 0.0), path - (mean(path) or 0.0)
    shared = total(off_bars * off_path)
    return (shared / (path.size - 1) / sides[0] / sides[1]) ** 2
