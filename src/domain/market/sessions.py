"""When a day of trading begins and ends at an exchange."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from traderbot.domain.shared.errors import InvalidValueError


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The hours of each day, in the exchange's own time; `closes` is the first instant after."""

    zone: str
    opens: time
    closes: time

    def __post_init__(self) -> None:
        """Raise InvalidValueError for an unknown zone, or for a day that ends before it begins."""
        if self.opens >= self.closes:
            msg = f"a session opens before it closes, not {self.opens} to {self.closes}"
            raise InvalidValueError(msg)
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            msg = f"no time zone is called {self.zone!r:.60} here, such as America/New_York"
            raise InvalidValueError(msg) from error

    def on(self, day: date) -> tuple[datetime, datetime]:
        """Return when the session of a day opens and closes, in UTC."""
        zone = ZoneInfo(self.zone)
        opens = datetime.combine(day, self.opens, zone).astimezone(UTC)
        return opens, datetime.combine(day, self.closes, zone).astimezone(UTC)

    def day_of(self, at: datetime) -> date | None:
        """Return the day in whose session an instant is; None outside of all."""
        day = at.astimezone(ZoneInfo(self.zone)).date()
        opens, closes = self.on(day)
        return day if opens <= at < closes else None


NEW_YORK = Session(
    zone="America/New_York",
    opens=time.fromisoformat("09:30"),
    closes=time.fromisoformat("16:00"),
)
