"""The User aggregate: who may act. Names, addresses and passwords live outside the event log."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from traderbot.domain.shared.errors import CorruptHistoryError
from traderbot.domain.shared.history import evolve, fold
from traderbot.domain.shared.ids import UserId
from traderbot.domain.users.errors import SessionOverError, TooManyExchangeKeysError
from traderbot.domain.users.events import (
    ExchangeKeyAdded,
    ExchangeKeyRemoved,
    PasswordChanged,
    SessionEnded,
    SessionOpened,
    SessionRefreshed,
    UserDeactivated,
    UserEvent,
    UserRegistered,
)
from traderbot.domain.users.exchange_keys import (
    MOST_KEYS,
    ExchangeKey,
    exchange_name,
    key_label,
)
from traderbot.domain.users.sessions import MOST, Ended, Session


class Role(StrEnum):
    """What a user may do; each includes nothing of the others."""

    USER = "user"
    TRADER = "trader"
    AUDITOR = "auditor"
    ADMIN = "admin"


@dataclass(frozen=True, kw_only=True)
class User:
    """A user as their events have made them; `sessions` are those that nobody has ended."""

    id: UserId
    role: Role
    registered_at: datetime
    updated_at: datetime
    active: bool = True
    sessions: MappingProxyType[str, Session] = field(default_factory=lambda: MappingProxyType({}))
    exchange_keys: MappingProxyType[str, ExchangeKey] = field(
        default_factory=lambda: MappingProxyType({})
    )
    version: int = 1

    @staticmethod
    def register(user_id: UserId, role: Role, *, at: datetime) -> tuple[UserEvent, ...]:
        """Begin a user."""
        return (UserRegistered(user_id=user_id, at=at, role=role.value),)

    def deactivate(self, reason: str, *, at: datetime) -> tuple[UserEvent, ...]:
        """Take away every right, every session and exchange key. Asking twice is harmless."""
        if not self.active:
            return ()
        gone = UserDeactivated(user_id=self.id, at=at, reason=reason)
        return (
            gone,
            *self._end(self.sessions, Ended.DEACTIVATED, at),
            *(removed for id_ in self.exchange_keys for removed in self._remove(id_, at)),
        )

    def open_session(self, session_id: str, *, at: datetime) -> tuple[UserEvent, ...]:
        """Log in. What has run out is forgotten, and the oldest of too many is ended."""
        alive = [it for it in self.sessions.values() if it.is_alive(at)]
        alive.sort(key=lambda it: (it.refreshed_at, it.id))
        crowded = [it.id for it in alive[: max(0, len(alive) + 1 - MOST)]]
        opened = SessionOpened(user_id=self.id, at=at, session_id=session_id)
        return (*self._end(crowded, Ended.CROWDED, at), opened)

    def refresh_session(
        self, session_id: str, generation: int, *, at: datetime
    ) -> tuple[UserEvent, ...]:
        """Use a refresh token up. A token that was used before ends the session.

        Nothing happens if it is the one before the newest, shown again within a few seconds.

        Raises:
            SessionOverError: there is no such session any more, or it never had such a token.
        """
        session = self.sessions.get(session_id)
        if session is None or not session.is_alive(at) or generation > session.generation:
            raise SessionOverError(session_id)
        if session.is_repeated(generation, at):
            return ()
        if generation < session.generation:
            return self._end([session_id], Ended.REUSED, at)
        return (
            SessionRefreshed(
                user_id=self.id, at=at, session_id=session_id, generation=generation + 1
            ),
        )

    def end_session(self, session_id: str, cause: Ended, *, at: datetime) -> tuple[UserEvent, ...]:
        """End one session. One that is over stays over."""
        return self._end([session_id] if session_id in self.sessions else [], cause, at)

    def end_sessions(
        self, cause: Ended, *, at: datetime, but: str | None = None
    ) -> tuple[UserEvent, ...]:
        """End every session, perhaps but one."""
        return self._end([it for it in self.sessions if it != but], cause, at)

    def change_password(self, *, at: datetime, but: str | None = None) -> tuple[UserEvent, ...]:
        """Have another password, and end every session but the one that changed it."""
        changed = PasswordChanged(user_id=self.id, at=at)
        return (changed, *self.end_sessions(Ended.PASSWORD, at=at, but=but))

    def add_exchange_key(
        self, key_id: str, exchange: str, label: str, *, at: datetime
    ) -> tuple[UserEvent, ...]:
        """Have one more key at an exchange.

        Raises:
            InvalidValueError: an exchange or a label cannot be called so.
            TooManyExchangeKeysError: there are as many as there may be.
        """
        if len(self.exchange_keys) >= MOST_KEYS:
            raise TooManyExchangeKeysError(MOST_KEYS)
        added = ExchangeKeyAdded(
            user_id=self.id,
            at=at,
            key_id=key_id,
            exchange=exchange_name(exchange),
            label=key_label(label),
        )
        return (added,)

    def remove_exchange_key(self, key_id: str, *, at: datetime) -> tuple[UserEvent, ...]:
        """Have a key no more. One that is gone stays gone."""
        return self._remove(key_id, at) if key_id in self.exchange_keys else ()

    def _remove(self, key_id: str, at: datetime) -> tuple[UserEvent, ...]:
        return (ExchangeKeyRemoved(user_id=self.id, at=at, key_id=key_id),)

    def _end(self, ids: Iterable[str], cause: Ended, at: datetime) -> tuple[UserEvent, ...]:
        return tuple(
            SessionEnded(user_id=self.id, at=at, session_id=id_, cause=cause.value) for id_ in ids
        )

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
        version = self.version + 1
        match event:
            case UserDeactivated():
                return evolve(self, version=version, active=False, updated_at=event.at)
            case PasswordChanged():
                return evolve(self, version=version, updated_at=event.at)
            case SessionOpened() | SessionRefreshed() | SessionEnded():
                sessions = MappingProxyType(self._sessions_after(event))
                return evolve(self, version=version, sessions=sessions, updated_at=event.at)
            case ExchangeKeyAdded() | ExchangeKeyRemoved():
                keys = MappingProxyType(self._keys_after(event))
                return evolve(self, version=version, exchange_keys=keys, updated_at=event.at)
            case UserRegistered():
                msg = f"user {self.id} was registered twice"
                raise CorruptHistoryError(msg)

    def _sessions_after(
        self, event: SessionOpened | SessionRefreshed | SessionEnded
    ) -> dict[str, Session]:
        """Return the sessions after an event; at a login those that ran out are dropped."""
        id_ = event.session_id
        if isinstance(event, SessionOpened):
            alive = {key: it for key, it in self.sessions.items() if it.is_alive(event.at)}
            return {**alive, id_: Session(id=id_, opened_at=event.at, refreshed_at=event.at)}
        known = self.sessions.get(id_)
        if known is None:
            msg = f"user {self.id} has no session {id_} that could go on or end"
            raise CorruptHistoryError(msg)
        others = {key: it for key, it in self.sessions.items() if key != id_}
        if isinstance(event, SessionEnded):
            return others
        refreshed = replace(known, generation=event.generation, refreshed_at=event.at)
        return {**others, id_: refreshed}

    def _keys_after(self, event: ExchangeKeyAdded | ExchangeKeyRemoved) -> dict[str, ExchangeKey]:
        """Return the exchange keys after an event."""
        id_ = event.key_id
        if isinstance(event, ExchangeKeyAdded) is (id_ in self.exchange_keys):
            msg = f"user {self.id} has an exchange key {id_} twice, or loses one they never had"
            raise CorruptHistoryError(msg)
        if isinstance(event, ExchangeKeyRemoved):
            return {key: it for key, it in self.exchange_keys.items() if key != id_}
        added = ExchangeKey(id=id_, exchange=event.exchange, label=event.label, added_at=event.at)
        return {**self.exchange_keys, id_: added}

    @staticmethod
    def from_events(events: Iterable[UserEvent]) -> User:
        """Fold a whole history. Raises CorruptHistoryError."""
        return fold(User.begin, events)
