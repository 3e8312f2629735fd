"""Risk that knows of correlation: shrunk covariances, who contributes what, how spread it is.

Weights are shares of the equity, below zero for short. Figures are in the unit and for the period
of the returns they were made from: daily returns give a daily volatility, as a fraction. Sums are
rounded once or taken row by row, never by BLAS, so that the figures do not depend on the machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum, sqrt
from typing import Literal

import numpy as np

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.compute.arrays import FloatArray, Numbers
from traderbot.infrastructure.compute.samples import (
    covariance_of,
    dot,
    outer_sum,
    returns_table,
    variance_of,
    weights_of,
)

Target = Literal["identity", "single_factor"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShrunkCovariance:
    """A covariance between what the sample says and what a simple model says.

    matrix = (1 - shrinkage) * sample + shrinkage * target; shape (symbols, symbols).
    """

    matrix: FloatArray
    shrinkage: float
    target: Target


def sample_covariance(returns: Numbers) -> FloatArray:
    """Return the plain covariance, divided by the number of rows (not by one less).

    With fewer rows than columns it is singular, and with not many more it is mostly noise: use
    `shrunk_covariance` for anything that is to be relied on. A constant column has covariances 0.

    Args:
        returns: shape (periods, symbols), two rows or more.

    Raises:
        InvalidValueError: too few rows, or a value that is no number; row and column are named.
    """
    centered = _centered(returns_table(returns))
    return outer_sum(centered, centered) / len(centered)


def shrunk_covariance(returns: Numbers, target: Target = "identity") -> ShrunkCovariance:
    """Return the Ledoit-Wolf covariance, whose shrinkage is computed, not chosen.

    Args:
        returns: shape (periods, symbols), two rows or more. Fewer rows than columns are fine.
        target: `identity`: uncorrelated, all of the average variance, as scikit-learn has it.
            `single_factor`: variances as in the sample, covariances by way of the equally weighted
            market, as PyPortfolioOpt has it; better where all symbols follow one market.

    Raises:
        InvalidValueError: too few rows, a value that is no number (row and column are named), an
            unknown target, or `single_factor` of a market that does not move.

    Source:
        O. Ledoit and M. Wolf, "A well-conditioned estimator for large-dimensional covariance
        matrices", Journal of Multivariate Analysis 88(2), 2004 (identity); "Improved estimation of
        the covariance matrix of stock returns with an application to portfolio selection", Journal
        of Empirical Finance 10(5), 2003 (single factor).
    """
    centered = _centered(returns_table(returns))
    match target:
        case "identity":
            return _toward_identity(centered)
        case "single_factor":
            return _toward_single_factor(centered)
        case _:
            msg = f"the target is identity or single_factor, not {target!r:.60}"
            raise InvalidValueError(msg)


def correlation(covariance: Numbers) -> FloatArray:
    """Return the correlations that belong to a covariance; ones on the diagonal.

    Raises:
        InvalidValueError: no covariance, or a column without variance: it is named.
    """
    matrix = covariance_of(covariance)
    deviation = np.sqrt(matrix.diagonal())
    still = np.flatnonzero(deviation == 0)
    if still.size:
        msg = f"column {int(still[0])} does not move: it has no correlation; leave it out"
        raise InvalidValueError(msg)
    found = np.clip(matrix / deviation / deviation[:, None], -1.0, 1.0)
    np.fill_diagonal(found, 1.0)
    return np.asarray(found, dtype=np.float64)


def volatility(weights: Numbers, covariance: Numbers) -> float:
    """Return the standard deviation of a portfolio, for the period of the covariance.

    Raises:
        InvalidValueError: weights and covariance do not fit, or one is not what it should be.
    """
    matrix = covariance_of(covariance)
    return sqrt(variance_of(weights_of(weights, len(matrix)), matrix))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RiskContributions:
    """Whose risk the portfolio's volatility is; arrays of one value per symbol.

    `marginal` is how fast the volatility grows with the weight; `component` is weight * marginal,
    and all of them add up to `total`; `share` is component / total. A component below zero is a
    hedge. Of a portfolio without volatility, all are 0.
    """

    total: float
    marginal: FloatArray
    component: FloatArray
    share: FloatArray


def risk_contributions(weights: Numbers, covariance: Numbers) -> RiskContributions:
    """Return each symbol's part in the volatility of a portfolio.

    Raises:
        InvalidValueError: weights and covariance do not fit, or one is not what it should be.

    Source:
        Euler's theorem; T. Roncalli, "Introduction to Risk Parity and Budgeting", 2013, chapter 2.
    """
    matrix = covariance_of(covariance)
    parts = weights_of(weights, len(matrix))
    total = sqrt(variance_of(parts, matrix))
    if total == 0:
        nothing = np.zeros(len(parts))
        return RiskContributions(total=0.0, marginal=nothing, component=nothing, share=nothing)
    marginal = np.array([dot(row, parts) for row in matrix]) / total
    component = parts * marginal
    return RiskContributions(
        total=total, marginal=marginal, component=component, share=component / total
    )


def herfindahl(weights: Numbers) -> float:
    """Return how concentrated the weights are: from 1/n, all alike, to 1, all in one.

    The sum of squared shares of the gross exposure: long and short count alike, cash does not.

    Raises:
        InvalidValueError: no weights, or all of them zero.

    Source:
        O. C. Herfindahl, "Concentration in the Steel Industry", Columbia University, 1950.
    """
    parts = np.abs(weights_of(weights))
    gross = fsum(parts.tolist())
    if gross == 0:
        msg = "all weights are zero: nothing is held, so nothing is concentrated"
        raise InvalidValueError(msg)
    shares = parts / gross
    return dot(shares, shares)


def effective_positions(weights: Numbers) -> float:
    """Return how many equal positions would be as concentrated: 1 / Herfindahl.

    It knows nothing of correlation: ten banks count as ten. `effective_bets` does.

    Raises:
        InvalidValueError: no weights, or all of them zero.
    """
    return 1.0 / herfindahl(weights)


def diversification_ratio(weights: Numbers, covariance: Numbers) -> float:
    """Return the average volatility of what is held over the volatility of it together.

    From 1, where all move as one, upwards.

    Raises:
        InvalidValueError: weights and covariance do not fit, or the portfolio does not move.

    Source:
        Y. Choueifaty and Y. Coignard, "Toward Maximum Diversification", Journal of Portfolio
        Management 35(1), 2008.
    """
    matrix = covariance_of(covariance)
    parts = weights_of(weights, len(matrix))
    together = sqrt(variance_of(parts, matrix))
    if together == 0:
        msg = "the portfolio does not move: there is no risk to be spread"
        raise InvalidValueError(msg)
    return dot(np.abs(parts), np.sqrt(matrix.diagonal())) / together


def effective_bets(weights: Numbers, covariance: Numbers) -> float:
    """Return how many independent bets of equal risk would be as diversified.

    The square of the diversification ratio: n for n uncorrelated positions of equal risk, 1 for
    any number of them that move as one, and more than there are symbols where some hedge others.

    The counts by entropy (Meucci) are not used: by principal components they are not defined for
    uncorrelated symbols of equal risk, and by minimum torsion they find n bets in n positions of
    equal risk however much these are correlated.

    Raises:
        InvalidValueError: weights and covariance do not fit, or the portfolio does not move.

    Source:
        Y. Choueifaty, T. Froidure and J. Reynier, "Properties of the Most Diversified Portfolio",
        Journal of Investment Strategies 2(2), 2013.
    """
    return diversification_ratio(weights, covariance) ** 2


def room_for(symbol: int, weights: Numbers, covariance: Numbers, *, volatility_max: float) -> float:
    """Return how much weight of one symbol may be added before the portfolio moves too much.

    The largest x >= 0 at which the volatility of weights + x of the symbol is `volatility_max`.
    A hedge has more room than its own volatility would give it; what moves with the rest has less.
    Zero where there is none, or where the portfolio is above the limit and this does not mend it.

    Args:
        symbol: the column, from 0.
        weights: what is held already.
        covariance: of all symbols.
        volatility_max: for the period of the covariance, above zero.

    Raises:
        InvalidValueError: no such column, a limit not above zero, or the symbol does not move.
    """
    matrix = covariance_of(covariance)
    parts = weights_of(weights, len(matrix))
    if not 0 <= symbol < len(matrix):
        msg = f"there is no column {symbol}: there are {len(matrix)}, counted from 0"
        raise InvalidValueError(msg)
    if not 0 < volatility_max < float("inf"):
        msg = f"volatility_max is a number above zero, not {volatility_max}"
        raise InvalidValueError(msg)
    own = float(matrix[symbol, symbol])
    if own == 0:
        msg = f"column {symbol} does not move: its room is without bound"
        raise InvalidValueError(msg)
    # variance + 2 x * shared + x² * own = volatility_max²
    shared = dot(matrix[symbol], parts)
    over = variance_of(parts, matrix) - volatility_max * volatility_max
    discriminant = shared * shared - own * over
    if discriminant < 0:
        return 0.0
    return max(0.0, (sqrt(discriminant) - shared) / own)


def _centered(table: FloatArray) -> FloatArray:
    means = [fsum(column) / len(table) for column in table.T.tolist()]
    # A constant column has deviations of zero, not of what rounding left of its mean.
    still = table.min(axis=0) == table.max(axis=0)
    return np.where(still, 0.0, table - np.array(means))


def _toward_identity(centered: FloatArray) -> ShrunkCovariance:
    rows, columns = centered.shape
    sample = outer_sum(centered, centered) / rows
    average = fsum(sample.diagonal().tolist()) / columns
    model = average * np.eye(columns)
    squared = (centered * centered).tolist()
    noise = fsum(fsum(row) ** 2 for row in squared) / rows - _square_sum(sample)
    distance = _square_sum(sample - model)
    shrinkage = _between(noise / rows, distance) if columns > 1 else 0.0
    matrix = (1.0 - shrinkage) * sample + shrinkage * model
    return ShrunkCovariance(matrix=matrix, shrinkage=shrinkage, target="identity")


def _toward_single_factor(centered: FloatArray) -> ShrunkCovariance:
    rows = len(centered)
    market = np.array([fsum(row) / len(row) for row in centered.tolist()])
    variance = dot(market, market) / rows
    if variance == 0:
        msg = "the equally weighted market does not move: use the target identity"
        raise InvalidValueError(msg)
    sample = outer_sum(centered, centered) / rows
    betas = np.array([dot(column, market) / rows for column in centered.T])
    model = np.multiply.outer(betas, betas) / variance
    np.fill_diagonal(model, sample.diagonal())
    # The names of the paper: pi is the noise of the sample, rho its covariance with the model's.
    squared = centered * centered
    pi = fsum(fsum(row) ** 2 for row in squared.tolist()) / rows - _square_sum(sample)
    along = centered * market[:, None]
    half = outer_sum(squared, along) / rows - betas[:, None] * sample
    both = outer_sum(along, along) / rows - variance * sample
    rho_diagonal = _square_sum(squared) / rows - dot(sample.diagonal(), sample.diagonal())
    rho_half = _off_diagonal(half * betas) / variance
    rho_both = _off_diagonal(both * np.multiply.outer(betas, betas)) / variance**2
    rho = rho_diagonal + 2.0 * rho_half - rho_both
    shrinkage = _between((pi - rho) / rows, _square_sum(sample - model))
    matrix = (1.0 - shrinkage) * sample + shrinkage * model
    return ShrunkCovariance(matrix=matrix, shrinkage=shrinkage, target="single_factor")


def _between(part: float, whole: float) -> float:
    """Return part / whole, but from 0 to 1; 0 where sample and model are one."""
    return min(1.0, max(0.0, part / whole)) if whole > 0 else 0.0


def _square_sum(matrix: FloatArray) -> float:
    return fsum((matrix * matrix).ravel().tolist())


def _off_diagonal(matrix: FloatArray) -> float:
    return fsum((matrix - np.diag(matrix.diagonal())).ravel().tolist())
