"""The Relative Strength Index of a list of closes."""

from __future__ import annotations

from collections.abc import Sequence

from traderbot.domain.strategies.errors import InvalidParameterError
from traderbot.domain.strategies.indicators.momentum import (
    NEUTRAL,
    SMOOTHINGS,
    Smoothing,
    last_strength,
    smoothing_of,
)

__all__ = ["NEUTRAL", "SMOOTHINGS", "Smoothing", "rsi"]


def rsi(closes: Sequence[float], period: int = 14, smoothing: Smoothing = "simple") -> float:
    """Return the RSI of the last close, from 0 to 100; 50 while there are not `period` changes.

    It is the last value that `indicators.momentum.rsi` gives for these closes, to the bit, except
    that one that is not known yet is neutral here. The definition is written there.

    Args:
        closes: oldest first, finite.
        period: how many changes make an average, at least 1.
        smoothing: `simple` or `wilder`.

    Raises:
        InvalidParameterError: a period below 1, or another smoothing.
    """
    if period < 1:
        raise InvalidParameterError(parameter="period", reason=f"at least 1, not {period}")
    smoothing_of(smoothing)
    if len(closes) < period + 1:
        return NEUTRAL
    return last_strength(closes, period, smoothing)
