"""How the market feels about something, and how sure we are of it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from traderbot.domain.shared.decimals import exact, plain
from traderbot.domain.shared.errors import InvalidValueError

_set = object.__setattr__  # the one way into a frozen instance


@dataclass(frozen=True, slots=True, init=False)
class Sentiment:
    """A mood: score from -1 (all bearish) to 1 (all bullish), confidence from 0 to 1."""

    score: Decimal
    confidence: Decimal

    def __init__(self, score: Decimal | int | str, confidence: Decimal | int | str) -> None:
        """Raise InvalidValueError for floats, inexact values and values out of range."""
        _set(self, "score", _within("score", score, -1))
        _set(self, "confidence", _within("confidence", confidence, 0))

    def __str__(self) -> str:
        return f"{plain(self.score)} (confidence {plain(self.confidence)})"


def _within(what: str, value: Decimal | int | str, lowest: int) -> Decimal:
    number = exact(value)
    if not lowest <= number <= 1:
        msg = f"a sentiment's {what} is from {lowest} to 1, not {plain(number)}"
        raise InvalidValueError(msg)
    return number
