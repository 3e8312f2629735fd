"""Log in, carry a session on, log out."""

from __future__ import annotations

from dataclasses import dataclass

from traderbot.application.errors import NotFoundError, WrongCredentialsError
from traderbot.application.ports.clock import Clock
from traderbot.application.ports.commands import Command
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.application.views import SessionView, UserView
from traderbot.domain.shared.ids import UserId
from traderbot.domain.users.sessions import Ended
from traderbot.domain.users.user import User


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSession(Command[SessionView]):
    """Somebody has shown the right password."""

    user_id: UserId
    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSessionHandler:
    """Handles `OpenSession`."""

    clock: Clock

    def __call__(self, command: OpenSession, unit: UnitOfWork) -> SessionView:
        """Return the session. Raises WrongCredentialsError for who may not act (any more)."""
        user = unit.users.find(command.user_id)
        if user is None or not user.active:
            raise WrongCredentialsError
        events = user.open_session(command.session_id, at=self.clock.now())
        after = unit.users.record(user.id, events)
        return SessionView.of(after.sessions[command.session_id])


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshSession(Command[SessionView | None]):
    """Somebody shows the refresh token of a generation."""

    user_id: UserId
    session_id: str
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshSessionHandler:
    """Handles `RefreshSession`. A token shown a second time ends the session: that is recorded."""

    clock: Clock

    def __call__(self, command: RefreshSession, unit: UnitOfWork) -> SessionView | None:
        """Return the session as it goes on, None if it has ended by this.

        Raises:
            SessionOverError: there is no such session any more.
            NotFoundError: there is no such user.
        """
        user = _user(command.user_id, unit)
        at = self.clock.now()
        events = user.refresh_session(command.session_id, command.generation, at=at)
        after = unit.users.record(user.id, events) if events else user
        session = after.sessions.get(command.session_id)
        return None if session is None else SessionView.of(session)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSession(Command[UserView]):
    """A session shall be over."""

    user_id: UserId
    session_id: str
    cause: Ended = Ended.LOGOUT


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSessionHandler:
    """Handles `EndSession`. One that is over stays over."""

    clock: Clock

    def __call__(self, command: EndSession, unit: UnitOfWork) -> UserView:
        """Return the user. Raises NotFoundError."""
        user = _user(command.user_id, unit)
        events = user.end_session(command.session_id, command.cause, at=self.clock.now())
        return UserView.of(unit.users.record(user.id, events) if events else user, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSessions(Command[UserView]):
    """Every session of a user shall be over, perhaps but one."""

    user_id: UserId
    but: str | None = None
    cause: Ended = Ended.REVOKED


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSessionsHandler:
    """Handles `EndSessions`."""

    clock: Clock

    def __call__(self, command: EndSessions, unit: UnitOfWork) -> UserView:
        """Return the user. Raises NotFoundError."""
        user = _user(command.user_id, unit)
        events = user.end_sessions(command.cause, at=self.clock.now(), but=command.but)
        return UserView.of(unit.users.record(user.id, events) if events else user, None)


def _user(user_id: UserId, unit: UnitOfWork) -> User:
    user = unit.users.find(user_id)
    if user is None:
        raise NotFoundError("user", user_id)
    return user
