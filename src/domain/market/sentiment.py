"""How the market feels about something, and how sure we are of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from traderbot.domain.shared.decimals import exact, plain
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Symbol

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Mood:
    """What somebody said of a symbol's sentiment at an instant, and when it could be read."""

    symbol: Symbol
    sentiment: Sentiment
    at: datetime  # what the mood is of
    known_at: datetime  # when it was published; a strategy sees it from here on
    source: str = ""

    def __post_init__(self) -> None:
        """Raise InvalidValueError for a naive instant, or for what is known before it happens."""
        for instant in (self.at, self.known_at):
            if instant.utcoffset() != timedelta(0):
                msg = f"a mood is of an aware UTC instant, not {instant.isoformat()}"
                raise InvalidValueError(msg)
        if self.known_at < self.at:
            msg = f"a mood of {self.at.isoformat()} was not known at {self.known_at.isoformat()}"
            raise InvalidValueError(msg)


def newest_mood(moods: Iterable[Mood], symbol: Symbol, at: datetime) -> Mood | None:
    """Return the mood of the latest instant among those known at `at`; None if there is none.

    Of two of one instant, the one that became known later is the correction, and counts.
    """
    known = [it for it in moods if it.symbol == symbol and it.known_at <= at]
    return max(known, key=lambda it: (it.at, it.known_at), default=None)


def _within(what: str, value: Decimal | int | str, lowest: int) -> Decimal:
    number = exact(value)
    if not lowest <= number <= 1:
        msg = f"a sentiment's {what} is from {lowest} to 1, not {plain(number)}"
        raise InvalidValueError(msg)
    return number
