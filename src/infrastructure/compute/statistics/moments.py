"""Means, deviations and powers that do not depend on the machine.

A sum is taken by folding the array in halves, which is as exact as a pairwise sum and always the
same additions, however wide the machine's vectors are. Powers are taken in decimal, since the C
library's last bit differs from one machine to the next.
"""

from __future__ import annotations

from decimal import Context, Decimal
from math import sqrt

import numpy as np

from traderbot.infrastructure.compute.arrays import FloatArray

# A return is rounded to about 1e-16. What varies by no more than this does not vary.
STILL = 1e-14
_EXACT = Context(prec=30, traps=[])


def total(values: FloatArray) -> float:
    """Return the sum; 0 of no values. The error grows with the logarithm of their number."""
    rest = values
    while rest.size > 1:
        half = rest.size // 2
        folded = rest[:half] + rest[half : 2 * half]
        rest = np.append(folded, rest[-1]) if rest.size % 2 else folded
    return float(rest[0]) if rest.size else 0.0


def mean(values: FloatArray) -> float | None:
    """Return the average; None of no values."""
    return total(values) / values.size if values.size else None


def central_sum(values: FloatArray, power: int) -> float:
    """Return the sum of (value - mean) ** power, of one value or more; the power is 2, 3 or 4."""
    away = values - total(values) / values.size
    raised = away * away
    if power == 3:  # noqa: PLR2004
        raised = raised * away
    elif power == 4:  # noqa: PLR2004
        raised = raised * raised
    return total(raised)


def deviation(values: FloatArray) -> float | None:
    """Return the standard deviation of a sample, divided by one less than there are values.

    None of fewer than two values, or if they do not vary.
    """
    if values.size <= 1:
        return None
    found = sqrt(central_sum(values, 2) / (values.size - 1))
    return found if found > STILL else None


def ratio(above: float | None, below: float | None) -> float | None:
    """Return above / below; None if either is None, or below is zero."""
    return above / below if above is not None and below else None


def power(base: float, exponent: float) -> float:
    """Return base ** exponent for a base above zero, infinite if no float64 is so large."""
    return float(_EXACT.power(Decimal(base), Decimal(exponent)))
