"""`Checkpoints` on the stored log."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Engine

from traderbot.application.errors import NoCheckpointError
from traderbot.application.ports.checkpoints import Checkpoints, SignedCheckpoint, UnsealedTail
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.instants import instant
from traderbot.infrastructure.event_store.log_reader import LogReader, snapshot
from traderbot.infrastructure.sealing.signed_note import parse_checkpoint, read_note
from traderbot.infrastructure.sealing.stored_tree import (
    StoredCheckpoint,
    checkpoints,
    head,
    newest_checkpoint,
)


class StoredCheckpoints(Checkpoints):
    """`Checkpoints` on SQLite and PostgreSQL."""

    def __init__(self, engine: Engine, key: Callable[[], str]) -> None:
        """Read through `engine`; ask `key` for the verifier key."""
        self._engine = engine
        self._key = key

    def newest(self) -> SignedCheckpoint:
        """Return the newest checkpoint."""
        with snapshot(self._engine) as reader:
            found = newest_checkpoint(reader)
        if found is None:
            msg = "nothing of the log is signed yet"
            raise NoCheckpointError(msg)
        return _signed(found)

    def of_size(self, size: int) -> SignedCheckpoint:
        """Return the checkpoint of a size."""
        found: StoredCheckpoint | None = None
        with snapshot(self._engine) as reader:
            for each in checkpoints(reader, after_size=size - 1):
                if each.size != size:
                    break
                found = each
        if found is None:
            msg = f"there is no checkpoint of {size} events"
            raise InvalidValueError(msg)
        return _signed(found)

    def tail(self) -> UnsealedTail:
        """Return what is not sealed yet."""
        with snapshot(self._engine) as reader:
            events = _waiting(reader)
            oldest = _oldest(reader) if events else None
        return UnsealedTail(events=events, oldest_at=None if oldest is None else instant(oldest))

    def key(self) -> str:
        """Return the verifier key."""
        return self._key()


def _signed(found: StoredCheckpoint) -> SignedCheckpoint:
    text, _ = read_note(found.note)
    return SignedCheckpoint(
        origin=parse_checkpoint(text).origin,
        epoch=found.epoch,
        size=found.size,
        root=found.root.hex(),
        key_id=found.key_id,
        sealed_at=instant(found.sealed_at),
        note=found.note,
    )


def _waiting(reader: LogReader) -> int:
    if reader.dense:
        (last,) = reader.rows("SELECT coalesce(max(position), 0) FROM events")
        return max(0, int(last[0]) - head(reader).size)
    (count,) = reader.rows("SELECT count(*) FROM log_queue")
    return int(count[0])


def _oldest(reader: LogReader) -> str | None:
    at = reader.instant("e.recorded_at")
    if reader.dense:
        sql = f"SELECT {at} FROM events e WHERE e.position > ? ORDER BY e.position LIMIT 1"  # noqa: S608 - our own names
        found = reader.rows(sql, head(reader).size)
    else:
        found = reader.rows(
            f"SELECT {at} FROM log_queue q JOIN events e ON e.position = q.position "  # noqa: S608 - our own names
            "ORDER BY q.position LIMIT 1"
        )
    return str(found[0][0]) if found else None
