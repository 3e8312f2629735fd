"""The risk models once more, in exact fractions and as their papers print them: slow, obvious."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise, product
from typing import NamedTuple

Table = Sequence[Sequence[float]]  # a row per period


class Shrunk(NamedTuple):
    matrix: list[list[Fraction]]
    shrinkage: Fraction


def exact_covariance(returns: Table) -> list[list[Fraction]]:
    """Return the mean of the products of deviations, divided by the number of rows."""
    rows = _centered(returns)
    columns = range(len(rows[0]))
    return [[_mean([row[i] * row[j] for row in rows]) for j in columns] for i in columns]


def exact_identity_shrinkage(returns: Table) -> Shrunk:
    """Return the estimator of Ledoit and Wolf (2004), section 3, with its m, d², b² and a²."""
    rows, sample = _centered(returns), exact_covariance(returns)
    n, p = len(rows), len(sample)
    m = sum((sample[i][i] for i in range(p)), Fraction(0)) / p
    model = [[m if i == j else Fraction(0) for j in range(p)] for i in range(p)]
    d2 = _distance(sample, model)
    b2_bar = sum((_distance(_outer(row), sample) for row in rows), Fraction(0)) / n**2
    shrinkage = min(b2_bar, d2) / d2 if d2 else Fraction(0)
    return Shrunk(_mixed(sample, model, shrinkage), shrinkage)


def exact_single_factor_shrinkage(returns: Table) -> Shrunk:
    """Return the estimator of Ledoit and Wolf (2003), with its pi, rho, gamma and kappa."""
    rows, sample = _centered(returns), exact_covariance(returns)
    n, p = len(rows), len(sample)
    market = [sum(row, Fraction(0)) / p for row in rows]
    s_mm = _mean([m * m for m in market])
    s_m = [_mean([row[i] * m for row, m in zip(rows, market, strict=True)]) for i in range(p)]
    model = [
        [sample[i][i] if i == j else s_m[i] * s_m[j] / s_mm for j in range(p)] for i in range(p)
    ]
    pi = rho = Fraction(0)
    for i, j in product(range(p), range(p)):
        s, f = sample[i][j], model[i][j]
        pi_ij = _mean([(row[i] * row[j] - s) ** 2 for row in rows])
        pi += pi_ij
        if i == j:
            rho += pi_ij
            continue
        rho += _mean(
            [
                (s_m[j] * s_mm * row[i] + s_m[i] * s_mm * row[j] - s_m[i] * s_m[j] * m)
                / s_mm**2
                * m
                * row[i]
                * row[j]
                - f * s
                for row, m in zip(rows, market, strict=True)
            ]
        )
    gamma = _distance(sample, model)
    shrinkage = max(Fraction(0), min(Fraction(1), (pi - rho) / gamma / n)) if gamma else Fraction(0)
    return Shrunk(_mixed(sample, model, shrinkage), shrinkage)


def exact_historical_risk(returns: Sequence[float], confidence: str) -> tuple[Fraction, Fraction]:
    """Return VaR by counting, and CVaR as the minimum of Rockafellar and Uryasev's function.

    The function is convex and bends at losses only, so its minimum lies at one of them.
    """
    losses = [-Fraction(value) for value in returns]
    level = Fraction(confidence)
    at_risk = min(
        loss
        for loss in losses
        if Fraction(len([it for it in losses if it <= loss]), len(losses)) >= level
    )
    conditional = min(
        c + _mean([max(loss - c, Fraction(0)) for loss in losses]) / (1 - level) for c in losses
    )
    return at_risk, conditional


def exact_max_drawdown(equity: Sequence[float]) -> Fraction:
    """Return the deepest of all falls, tried one by one."""
    curve = [Fraction(value) for value in equity]
    return max(
        1 - low / high for i, high in enumerate(curve) for low in curve[i:]
    )  # a bar and itself: no fall


def exact_variance(weights: Sequence[float], covariance: Table) -> Fraction:
    """Return the double sum of weight, covariance, weight."""
    exact = [Fraction(weight) for weight in weights]
    return sum(
        (a * Fraction(s) * b for a, row in zip(exact, covariance, strict=True)
         for s, b in zip(row, exact, strict=True)),
        Fraction(0),
    )  # fmt: skip


def exact_simple_returns(prices: Sequence[float]) -> list[Fraction]:
    """Return each price over the one before, less one."""
    return [Fraction(later) / Fraction(earlier) - 1 for earlier, later in pairwise(prices)]


def _centered(returns: Table) -> list[list[Fraction]]:
    exact = [[Fraction(value) for value in row] for row in returns]
    means = [_mean(column) for column in zip(*exact, strict=True)]
    return [[value - mean for value, mean in zip(row, means, strict=True)] for row in exact]


def _mean(values: Sequence[Fraction]) -> Fraction:
    return sum(values, Fraction(0)) / len(values)


def _outer(row: Sequence[Fraction]) -> list[list[Fraction]]:
    return [[a * b for b in row] for a in row]


def _distance(left: Sequence[Sequence[Fraction]], right: Sequence[Sequence[Fraction]]) -> Fraction:
    pairs = zip(left, right, strict=True)
    return sum(
        ((a - b) ** 2 for one, other in pairs for a, b in zip(one, other, strict=True)),
        Fraction(0),
    )


def _mixed(
    sample: list[list[Fraction]], model: list[list[Fraction]], shrinkage: Fraction
) -> list[list[Fraction]]:
    return [
        [(1 - shrinkage) * s + shrinkage * f for s, f in zip(one, other, strict=True)]
        for one, other in zip(sample, model, strict=True)
    ]
