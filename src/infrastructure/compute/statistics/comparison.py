"""The run held against something simpler: buying at the first bar and holding, as a rule."""

from __future__ import annotations

from math import sqrt

import numpy as np
import numpy.typing as npt

from traderbot.infrastructure.compute.arrays import FloatArray
from traderbot.infrastructure.compute.statistics import growth
from traderbot.infrastructure.compute.statistics.moments import deviation, mean, power, ratio, total
from traderbot.infrastructure.compute.statistics.sample import Sample
from traderbot.infrastructure.compute.statistics.statistic import Unit, statistic

_NONE = "no benchmark, fewer than two bars, or insolvent"
_STILL = "no benchmark, fewer than three bars, the benchmark does not vary, or insolvent"


@statistic("Return of the benchmark", Unit.SHARE, undefined="no benchmark")
def benchmark_return(sample: Sample) -> float | None:
    """Return what the benchmark gained over the run.

    Formula:
        B[last] / B[0] - 1

    Source:
        definition
    """
    if sample.benchmark is None:
        return None
    return float(sample.benchmark[-1] / sample.benchmark[0]) - 1.0


@statistic("Annual growth of the benchmark", Unit.SHARE, undefined="no benchmark, or one bar only")
def benchmark_cagr(sample: Sample) -> float | None:
    """Return the constant yearly rate of the benchmark.

    Formula:
        (B[last] / B[0]) ** (1 / years) - 1

    Source:
        as the run's annual growth
    """
    if sample.benchmark is None or not sample.years:
        return None
    return power(float(sample.benchmark[-1] / sample.benchmark[0]), 1.0 / sample.years) - 1.0


@statistic("Return above the benchmark", Unit.SHARE, undefined=_NONE)
def excess_return(sample: Sample) -> float | None:
    """Return the total return less that of the benchmark.

    Formula:
        total return - return of the benchmark

    Source:
        definition
    """
    own, other = growth.total_return(sample), benchmark_return(sample)
    return None if own is None or other is None else own - other


@statistic("Beta", Unit.RATIO, undefined=_STILL)
def beta(sample: Sample) -> float | None:
    """Return how much the run moved when the benchmark moved by 1.

    Formula:
        cov(r, b) / var(b)

    Source:
        W. F. Sharpe, "Capital Asset Prices", Journal of Finance 19(3), 1964
    """
    pair = _pair(sample)
    if pair is None:
        return None
    spread = deviation(pair[1])
    return None if spread is None else _covariance(*pair) / (spread * spread)


@statistic("Alpha", Unit.SHARE, undefined=_STILL)
def alpha(sample: Sample) -> float | None:
    """Return the yearly return that the benchmark's movement does not explain.

    Formula:
        (mean(r - f) - beta * mean(b - f)) * N

    Source:
        M. C. Jensen, "The Performance of Mutual Funds in the Period 1945-1964", Journal of Finance
        23(2), 1968
    """
    pair, slope = _pair(sample), beta(sample)
    if pair is None or slope is None or sample.periods_per_year is None:
        return None
    free = sample.risk_free / sample.periods_per_year
    own, other = (mean(values) or 0.0 for values in pair)
    return ((own - free) - slope * (other - free)) * sample.periods_per_year


@statistic("Correlation with the benchmark", Unit.RATIO, undefined=f"{_STILL}, or the run does not")
def correlation(sample: Sample) -> float | None:
    """Return how far run and benchmark moved together: from -1 to 1.

    Formula:
        cov(r, b) / (s(r) * s(b))

    Source:
        K. Pearson, 1895
    """
    pair = _pair(sample)
    if pair is None:
        return None
    own, other = deviation(pair[0]), deviation(pair[1])
    if own is None or other is None:
        return None
    return max(-1.0, min(1.0, _covariance(*pair) / (own * other)))


@statistic("Tracking error", Unit.SHARE, undefined=_NONE)
def tracking_error(sample: Sample) -> float | None:
    """Return the deviation of the difference to the benchmark, for a year.

    Formula:
        s(r - b) * sqrt(N); 0 if the difference does not vary

    Source:
        R. C. Grinold and R. N. Kahn, "Active Portfolio Management", 2nd ed., 2000
    """
    pair = _pair(sample)
    if pair is None or pair[0].size <= 1 or sample.periods_per_year is None:
        return None
    return (deviation(pair[0] - pair[1]) or 0.0) * sqrt(sample.periods_per_year)


@statistic("Information ratio", Unit.RATIO, undefined=f"{_NONE}, or the difference does not vary")
def information_ratio(sample: Sample) -> float | None:
    """Return the return above the benchmark per unit of tracking error.

    Formula:
        mean(r - b) * N / tracking error

    Source:
        R. C. Grinold and R. N. Kahn, "Active Portfolio Management", 2nd ed., 2000
    """
    pair = _pair(sample)
    if pair is None or sample.periods_per_year is None:
        return None
    ahead = mean(pair[0] - pair[1])
    if ahead is None:
        return None
    return ratio(ahead * sample.periods_per_year, tracking_error(sample))


@statistic("Upside capture", Unit.RATIO, undefined="no benchmark, or it never rose, or insolvent")
def up_capture(sample: Sample) -> float | None:
    """Return what the run gained on average in bars the benchmark rose, per unit of its rise.

    Formula:
        mean(r where b > 0) / mean(b where b > 0)

    Source:
        Morningstar, upside capture, of arithmetic means
    """
    pair = _pair(sample)
    return None if pair is None else _capture(*pair, pair[1] > 0)


@statistic("Downside capture", Unit.RATIO, undefined="no benchmark, or it never fell, or insolvent")
def down_capture(sample: Sample) -> float | None:
    """Return what the run lost on average in bars the benchmark fell, per unit of its fall.

    Formula:
        mean(r where b < 0) / mean(b where b < 0)

    Source:
        Morningstar, downside capture, of arithmetic means
    """
    pair = _pair(sample)
    return None if pair is None else _capture(*pair, pair[1] < 0)


def _pair(sample: Sample) -> tuple[FloatArray, FloatArray] | None:
    if sample.returns is None or sample.benchmark_returns is None:
        return None
    return sample.returns, sample.benchmark_returns


def _covariance(own: FloatArray, other: FloatArray) -> float:
    away = (own - (mean(own) or 0.0)) * (other - (mean(other) or 0.0))
    return total(away) / (own.size - 1)


def _capture(own: FloatArray, other: FloatArray, when: npt.NDArray[np.bool_]) -> float | None:
    return ratio(mean(own[when]), mean(other[when]))
