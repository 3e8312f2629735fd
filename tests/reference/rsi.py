"""RSI three times over: exact and obvious, as the document prints it, and as Wilder's worksheet."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import reduce
from itertools import pairwise
from operator import add


def exact_rsi(closes: Sequence[float], period: int) -> Fraction:
    """Return 100 * gains / (gains + losses) of the last changes, in exact fractions.

    It is the same index without a single division by the average loss: with G and L the sums,
    100 - 100 / (1 + G/L) = 100 * G / (G + L).
    """
    exact = [Fraction(close) for close in closes]
    if len(exact) < period + 1:
        return Fraction(50)
    changes = [later - earlier for earlier, later in pairwise(exact)][-period:]
    gains = sum((change for change in changes if change > 0), Fraction(0))
    losses = sum((-change for change in changes if change < 0), Fraction(0))
    return 100 * gains / (gains + losses) if gains + losses else Fraction(50)


def document_rsi(closes: Sequence[float], period: int = 14) -> float:
    """Return what the published code returns, line by line.

    Its `sum` is written as the plain additions it stood for; since Python 3.12 `sum` compensates
    for rounding.
    """
    if len(closes) < period + 1:
        return 50.0
    deltas = [closes[i] - closes[i - 1] for i in range(1, len(closes))]
    gains = [d if d > 0 else 0 for d in deltas]  # noqa: FURB136 - as published
    losses = [-d if d < 0 else 0 for d in deltas]
    avg_gain = reduce(add, gains[-period:]) / period
    avg_loss = reduce(add, losses[-period:]) / period
    if avg_loss == 0:
        return 100.0
    rs = avg_gain / avg_loss
    return 100 - (100 / (1 + rs))


def exact_wilder_rsi(closes: Sequence[float], period: int) -> Fraction:
    """Return Wilder's RSI by unrolling his average into one weighted sum.

    After n further changes the first average weighs (1 - 1/period)^n, and the change made k steps
    ago weighs (1 - 1/period)^k / period.
    """
    exact = [Fraction(close) for close in closes]
    if len(exact) < period + 1:
        return Fraction(50)
    changes = [later - earlier for earlier, later in pairwise(exact)]
    keep = 1 - Fraction(1, period)
    further = changes[period:]

    def average(of: Sequence[Fraction]) -> Fraction:
        first = sum(of[:period], Fraction(0)) / period * keep ** len(further)
        steps = reversed(of[period:])
        return first + sum((c * keep**k / period for k, c in enumerate(steps)), Fraction(0))

    gains = average([max(change, Fraction(0)) for change in changes])
    losses = average([max(-change, Fraction(0)) for change in changes])
    return 100 * gains / (gains + losses) if gains + losses else Fraction(50)
