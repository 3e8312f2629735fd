"""A bar: what a market did between two instants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Price, Quantity, Symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Open, high, low, close and volume of one symbol over one timeframe.

    `at` is the instant the bar opens, aware and in UTC.
    """

    symbol: Symbol
    timeframe: Timeframe
    at: datetime
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Quantity

    def __post_init__(self) -> None:
        """Raise InvalidValueError if the prices contradict each other or the time is naive."""
        # Years of minutes pass here: plain numbers are compared, for prices make tuples of theirs.
        if self.at.tzinfo is not UTC and self.at.utcoffset() != timedelta(0):
            msg = f"a bar opens at an aware UTC instant, not {self.at.isoformat()}"
            raise InvalidValueError(msg)
        low, high = self.low.value, self.high.value
        if not (low <= self.open.value <= high and low <= self.close.value <= high):
            msg = (
                f"low <= open, close <= high does not hold: open {self.open}, high {self.high}, "
                f"low {self.low}, close {self.close}"
            )
            raise InvalidValueError(msg)

    @property
    def closes_at(self) -> datetime:
        """The first instant after the bar, when its close is known."""
        return self.at + self.timeframe.duration
