"""Passwords, kept so that whoever reads the database still does not know them."""

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The answer to a guess. Store `new_hash`, when there is one, in place of the old hash."""

    ok: bool
    new_hash: str | None = field(default=None, repr=False)


class PasswordHasher(Protocol):
    """Slow on purpose, and hungry for memory: call it from a thread, never on the event loop.

    Passwords are compared in Unicode NFC, so a letter typed as one code point or as two is one.
    """

    def hash(self, password: str) -> str:
        """Return a salted hash, fit for storing; each call returns another one.

        Raises ValueError if the text cannot be hashed: a lone surrogate, or absurdly long.
        """
        ...

    def verify(self, password: str, stored: str) -> Verification:
        """Return whether `password` made `stored`, and a stronger hash if that one is outdated.

        A hash that cannot be read is a wrong password, not an error; it takes as long as one.
        """
        ...

    def dummy_verify(self) -> None:
        """Spend the time of one `verify`, so that an unknown user answers no faster."""
        ...
