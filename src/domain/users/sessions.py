"""A session: what a login begins, a refresh carries on, and a logout ends.

A refresh token is good for one use and names the generation it belongs to. Whoever shows an older
one has a copy that somebody else has used already; nobody can say who of the two is the thief, so
the session ends for both (RFC 9700, section 4.14.2). The one exception is the token before the
newest, within a few seconds: a client whose answer was lost on the way asks again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

IDLE: Final = timedelta(days=7)
LONGEST: Final = timedelta(days=30)
GRACE: Final = timedelta(seconds=10)
MOST: Final = 32  # sessions of one user; one more ends the one that was used longest ago


class Ended(StrEnum):
    """Why a session is over."""

    LOGOUT = "logout"
    REVOKED = "revoked"
    REUSED = "reused"
    PASSWORD = "password"  # noqa: S105 - a cause, no secret
    DEACTIVATED = "deactivated"
    CROWDED = "crowded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One login of a user. `generation` counts the refresh tokens it has had, from 1 on."""

    id: str
    opened_at: datetime
    refreshed_at: datetime
    generation: int = 1

    @property
    def ends_at(self) -> datetime:
        """When it is over unless it is refreshed before: idle, or as old as one may get."""
        return min(self.refreshed_at + IDLE, self.opened_at + LONGEST)

    def is_alive(self, at: datetime) -> bool:
        """Whether it has not run out at an instant."""
        return at < self.ends_at

    def is_repeated(self, generation: int, at: datetime) -> bool:
        """Whether this is the token before the newest, shown again before the answer was there."""
        return generation == self.generation - 1 and at <= self.refreshed_at + GRACE
