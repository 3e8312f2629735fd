"""Secrets that have to be read again, sealed for the place they are kept in.

A password is only compared, so a hash of it will do. A key of an exchange has to be shown to the
exchange, so it is encrypted; whoever has the database alone has nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

from traderbot.domain.shared.errors import TraderbotError


class UnreadableSecretError(TraderbotError):
    """A sealed text is not what was sealed for this place, or its key is not among the settings."""

    code: ClassVar[str] = "UNREADABLE_SECRET"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a sealed text belongs. Opened for any other place it is refused."""

    owner_id: str
    record_id: str
    field: str


class SecretBox(Protocol):
    """Seals and opens short texts. Safe to share between threads."""

    @property
    def writes_with(self) -> str:
        """The id of the key that seals; it follows from the key and tells nothing of it."""
        ...

    def knows(self, key_id: str) -> bool:
        """Whether texts sealed with that key can be opened."""
        ...

    def seal(self, text: str, place: Place) -> str:
        """Return a text sealed for a place. Sealed twice, it is two different texts."""
        ...

    def open(self, sealed: str, place: Place) -> str:
        """Return what was sealed for a place.

        Raises:
            UnreadableSecretError: it was sealed for another place, with a key that is not known,
                or somebody changed it.
        """
        ...
