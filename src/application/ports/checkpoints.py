"""What was signed of the log last, with which key, and what waits behind it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedCheckpoint:
    """The size and the root of the log as they were signed. `note` is the signed note, whole."""

    origin: str
    epoch: int
    size: int
    root: str  # hex
    key_id: str
    sealed_at: datetime
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsealedTail:
    """The events behind the sealed ones."""

    events: int
    oldest_at: datetime | None  # when the first of them was recorded


class Checkpoints(Protocol):
    """Readings of the sealed log. Every method raises DatabaseUnavailableError."""

    def newest(self) -> SignedCheckpoint:
        """Return the newest checkpoint. Raises NoCheckpointError if nothing was signed yet."""
        ...

    def of_size(self, size: int) -> SignedCheckpoint:
        """Return the checkpoint of the log's first `size` events; of several, of the last epoch.

        Raises:
            InvalidValueError: nothing was signed when the log had that size.
        """
        ...

    def tail(self) -> UnsealedTail:
        """Return what is not sealed yet."""
        ...

    def key(self) -> str:
        """Return what others need to check signatures: name, id and public key.

        Raises:
            ConfigurationError: production has no key to sign with.
        """
        ...
