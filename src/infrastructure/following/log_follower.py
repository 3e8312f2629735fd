"""Reading the sealed log in its final order, without ever stepping over a gap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sqlalchemy import Connection

from traderbot.application.ports.recorded import DomainEvent, Recorded
from traderbot.domain.shared.errors import CorruptHistoryError
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.event_store.event_types import EVENT_TYPES
from traderbot.infrastructure.following.pace import BATCH

_COLUMNS: Final = "e.type, e.stream_id, e.event_id, e.body, e.leaf_hash"
# In SQLite `log` is a view whose index is computed; asked by position, the table's own key answers.
_SQLITE: Final = (
    f"SELECT e.position - 1, {_COLUMNS} FROM events e "  # noqa: S608 - our own names
    "WHERE e.position > ? ORDER BY e.position LIMIT ?"
)
_POSTGRES: Final = (
    f"SELECT l.log_index, {_COLUMNS} FROM log l JOIN events e ON e.position = l.position "  # noqa: S608 - our own names
    "WHERE l.log_index >= %s ORDER BY l.log_index LIMIT %s"
)
_SQLITE_HEAD: Final = "SELECT coalesce(max(position), 0) FROM events"
_POSTGRES_HEAD: Final = "SELECT coalesce(max(log_index) + 1, 0) FROM log"


class LogLine(NamedTuple):
    """One event of the log as it is stored."""

    log_index: int
    type: str
    stream: str
    event_id: str
    body: bytes
    leaf_hash: bytes


@dataclass(frozen=True, slots=True)
class LogFollower:
    """Reads the log from an index on, and decodes what somebody asks for."""

    codec: EventCodec

    def read(self, connection: Connection, position: int, limit: int = BATCH) -> list[LogLine]:
        """Return the events from `position` on, in the order of the log.

        Raises:
            CorruptHistoryError: an index is missing. Nothing is skipped.
        """
        sqlite = connection.dialect.name == "sqlite"
        rows = connection.exec_driver_sql(_SQLITE if sqlite else _POSTGRES, (position, limit))
        lines = [LogLine(*row) for row in rows]
        for expected, line in enumerate(lines, position):
            if line.log_index != expected:
                msg = (
                    f"log index {expected} is missing; the next one is {line.log_index}. "
                    "Run: traderbot audit verify"
                )
                raise CorruptHistoryError(msg)
        return lines

    def line(self, connection: Connection, log_index: int) -> LogLine:
        """Return one event. Raises CorruptHistoryError if it is not there."""
        lines = self.read(connection, log_index, 1)
        if not lines:
            msg = f"log index {log_index} is missing"
            raise CorruptHistoryError(msg)
        return lines[0]

    def recorded(self, line: LogLine) -> Recorded:
        """Return the event decoded; its position is its index in the log.

        Raises:
            CorruptHistoryError: its type is unknown here, or it cannot be read.
        """
        return self.codec.recorded(line.log_index, bytes(line.body), bytes(line.leaf_hash))


def head(connection: Connection) -> int:
    """Return how many events the log has: the index of the next one."""
    sqlite = connection.dialect.name == "sqlite"
    found = connection.exec_driver_sql(_SQLITE_HEAD if sqlite else _POSTGRES_HEAD).scalar_one()
    return int(found)


def names_of(types: Sequence[type[DomainEvent]] | frozenset[type]) -> frozenset[str]:
    """Return the stored names of event classes.

    Raises:
        ValueError: a class is not stored under any name; its handler would never be called.
    """
    known = {kind: name for name, (kind, _schema) in EVENT_TYPES.items()}
    unknown = [each.__name__ for each in types if each not in known]
    if unknown:
        msg = f"no event of the log: {', '.join(sorted(unknown))}"
        raise ValueError(msg)
    return frozenset(known[each] for each in types)
