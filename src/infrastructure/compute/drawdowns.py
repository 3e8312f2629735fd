"""Drawdowns of an equity curve: how far below its highest point so far it was, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.compute.arrays import FloatArray, Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawdown:
    """One fall: its depth as a fraction of the peak, and the bars it began, turned and ended at.

    `recovered` is the first bar at or above the peak again; None while it is still below.
    """

    depth: float
    peak: int
    trough: int
    recovered: int | None


def drawdowns(equity: Numbers) -> FloatArray:
    """Return how far below its running peak each value is, as a fraction of that peak: 0 to 1.

    Args:
        equity: shape (bars,), one bar or more; finite, above zero, oldest first.

    Raises:
        InvalidValueError: no bars, not one dimension, or a value that is not above zero.
    """
    curve = _checked(equity)
    return np.asarray(1.0 - curve / np.maximum.accumulate(curve), dtype=np.float64)


def max_drawdown(equity: Numbers) -> float:
    """Return the deepest fall from a running peak, as a fraction of that peak; 0 without a fall.

    Args:
        equity: shape (bars,), one bar or more; finite, above zero, oldest first.

    Raises:
        InvalidValueError: no bars, not one dimension, or a value that is not above zero.

    Source:
        M. Magdon-Ismail and A. Atiya, "Maximum Drawdown", Risk 17(10), 2004.
    """
    return float(drawdowns(equity).max())


def deepest_drawdown(equity: Numbers) -> Drawdown | None:
    """Return the deepest fall, the first of equals; None if the curve never fell.

    Raises:
        InvalidValueError: no bars, not one dimension, or a value that is not above zero.
    """
    curve = _checked(equity)
    falls = drawdowns(curve)
    trough = int(falls.argmax())
    if falls[trough] == 0:
        return None
    high = curve[: trough + 1].max()
    peak = int(np.flatnonzero(curve[: trough + 1] == high)[-1])
    again = np.flatnonzero(curve[trough:] >= high)
    recovered = trough + int(again[0]) if again.size else None
    return Drawdown(depth=float(falls[trough]), peak=peak, trough=trough, recovered=recovered)


def _checked(equity: Numbers) -> FloatArray:
    curve = np.asarray(equity)
    if curve.ndim != 1 or not curve.size:
        msg = f"an equity curve is one series of one bar or more, not of shape {curve.shape}"
        raise InvalidValueError(msg)
    if curve.dtype.kind not in "fiu":
        msg = f"an equity curve is of real numbers, not {curve.dtype}: convert it to float first"
        raise InvalidValueError(msg)
    curve = np.ascontiguousarray(curve, dtype=np.float64)
    wrong = np.flatnonzero(~((curve > 0) & (curve < np.inf)))
    if wrong.size:
        row = int(wrong[0])
        msg = f"equity row {row} is {curve[row]}: a drawdown needs finite values above zero"
        raise InvalidValueError(msg)
    return curve
