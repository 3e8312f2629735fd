"""Register and deactivate users."""

from __future__ import annotations

from dataclasses import dataclass, field

from traderbot.application.errors import EmailTakenError, NotFoundError
from traderbot.application.ports.clock import Clock, IdSource
from traderbot.application.ports.commands import Command
from traderbot.application.ports.unit_of_work import Profile, UnitOfWork
from traderbot.application.views import UserView
from traderbot.domain.shared.ids import UserId
from traderbot.domain.users.user import Role, User


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterUser(Command[UserView]):
    """Somebody wants in. The password was hashed before it came here."""

    email: str
    password_hash: str = field(repr=False)
    role: Role = Role.TRADER


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterUserHandler:
    """Handles `RegisterUser`. The address goes to the profile, never into the log."""

    clock: Clock
    ids: IdSource

    def __call__(self, command: RegisterUser, unit: UnitOfWork) -> UserView:
        """Return the user. Raises EmailTakenError."""
        if unit.profiles.by_email(command.email) is not None:
            msg = "this e-mail address belongs to another user"
            raise EmailTakenError(msg)
        user_id, at = UserId(self.ids.new()), self.clock.now()
        user = unit.users.record(user_id, User.register(user_id, command.role, at=at))
        unit.profiles.add(
            Profile(
                user_id=user_id,
                email=command.email,
                password_hash=command.password_hash,
                created_at=at,
            )
        )
        return UserView.of(user, command.email)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeactivateUser(Command[UserView]):
    """Somebody may no longer act."""

    user_id: UserId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeactivateUserHandler:
    """Handles `DeactivateUser`. Asking twice is harmless."""

    clock: Clock

    def __call__(self, command: DeactivateUser, unit: UnitOfWork) -> UserView:
        """Return the user. Raises NotFoundError."""
        user = unit.users.find(command.user_id)
        if user is None:
            raise NotFoundError("user", command.user_id)
        for key_id in user.exchange_keys:
            unit.vault.remove(key_id)
        events = user.deactivate(command.reason, at=self.clock.now())
        return UserView.of(unit.users.record(user.id, events) if events else user, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePassword(Command[UserView]):
    """Somebody wants another password, which was hashed before it came here."""

    user_id: UserId
    password_hash: str = field(repr=False)
    session_id: str | None = None  # the one that goes on


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePasswordHandler:
    """Handles `ChangePassword`. Every other session ends."""

    clock: Clock

    def __call__(self, command: ChangePassword, unit: UnitOfWork) -> UserView:
        """Return the user. Raises NotFoundError."""
        user = unit.users.find(command.user_id)
        if user is None:
            raise NotFoundError("user", command.user_id)
        unit.profiles.change_password(user.id, command.password_hash)
        events = user.change_password(at=self.clock.now(), but=command.session_id)
        return UserView.of(unit.users.record(user.id, events), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewHash(Command[UserView]):
    """The same password was hashed with the parameters of today."""

    user_id: UserId
    password_hash: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewHashHandler:
    """Handles `RenewHash`. Nothing about the user changes, so nothing is recorded."""

    def __call__(self, command: RenewHash, unit: UnitOfWork) -> UserView:
        """Return the user. Raises NotFoundError."""
        user = unit.users.find(command.user_id)
        if user is None:
            raise NotFoundError("user", command.user_id)
        unit.profiles.change_password(user.id, command.password_hash)
        return UserView.of(user, None)
