"""The Relative Strength Index, one scalar step in plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from traderbot.domain.strategies.errors import InvalidParameterError

Smoothing = Literal["simple", "wilder"]
SMOOTHINGS: tuple[Smoothing, ...] = get_args(Smoothing)

NEUTRAL = 50.0


def rsi(closes: Sequence[float], period: int = 14, smoothing: Smoothing = "simple") -> float:
    """Return the RSI of the last close, from 0 to 100; 50 while there are not `period` changes.

    The order of operations is part of the definition, so that every kernel can give the same bits:
    gains and losses are summed from the oldest to the newest, one plain addition each, and divided
    by `period` once; then rs = gain / loss, and the index is 100 - (100 / (1 + rs)).

    `simple` averages the last `period` changes and looks at no others. `wilder` starts with the
    simple average of the first `period` changes of `closes`, and then, change by change, takes
    (average * (period - 1) + change) / period: its value depends on where `closes` begins.

    No loss gives 100, except when there was no gain either: a market that does not move at all
    is neutral, 50.

    Args:
        closes: oldest first, finite.
        period: how many changes make an average, at least 1.
        smoothing: `simple` or `wilder`.

    Raises:
        InvalidParameterError: a period below 1, or another smoothing.

    Source:
        Wilder, "New Concepts in Technical Trading Systems", 1978. There the averages are smoothed;
        the simple average is Cutler's variant.
    """
    if period < 1:
        raise InvalidParameterError(parameter="period", reason=f"at least 1, not {period}")
    if smoothing not in SMOOTHINGS:
        reason = f"one of {', '.join(SMOOTHINGS)}; not {smoothing!r:.60}"
        raise InvalidParameterError(parameter="smoothing", reason=reason)
    count = len(closes)
    if count < period + 1:
        return NEUTRAL
    if smoothing == "simple":
        average_gain, average_loss = _simple(closes, count - period, count, period)
    else:
        average_gain, average_loss = _simple(closes, 1, period + 1, period)
        for i in range(period + 1, count):
            change = closes[i] - closes[i - 1]
            gain = change if change > 0 else 0.0
            loss = -change if change < 0 else 0.0
            average_gain = (average_gain * (period - 1) + gain) / period
            average_loss = (average_loss * (period - 1) + loss) / period
    if average_loss == 0:
        return NEUTRAL if average_gain == 0 else 100.0
    rs = average_gain / average_loss
    return 100 - (100 / (1 + rs))


def _simple(closes: Sequence[float], first: int, end: int, period: int) -> tuple[float, float]:
    # Not `sum`: since Python 3.12 it compensates for rounding, so its last bit depends on the
    # version of the interpreter.
    gains = losses = 0.0
    for i in range(first, end):
        change = closes[i] - closes[i - 1]
        if change > 0:
            gains += change
        elif change < 0:
            losses += -change
    return gains / period, losses / period
