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


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOpened:
    """A user logged in."""

    user_id: UserId
    at: datetime
    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRefreshed:
    """A session got its next refresh token; the one before it is used up."""

    user_id: UserId
    at: datetime
    session_id: str
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded:
    """A session is over; `cause` is one of `sessions.Ended`."""

    user_id: UserId
    at: datetime
    session_id: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordChanged:
    """A user has another password. What it is stands nowhere in the log, not even as a hash."""

    user_id: UserId
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeKeyAdded:
    """A user has stored a key of theirs at an exchange; not a character of it is in the log."""

    user_id: UserId
    at: datetime
    key_id: str
    exchange: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeKeyRemoved:
    """A stored key is gone; what was sealed of it is erased in the same transaction."""

    user_id: UserId
    at: datetime
    key_id: str


UserEvent = (
    UserRegistered
    | UserDeactivated
    | SessionOpened
    | SessionRefreshed
    | SessionEnded
    | PasswordChanged
    | ExchangeKeyAdded
    | ExchangeKeyRemoved
)
