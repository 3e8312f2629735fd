"""What operators do to the machinery of the log. Each says who and why; nothing is erased."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochStarted:
    """The log goes on under a new origin, because it no longer continues a published checkpoint.

    `published_size` and `published_root` are of the newest checkpoint known outside the database;
    `size` and `root` are what the log was when the operator decided to go on.
    """

    at: datetime
    epoch: int
    origin: str
    reason: str
    size: int
    root: str
    published_size: int
    published_root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedDiscarded:
    """A durable subscription will never handle this event."""

    at: datetime
    subscription: str
    log_index: int
    event_id: str
    reason: str


OperationsEvent = EpochStarted | ParkedDiscarded
