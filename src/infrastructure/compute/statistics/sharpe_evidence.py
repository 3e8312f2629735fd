"""What a Sharpe ratio proves: little after few bars, and less after many trials.

Ratios here are per bar, never annual: the formulas count bars.
"""

from __future__ import annotations

from math import e, isfinite, sqrt
from statistics import NormalDist

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.compute.arrays import FloatArray, Numbers
from traderbot.infrastructure.compute.samples import returns_series
from traderbot.infrastructure.compute.statistics.moments import deviation, mean, total
from traderbot.infrastructure.compute.statistics.risk import kurtosis_of, skew_of

EULER = 0.5772156649015329
_NORMAL = NormalDist()


def sharpe_per_bar(excess: FloatArray) -> float | None:
    """Return mean / deviation of these returns; None if they do not vary."""
    spread, average = deviation(excess), mean(excess)
    return None if spread is None or average is None else average / spread


def error_per_bar(excess: FloatArray) -> float | None:
    """Return the standard error of the Sharpe ratio per bar; None if the returns do not vary."""
    found, skew, kurtosis = sharpe_per_bar(excess), skew_of(excess), kurtosis_of(excess)
    if found is None or skew is None or kurtosis is None:
        return None
    return error_of(found, bars=excess.size, skew=skew, kurtosis=kurtosis)


def error_of(sharpe: float, *, bars: int, skew: float, kurtosis: float) -> float:
    """Return the standard error of a Sharpe ratio per bar.

    Args:
        sharpe: the ratio per bar.
        bars: how many returns it is from, two or more.
        skew: of the returns; 0 for the normal distribution.
        kurtosis: of the returns; 3 for the normal distribution.

    Formula:
        sqrt((1 - g1 * SR + (kurtosis - 1) / 4 * SR ** 2) / (n - 1))

    Source:
        E. Mertens, "Comments on variance of the IID estimator in Lo (2002)", 2002.
    """
    variance = 1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe * sharpe
    return sqrt(max(variance, 0.0) / (bars - 1))  # below 0 only by rounding, of two returns


def probabilistic_sharpe(returns: Numbers, benchmark: float = 0.0) -> float | None:
    """Return how likely it is that the true Sharpe ratio is above the benchmark.

    None where that is not defined: the returns do not vary.

    Args:
        returns: shape (bars,), above cash, as fractions.
        benchmark: a Sharpe ratio per bar.

    Formula:
        Phi((SR - benchmark) * sqrt(n - 1) / sqrt(1 - g1 * SR + (g2 + 2) / 4 * SR ** 2))

    Raises:
        InvalidValueError: returns that are no series of numbers, or a benchmark that is none.

    Source:
        D. H. Bailey and M. Lopez de Prado, "The Sharpe Ratio Efficient Frontier", Journal of Risk
        15(2), 2012.
    """
    series = returns_series(returns)
    if not isfinite(benchmark):
        raise InvalidValueError(f"the benchmark is a Sharpe ratio per bar, not {benchmark}")
    found, error = sharpe_per_bar(series), error_per_bar(series)
    return _NORMAL.cdf((found - benchmark) / error) if found is not None and error else None


def expected_best_sharpe(trials: int, deviation_of_trials: float) -> float:
    """Return the Sharpe ratio per bar that the best of so many worthless trials is to have.

    Args:
        trials: how many sets of parameters were tried, independent of each other; 1 or more.
        deviation_of_trials: standard deviation of the trials' Sharpe ratios per bar.

    Formula:
        s * ((1 - g) * Phi^-1(1 - 1 / K) + g * Phi^-1(1 - 1 / (K * e))), g Euler's constant;
        0 of one trial

    Raises:
        InvalidValueError: fewer than one trial, or a deviation below zero.

    Source:
        D. H. Bailey and M. Lopez de Prado, "The Deflated Sharpe Ratio", Journal of Portfolio
        Management 40(5), 2014.
    """
    if trials < 1:
        raise InvalidValueError(f"a result is at least 1 trial, not {trials}")
    if not 0 <= deviation_of_trials < float("inf"):
        raise InvalidValueError(f"a deviation is 0 or above, not {deviation_of_trials}")
    if trials == 1:
        return 0.0
    near, far = _NORMAL.inv_cdf(1.0 - 1.0 / trials), _NORMAL.inv_cdf(1.0 - 1.0 / (trials * e))
    return deviation_of_trials * ((1.0 - EULER) * near + EULER * far)


def deflated_sharpe(returns: Numbers, *, trials: int, deviation_of_trials: float) -> float | None:
    """Return how likely a true Sharpe ratio above 0 is, after the best of all trials was chosen.

    The probabilistic Sharpe ratio held against what the best of so many worthless trials has by
    luck. Above 0.95 it is significant. Trials that are alike count as fewer than there are: with
    all of them counted it is too strict rather than too kind.

    Args:
        returns: of the chosen trial; shape (bars,), above cash, as fractions.
        trials: how many sets of parameters were tried, this one among them.
        deviation_of_trials: standard deviation of the trials' Sharpe ratios per bar.

    Raises:
        InvalidValueError: no returns, fewer than one trial, or a deviation below zero.

    Source:
        D. H. Bailey and M. Lopez de Prado, "The Deflated Sharpe Ratio", Journal of Portfolio
        Management 40(5), 2014.
    """
    return probabilistic_sharpe(returns, expected_best_sharpe(trials, deviation_of_trials))


def deviation_of(sharpes: Numbers) -> float:
    """Return the standard deviation of the trials' Sharpe ratios; 0 of one trial.

    Raises:
        InvalidValueError: no trial, or one that is no number.
    """
    series = returns_series(sharpes)
    if series.size == 1:
        return 0.0
    average = total(series) / series.size
    away = series - average
    return sqrt(total(away * away) / (series.size - 1))
