"""The log from an index on, as it is read by people and programs that follow it."""

from __future__ import annotations

from typing import Final

from traderbot.application.ports.audit import LogEntry
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.event_store.log_reader import LogReader

PORTION: Final = 500
_NEWEST: Final = 10


def tail(reader: LogReader, codec: EventCodec, start: int | None) -> list[LogEntry]:
    """Return events from index `start` on, oldest first; of None, the newest ten.

    Raises:
        InvalidValueError: the index is below zero.
        CorruptHistoryError: an event cannot be read.
    """
    if start is None:
        start = max(0, reader.placed() - _NEWEST)
    if start < 0:
        msg = f"the first event has index 0, there is no index {start}"
        raise InvalidValueError(msg)
    entries = []
    for stored in reader.sealed_bodies(start, PORTION):
        it = codec.recorded(stored.position, stored.body, stored.leaf_hash)
        assert stored.log_index is not None  # noqa: S101 - only sealed ones were asked for
        entries.append(
            LogEntry(
                log_index=stored.log_index,
                id=it.id,
                stream=it.stream,
                version=it.version,
                type=it.type,
                occurred_at=it.occurred_at,
                recorded_at=it.recorded_at,
                actor=f"{it.actor.type} {it.actor.id} via {it.actor.via}",
                command_id=it.command_id,
                data=codec.encode(it.event)[2],
            )
        )
    return entries
