"""The User aggregate: who may act. Names, addresses and passwords live outside the event log."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from traderbot.domain.shared.errors import CorruptHistoryError
from traderbot.domain.shared.history import evolve, fold
from traderbot.domain.shared.ids import UserId
from traderbot.domain.users.events import UserDeactivated, UserEvent, UserRegistered


class Role(StrEnum):
    """What a user may do; each includes nothing of the others."""

    USER = "user"
    TRADER = "trader"
    AUDITOR = "auditor"
    ADMIN = "admin"


@dataclass(frozen=True, kw_only=True)
class User:
    """A user as their events have made them."""

    id: UserId
    role: Role
    registered_at: datetime
    updated_at: datetime
    active: bool = True
    version: int = 1

    @staticmethod
    def register(user_id: UserId, role: Role, *, at: datetime) -> tuple[UserEvent, ...]:
        """Begin a user."""
        return (UserRegistered(user_id=user_id, at=at, role=role.value),)

    def deactivate(self, reason: str, *, at: datetime) -> tuple[UserEvent, ...]:
        """Take away every right. Asking twice is harmless."""
        if not self.active:
            return ()
        return (UserDeactivated(user_id=self.id, at=at, reason=reason),)

    @staticmethod
    def begin(event: UserEvent) -> User:
        """Return the user their first event made. Raises CorruptHistoryError."""
        if not isinstance(event, UserRegistered):
            msg = f"user {event.user_id} starts with {type(event).__name__}"
            raise CorruptHistoryError(msg)
        return User(
            id=event.user_id,
            role=Role(event.role),
            registered_at=event.at,
            updated_at=event.at,
        )

    def apply(self, event: UserEvent) -> User:
        """Return the user after `event`."""
        match event:
            case UserDeactivated():
                return evolve(self, version=self.version + 1, active=False, updated_at=event.at)
            case UserRegistered():
                msg = f"user {self.id} was registered twice"
                raise CorruptHistoryError(msg)

    @staticmethod
    def from_events(events: Iterable[UserEvent]) -> User:
        """Fold a whole history. Raises CorruptHistoryError."""
        return fold(User.begin, events)
