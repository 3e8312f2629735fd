"""How long a bar lasts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum


class Timeframe(StrEnum):
    """The lengths of bar this program trades and stores."""

    M1 = "1m"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    H1 = "1h"
    H4 = "4h"
    D1 = "1d"
    W1 = "1w"

    @property
    def duration(self) -> timedelta:
        """How long a bar of this timeframe lasts."""
        return _DURATIONS[self]

    def opening(self, at: datetime) -> datetime:
        """Return when the bar opens in which an instant lies: on the grid of UTC.

        Days open at 00:00, weeks on Mondays, and everything shorter divides the day.
        """
        return at - (at - _MONDAY) % self.duration

    def next_opening(self, after: datetime) -> datetime:
        """Return when the first bar opens that opens after an instant."""
        return self.opening(after) + self.duration


_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
_DURATIONS = {
    Timeframe.M1: timedelta(minutes=1),
    Timeframe.M5: timedelta(minutes=5),
    Timeframe.M15: timedelta(minutes=15),
    Timeframe.M30: timedelta(minutes=30),
    Timeframe.H1: timedelta(hours=1),
    Timeframe.H4: timedelta(hours=4),
    Timeframe.D1: timedelta(days=1),
    Timeframe.W1: timedelta(weeks=1),
}
