"""Keep and forget keys of exchanges. The secrets were sealed before they came here."""

from __future__ import annotations

from dataclasses import dataclass

from traderbot.application.errors import NotFoundError
from traderbot.application.ports.clock import Clock
from traderbot.application.ports.commands import Command
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.application.ports.vault import SealedExchangeKey
from traderbot.application.views import ExchangeKeyView, UserView
from traderbot.domain.shared.ids import UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class AddExchangeKey(Command[ExchangeKeyView]):
    """Somebody entrusts a key of theirs to the program."""

    user_id: UserId
    exchange: str
    label: str
    sealed: SealedExchangeKey


@dataclass(frozen=True, slots=True, kw_only=True)
class AddExchangeKeyHandler:
    """Handles `AddExchangeKey`. The log learns where and how it is called, the vault the rest."""

    clock: Clock

    def __call__(self, command: AddExchangeKey, unit: UnitOfWork) -> ExchangeKeyView:
        """Return the key as it may be shown.

        Raises:
            NotFoundError: there is no such user who may act.
            InvalidValueError: an exchange or a label cannot be called so.
            TooManyExchangeKeysError: there are as many as there may be.
        """
        user = unit.users.find(command.user_id)
        if user is None or not user.active:
            raise NotFoundError("user", command.user_id)
        key_id = command.sealed.key_id
        events = user.add_exchange_key(key_id, command.exchange, command.label, at=self.clock.now())
        unit.vault.add(command.sealed)
        return ExchangeKeyView.of(unit.users.record(user.id, events).exchange_keys[key_id])


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveExchangeKey(Command[UserView]):
    """Somebody takes a key of theirs back."""

    user_id: UserId
    key_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveExchangeKeyHandler:
    """Handles `RemoveExchangeKey`."""

    clock: Clock

    def __call__(self, command: RemoveExchangeKey, unit: UnitOfWork) -> UserView:
        """Return the user. Raises NotFoundError for a key that is not this user's."""
        user = unit.users.find(command.user_id)
        events = (
            () if user is None else user.remove_exchange_key(command.key_id, at=self.clock.now())
        )
        if user is None or not events:
            raise NotFoundError("exchange key", command.key_id)
        unit.vault.remove(command.key_id)
        return UserView.of(unit.users.record(user.id, events), None)
