"""What the risk models take: checked samples of returns, weights and covariances.

Rows are periods, oldest first; columns are symbols. Every refusal names the row and the column.
"""

from __future__ import annotations

from math import fsum

import numpy as np
import numpy.typing as npt

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.compute.arrays import FloatArray, Numbers

_TABLE = 2  # dimensions
_LARGEST = 1e70  # the fourth power of a return is summed up, and has to stay finite
_ROUNDING = 1e-9  # how far from symmetric or from positive rounding may leave a covariance


def returns_table(returns: Numbers, *, least: int = 2) -> FloatArray:
    """Return the returns as a float64 table of shape (periods, symbols).

    Raises:
        InvalidValueError: not two dimensions, fewer than `least` rows, no column, or a value that
            is NaN, infinite or absurdly large.
    """
    table = _real("returns", returns)
    if table.ndim != _TABLE:
        msg = (
            f"returns have one row per period and one column per symbol, not shape {table.shape}; "
            "for a single symbol use shape (periods, 1)"
        )
        raise InvalidValueError(msg)
    rows, columns = table.shape
    if columns < 1:
        msg = "returns have no column: there is no symbol to measure"
        raise InvalidValueError(msg)
    if rows < least:
        msg = f"{rows} rows of returns are too few: at least {least} are needed"
        raise InvalidValueError(msg)
    return _finite("returns", table)


def returns_series(returns: Numbers, *, least: int = 1) -> FloatArray:
    """Return the returns of one thing as a float64 series.

    Raises:
        InvalidValueError: not one dimension, fewer than `least` values, or one that is no number.
    """
    series = _real("returns", returns)
    if series.ndim != 1:
        msg = f"returns are one series, oldest first, not of shape {series.shape}"
        raise InvalidValueError(msg)
    if series.size < least:
        msg = f"{series.size} returns are too few: at least {least} are needed"
        raise InvalidValueError(msg)
    return _finite("returns", series)


def simple_returns(prices: Numbers) -> FloatArray:
    """Return price / previous price - 1, one row fewer than there are prices.

    Args:
        prices: shape (periods, symbols) or (periods,); finite, above zero, oldest first.

    Raises:
        InvalidValueError: fewer than two rows, or a price that is not above zero.
    """
    table = _finite("prices", _real("prices", prices))
    if table.ndim not in {1, _TABLE} or table.shape[0] <= 1:
        msg = f"prices are two rows or more, one per period, not of shape {table.shape}"
        raise InvalidValueError(msg)
    if (table <= 0).any():
        place = np.argwhere(table <= 0)[0]
        msg = f"prices {_named(place)} is {table[tuple(place)]}: a price is above zero"
        raise InvalidValueError(msg)
    return np.asarray(table[1:] / table[:-1] - 1.0, dtype=np.float64)


def weights_of(weights: Numbers, symbols: int | None = None) -> FloatArray:
    """Return the weights as a float64 series: shares of the equity, below zero for short.

    Raises:
        InvalidValueError: not one dimension, none, not one per symbol, or one that is no number.
    """
    series = _real("weights", weights)
    if series.ndim != 1 or not series.size:
        msg = f"weights are one series, one per symbol, not of shape {series.shape}"
        raise InvalidValueError(msg)
    if symbols is not None and series.size != symbols:
        msg = f"{series.size} weights do not fit {symbols} symbols"
        raise InvalidValueError(msg)
    return _finite("weights", series)


def covariance_of(covariance: Numbers) -> FloatArray:
    """Return the covariance as a float64 matrix.

    Raises:
        InvalidValueError: not square, not symmetric, a variance below zero, or no numbers.
    """
    matrix = _real("covariance", covariance)
    if matrix.ndim != _TABLE or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        msg = f"a covariance is square, one row and one column per symbol, not {matrix.shape}"
        raise InvalidValueError(msg)
    _finite("covariance", matrix)
    slack = _ROUNDING * float(np.abs(matrix).max())
    skew = np.abs(matrix - matrix.T) > slack
    if skew.any():
        row, column = (int(i) for i in np.argwhere(skew)[0])
        msg = (
            f"a covariance is symmetric: row {row}, column {column} is {matrix[row, column]}, "
            f"and row {column}, column {row} is {matrix[column, row]}"
        )
        raise InvalidValueError(msg)
    below = np.flatnonzero(matrix.diagonal() < 0)
    if below.size:
        symbol = int(below[0])
        msg = f"covariance row {symbol}, column {symbol} is a variance below zero"
        raise InvalidValueError(msg)
    return matrix


def variance_of(weights: FloatArray, covariance: FloatArray) -> float:
    """Return the variance of the weighted sum.

    Raises:
        InvalidValueError: it is below zero, which no covariance can make it.
    """
    parts = [
        float(weight) * dot(row, weights) for weight, row in zip(weights, covariance, strict=True)
    ]
    variance = fsum(parts)
    if variance < -_ROUNDING * fsum(map(abs, parts)):
        msg = (
            f"these weights have a variance of {variance}: the matrix is no covariance (not "
            "positive semidefinite); shrink it first"
        )
        raise InvalidValueError(msg)
    return max(variance, 0.0)


def dot(left: FloatArray, right: FloatArray) -> float:
    """Return the scalar product, its sum rounded once: the same bits in any order, anywhere."""
    return fsum((left * right).tolist())


def outer_sum(left: FloatArray, right: FloatArray) -> FloatArray:
    """Return the sum over the rows of their outer products: `left.T @ right`.

    One row after the other, in plain multiplications and additions. A matrix product of BLAS is
    faster, but rounds as the machine's threads and instructions have it.
    """
    total = np.zeros((left.shape[1], right.shape[1]))
    for one, other in zip(left, right, strict=True):
        total += np.multiply.outer(one, other)
    return total


def _real(name: str, values: Numbers) -> FloatArray:
    try:
        found = np.asarray(values)
    except ValueError as error:  # rows of different lengths
        msg = f"{name} is no array: every row has the same number of columns"
        raise InvalidValueError(msg) from error
    if found.size and found.dtype.kind not in "fiu":
        msg = f"{name} are real numbers, not {found.dtype}: convert them to float first"
        raise InvalidValueError(msg)
    return np.ascontiguousarray(found, dtype=np.float64) if found.ndim else found


def _finite(name: str, values: FloatArray) -> FloatArray:
    wrong = ~(np.abs(values) < _LARGEST)  # NaN and both infinities, too
    if wrong.any():
        place = np.argwhere(wrong)[0]
        msg = (
            f"{name} {_named(place)} is {values[tuple(place)]}: "
            "leave the row out or fill it before measuring risk"
        )
        raise InvalidValueError(msg)
    return values


def _named(place: npt.NDArray[np.intp]) -> str:
    return ", ".join(f"{axis} {int(i)}" for axis, i in zip(("row", "column"), place, strict=False))
