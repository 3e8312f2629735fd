"""How long values of each kind are kept."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Final

# Seconds. A kind that is not named here is kept as long as `default`.
CATEGORIES: Final[Mapping[str, float]] = {
    "quote": 1.0,  # the last price
    "portfolio": 5.0,
    "view": 30.0,  # other answers from the state rows
    "market_data": 60.0,  # candles
    "indicator": 300.0,
    "report": 3600.0,  # of a finished backtest: it never changes
    "default": 300.0,
}
JITTER: Final = 0.1
LONGEST_SECONDS: Final = 30 * 86_400.0


class Lifetimes:
    """The TTL of each category, a little shortened at random.

    Values that were kept together would otherwise expire together, and be loaded all at once.

    Raises:
        ValueError: a TTL is not above 0, or longer than 30 days.
    """

    def __init__(
        self,
        categories: Mapping[str, float] | None = None,
        *,
        jitter: float = JITTER,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """Take `categories` in place of, or beside, those of the house."""
        self._seconds = {**CATEGORIES, **(categories or {})}
        self._default = self._seconds["default"]
        self._jitter = jitter
        self._draw = draw
        for each in self._seconds.values():
            _refuse_impossible(each)

    def of(self, key: str, ttl: float | None = None) -> float:
        """Return for how many seconds the value of a key is kept now."""
        if ttl is None:
            ttl = self._seconds.get(category_of(key), self._default)
        else:
            _refuse_impossible(ttl)
        return ttl * (1.0 - self._jitter * self._draw())


def category_of(key: str) -> str:
    """Return the part of a key before its first colon; the whole key if it has none."""
    return key.partition(":")[0]


def _refuse_impossible(ttl: float) -> None:
    if not 0 < ttl <= LONGEST_SECONDS:
        msg = (
            f"a value is kept for more than 0 and at most {LONGEST_SECONDS:.0f} seconds, not {ttl}"
        )
        raise ValueError(msg)
