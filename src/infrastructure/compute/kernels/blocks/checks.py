"""What is looked at before a result is believed: gaps, and values beyond what is allowed."""

from __future__ import annotations

from traderbot.infrastructure.compute.arrays import LARGEST, FloatArray

CHUNK = 512  # bars that stay in the fastest cache


def odd_values(x: FloatArray) -> int:
    """Return how many values are gaps or beyond what is allowed."""
    found = 0
    for i in range(len(x)):
        found += 0 if abs(x[i]) < LARGEST else 1
    return found


def odd_bars(high: FloatArray, low: FloatArray, close: FloatArray) -> int:
    """Return how many bars are odd, or so near to it that they are to be looked at again."""
    found = 0
    for i in range(len(high)):
        found += 0 if (abs(high[i]) + abs(low[i])) + abs(close[i]) < LARGEST else 1
    return found
