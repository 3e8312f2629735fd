"""What can happen to a user. A subject id, never a name, an address or a secret."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from traderbot.domain.shared.ids import UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRegistered:
    """A user exists."""

    user_id: UserId
    at: datetime
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserDeactivated:
    """A user may no longer act."""

    user_id: UserId
    at: datetime
    reason: str


UserEvent = UserRegistered | UserDeactivated
