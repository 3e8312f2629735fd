"""Time and ids as they were: each command is given again what it was given then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from traderbot.what_if.history import Deed


class Script:
    """`Clock` and `IdSource` of one command after another; new ids are made from their cause.

    The writer asks for a command's id and for the time first; then its handler asks.
    """

    _recorded_at: datetime
    _at: datetime
    _head: str  # of every new id: the first 13 characters

    def __init__(self) -> None:
        """Have nothing to say until the first command."""
        self._asked = False
        self._ids: list[str] = []
        self._cause, self._made = "", 0

    def play(self, deed: Deed, ids: Sequence[str]) -> None:
        """Be ready for a recorded command that gave these ids away."""
        self._begin(deed, deed.first.occurred_at, [deed.command_id, *ids], deed.command_id)

    def improvise(self, cause: Deed, at: datetime, what: str) -> None:
        """Be ready for a command that was never recorded: because of a deed, at its time."""
        self._begin(cause, at, [], f"{what} {cause.command_id}")

    def now(self) -> datetime:
        """Return when the command was recorded, and then when it happened."""
        at = self._at if self._asked else self._recorded_at
        self._asked = True
        return at

    def new(self) -> str:
        """Return the next id: a recorded one, or one made from what caused it."""
        if self._ids:
            return self._ids.pop(0)
        self._made += 1
        digest = sha256(f"what if {self._cause} {self._made}".encode()).hexdigest()
        # A UUIDv7 of the same millisecond; its last three digits number its parts.
        return f"{self._head}-7{digest[:3]}-8{digest[3:6]}-{digest[6:15]}000"

    def _begin(self, deed: Deed, at: datetime, ids: list[str], cause: str) -> None:
        self._recorded_at, self._at = deed.first.recorded_at, at
        self._asked = False
        self._ids = ids
        self._head = deed.command_id[:13]
        self._cause, self._made = cause, 0
