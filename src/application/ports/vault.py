"""Where sealed exchange keys are kept: beside the log, so that they can be erased."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from traderbot.domain.shared.ids import UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedExchangeKey:
    """The secrets of one exchange key, each text sealed by itself. Of use only with the key."""

    key_id: str
    owner_id: UserId
    api_key: str = field(repr=False)
    secret: str = field(repr=False)
    passphrase: str | None = field(repr=False)
    sealed_with: str  # the id of the key that sealed them
    created_at: datetime


class Vault(Protocol):
    """Sealed keys inside one command's transaction."""

    def add(self, sealed: SealedExchangeKey) -> None:
        """Keep a new one; its id was never given before."""
        ...

    def remove(self, key_id: str) -> None:
        """Erase one."""
        ...


class SealedKeys(Protocol):
    """All sealed keys, for those who look after them; every call is its own transaction.

    Every method raises DatabaseUnavailableError.
    """

    def sealed_with(self) -> Mapping[str, int]:
        """Return how many keys each sealing key has sealed."""
        ...

    def of_owner(self, owner_id: UserId) -> Sequence[SealedExchangeKey]:
        """Return the keys of one user, oldest first."""
        ...

    def not_sealed_with(
        self, sealing_key: str, after: str, limit: int
    ) -> Sequence[SealedExchangeKey]:
        """Return keys that another than this sealing key has sealed, by id, after an id."""
        ...

    def replace(self, old: Sequence[SealedExchangeKey], new: Sequence[SealedExchangeKey]) -> int:
        """Put each new one in the place of the old, all at once; return how many.

        One that was removed or sealed again meanwhile is left as it is, and not counted.
        """
        ...
