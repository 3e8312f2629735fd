"""Value at risk and conditional value at risk, and the conventions they are meant with.

- **Sign**: both are losses, as a fraction: 0.03 is "three percent are lost". Below zero, even the
  bad cases win.
- **Confidence**: 0.95 leaves the worst 5 % of the periods outside.
- **Quantile**: the value at risk is the smallest observed loss that at least `confidence` of the
  observations do not exceed: the ceil(confidence * n)-th smallest. Nothing is interpolated, so it
  is always a loss that happened.
- **Conditional**: the average of the worst (1 - confidence) of the distribution, where the
  observation at the edge counts with the part of it that lies beyond: the coherent definition. It
  is never below the value at risk.
- **Horizon**: one period of the returns. Only the normal model can be asked about more, and then
  takes returns for independent: the mean grows with the periods, the deviation with their root.

Source:
    R. T. Rockafellar and S. Uryasev, "Conditional value-at-risk for general loss distributions",
    Journal of Banking and Finance 26(7), 2002.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import fsum, isfinite, sqrt
from statistics import NormalDist

import numpy as np

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.compute.arrays import FloatArray, Numbers
from traderbot.infrastructure.compute.samples import (
    dot,
    returns_series,
    returns_table,
    weights_of,
)

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class TailRisk:
    """What bad periods cost, as a fraction: losses above zero."""

    value_at_risk: float
    conditional_value_at_risk: float
    confidence: float


def portfolio_returns(returns: Numbers, weights: Numbers) -> FloatArray:
    """Return what fixed weights would have returned in each period; the rest in cash returns 0.

    Args:
        returns: shape (periods, symbols).
        weights: one per symbol; brought back to these shares in every period.

    Raises:
        InvalidValueError: the shapes do not fit, or a value is no number.
    """
    table = returns_table(returns, least=1)
    parts = weights_of(weights, table.shape[1])
    return np.array([dot(row, parts) for row in table])


def historical_risk(returns: Numbers, confidence: float = 0.95) -> TailRisk:
    """Return the tail risk of what happened, each period as likely as any other.

    Args:
        returns: shape (periods,), as fractions; at least 1 / (1 - confidence) of them, so that one
            whole observation lies in the tail.
        confidence: between 0 and 1.

    Raises:
        InvalidValueError: too few returns, one that is no number, or a confidence out of bounds.
    """
    level = _level(confidence)
    beyond = 1 - level
    least = -((-1) // beyond)  # rounded up
    losses = sorted((-returns_series(returns, least=int(least))).tolist())
    count = len(losses)
    rank = -((-level * count) // 1)
    edge = losses[int(rank) - 1]
    excess = fsum(loss - edge for loss in losses[int(rank) :])
    return TailRisk(
        value_at_risk=edge,
        conditional_value_at_risk=edge + excess / float(beyond * count),
        confidence=confidence,
    )


def normal_risk(
    mean: float, deviation: float, confidence: float = 0.95, *, periods: float = 1.0
) -> TailRisk:
    """Return the tail risk of normally distributed returns. Real tails are fatter.

    Args:
        mean: of the returns of one period, as a fraction. Zero is the prudent guess.
        deviation: their standard deviation, 0 or above.
        confidence: between 0 and 1.
        periods: how many of them, above 0.

    Raises:
        InvalidValueError: a number out of its bounds.
    """
    level = float(_level(confidence))
    if not isfinite(mean):
        msg = f"the mean is a finite number, not {mean}"
        raise InvalidValueError(msg)
    if not (isfinite(deviation) and deviation >= 0):
        msg = f"the deviation is a finite number, 0 or above, not {deviation}"
        raise InvalidValueError(msg)
    if not (isfinite(periods) and periods > 0):
        msg = f"periods is a finite number above 0, not {periods}"
        raise InvalidValueError(msg)
    expected, spread = mean * periods, deviation * sqrt(periods)
    quantile = _NORMAL.inv_cdf(level)
    return TailRisk(
        value_at_risk=spread * quantile - expected,
        conditional_value_at_risk=spread * _NORMAL.pdf(quantile) / (1.0 - level) - expected,
        confidence=confidence,
    )


def fitted_normal_risk(
    returns: Numbers, confidence: float = 0.95, *, periods: float = 1.0
) -> TailRisk:
    """Return the tail risk of the normal distribution with mean and deviation of these returns.

    The deviation is that of a sample: divided by one less than there are returns.

    Raises:
        InvalidValueError: fewer than two returns, one that is no number, or a number out of bounds.
    """
    series = returns_series(returns, least=2)
    mean = fsum(series.tolist()) / series.size
    deviations = series - mean
    deviation = sqrt(dot(deviations, deviations) / (series.size - 1))
    return normal_risk(mean, deviation, confidence, periods=periods)


def _level(confidence: float) -> Fraction:
    # As it is written: 0.95 is 95/100, not the nearest float, which would move a rank by one.
    if not (isinstance(confidence, int | float) and 0 < confidence < 1):
        msg = f"the confidence is between 0 and 1, such as 0.95, not {confidence!r:.60}"
        raise InvalidValueError(msg)
    return Fraction(repr(float(confidence)))
