"""Sealing the log: a final place for every event, and one signed hash over all, kept elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class SealReport:
    """What was sealed, signed and published."""

    sealed: int  # events, by this call
    size: int
    root: str  # hex
    origin: str
    epoch: int
    checkpoint: str | None  # the signed note; there is none of an empty log
    anchor: str  # where checkpoints are published
    anchored_size: int
    key: str  # what others need to check signatures


@dataclass(frozen=True, slots=True, kw_only=True)
class SealingStatus:
    """How far the log is sealed, signed and published. Instants are texts, None for never."""

    is_running: bool  # whether this process seals by itself
    size: int
    sealed_at: str | None  # by this process
    checkpoint_size: int
    checkpoint_at: str | None
    anchored_size: int
    anchored_at: str | None
    error: str | None  # why nothing is sealed now


@dataclass(frozen=True, slots=True, kw_only=True)
class NextEpoch:
    """What a log would begin its next epoch with, and what was published of the one before."""

    epoch: int
    origin: str
    size: int
    root: str  # hex
    published_size: int
    published_root: str  # hex


class Sealing(Protocol):
    """Seals the log, as often as wanted, beside whoever else does.

    Every method raises DatabaseUnavailableError, AnchorFileError, and CorruptHistoryError if the
    log or what was published of it is not what it was.
    """

    def seal(self) -> SealReport:
        """Seal all that waits, sign it and publish it.

        Raises:
            RollbackDetectedError: the log does not continue what was published of it.
            SealRefusedError: an event is not what it claims; those before it are sealed.
        """
        ...

    def status(self) -> SealingStatus:
        """Return how far it is; `error` tells what would be raised by `seal` for certain."""
        ...

    def next_epoch(self) -> NextEpoch:
        """Return what the next epoch would begin with. Record it before it is started."""
        ...

    def start_epoch(self, epoch: NextEpoch, reason: str) -> None:
        """Go on under a new origin, whatever was published under the ones before.

        Raises:
            StaleAggregateError: another epoch was started meanwhile.
        """
        ...
