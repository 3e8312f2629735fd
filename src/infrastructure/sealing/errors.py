"""Why nothing is sealed: an event that is not what it claims, or a log that was set back."""

from __future__ import annotations

from typing import ClassVar, Final

from traderbot.domain.shared.errors import CorruptHistoryError

NEW_EPOCH: Final = 'traderbot audit epoch new --reason "..."'


class SealRefusedError(CorruptHistoryError):
    """An event, or the tree so far, is not what it claims. It and all after it stay unsealed."""

    code: ClassVar[str] = "SEAL_REFUSED"


class EventRefusedError(SealRefusedError):
    """An event that waits to be sealed cannot be."""

    def __init__(self, why: str, *, position: int, before: int, event: str | None = None) -> None:
        named = f" ({event})" if event is not None else ""
        super().__init__(
            f"the event at position {position}{named} {why}; "
            "nothing is sealed from here on, and `traderbot audit verify` tells more"
        )
        self.position = position
        self.event = event  # its stream and version, if there is any
        self.before = before  # how many of its batch come before it, and are what they claim


class RollbackDetectedError(CorruptHistoryError):
    """The log does not continue what was published of it: an old copy was put in its place."""

    code: ClassVar[str] = "ROLLBACK_DETECTED"

    def __init__(
        self, *, origin: str, size: int, root: bytes, published_size: int, published_root: str
    ) -> None:
        super().__init__(
            f"rollback detected: {origin} was published with {published_size} events and root "
            f"{published_root}; this database has {size} sealed and root {root.hex()}, which does "
            "not continue it. Nothing is sealed. Put the right database back or, if this one shall "
            f"go on, say why: {NEW_EPOCH}"
        )
        self.origin = origin
        self.size = size
        self.root = root
        self.published_size = published_size
        self.published_root = published_root
