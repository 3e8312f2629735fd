"""Whether the log's order is whole: every index has its event, and every event its index.

In SQLite an event's index is its position less one. In PostgreSQL the table `log` gives it, and
what is not sealed yet waits in `log_queue`.
"""

from __future__ import annotations

from typing import Final

from traderbot.infrastructure.audit.findings import Findings, short
from traderbot.infrastructure.event_store.log_reader import UNSEALED, LogReader, Portion, Row

_MISSING: Final = bytes(32)  # stands for an event that is gone: those behind keep their places
_FILLED: Final = 1_000_000  # places at most
_LEAF: Final = 14  # the column of a row


class LogOrder:
    """The order of the log while it is read, from index `start` on."""

    def __init__(self, reader: LogReader, findings: Findings, start: int, sealed: int) -> None:
        """Expect the event of index `start` first; places are kept up to index `sealed`."""
        self.queued = 0
        self._reader, self._findings = reader, findings
        self._next, self._sealed = start, sealed
        self._missing = self._filled = 0
        self._indexes: dict[int, int | None] = {}

    def begin(self, portion: Portion) -> int:
        """Take a portion in, and return the place of its first event (see `LogReader.place`)."""
        rows, places = portion
        self._indexes = {}
        if places is None:
            return int(rows[0][0])
        index, position, _ = places[0]
        self.queued += len(places) if index is None else 0
        self._indexes = {it[1]: it[0] for it in places}
        return int(UNSEALED + position if index is None else index)

    def index_of(self, position: int) -> int | None:
        """Return the index of an event of this portion; None for one that waits in the queue."""
        return self._indexes.get(position) if self._indexes else position - 1

    def aligned(self, portion: Portion, hashes: list[bytes]) -> list[bytes]:
        """Return the hashes of the events at their places, with something for what is not there.

        Every event without a place, and place without an event, becomes a finding.
        """
        rows, places = portion
        if places is None:
            if rows[0][0] == self._next + 1 and rows[-1][0] - rows[0][0] == len(rows) - 1:
                self._next = rows[-1][0]
                return hashes
            return self._filled_up([(row[0] - 1, it) for row, it in zip(rows, hashes, strict=True)])
        by_position = dict(zip((row[0] for row in rows), hashes, strict=True))
        found: list[tuple[int | None, bytes]] = []
        for index, position, _ in places:
            if position in by_position:
                found.append((index, by_position[position]))
                continue
            self._missing += 1
            where = f"queue, position {position}" if index is None else f"index {index}"
            said = f"the event at position {position} is gone"
            self._findings.tell("EVENT_MISSING", where, said, index)
            if index is not None:
                found.append((index, _MISSING))
        self._compare_leaves(portion)
        return self._filled_up(found)

    def finish(self) -> None:
        """Find what has no place in the log at all, or two of them (PostgreSQL)."""
        reader = self._reader
        if reader.dense:
            return
        indexed = reader.rows("SELECT count(*) FROM log")[0][0]
        if indexed != self._sealed:
            said = f"it says {self._sealed} events are sealed, {indexed} have an index"
            self._findings.tell("HEAD_DIFFERS", "log_head", said)
        twice = "SELECT q.position FROM log_queue q JOIN log l ON l.position = q.position LIMIT 101"
        for (position,) in reader.rows(twice):
            where, said = f"queue, position {position}", "it waits to be sealed, and is sealed"
            self._findings.tell("QUEUED_TWICE", where, said)
        events = reader.rows("SELECT count(*) FROM events")[0][0]
        if events == reader.size() and not self._missing:
            return
        strays = (
            "SELECT e.position, e.event_id, e.stream_id, e.version FROM events e WHERE NOT EXISTS "
            "(SELECT 1 FROM log l WHERE l.position = e.position) AND NOT EXISTS "
            "(SELECT 1 FROM log_queue q WHERE q.position = e.position) ORDER BY 1 LIMIT 101"
        )
        for position, event_id, stream_id, version in reader.rows(strays):
            where = f"position {position}, event {event_id}, {stream_id} v{version}"
            said = "the event is neither sealed nor does it wait for it"
            self._findings.tell("NOT_IN_LOG", where, said)

    def _filled_up(self, found: list[tuple[int | None, bytes]]) -> list[bytes]:
        hashes: list[bytes] = []
        for index, each in found:
            if index is not None and index != self._next:
                self._tell_of_gap(index)
                room = min(index, self._sealed) - self._next
                if 0 < room <= _FILLED - self._filled:
                    self._filled += room
                    hashes += [_MISSING] * room
            hashes.append(each)
            self._next = self._next + 1 if index is None else index + 1
        return hashes

    def _tell_of_gap(self, index: int) -> None:
        if index < self._next:
            said = f"it comes where index {self._next} should be"
            self._findings.tell("INDEX_GAP", f"index {index}", said, index)
            return
        last = "" if index == self._next + 1 else f" to {index - 1}"
        said = f"no event is there; the next one has index {index}"
        self._findings.tell("INDEX_GAP", f"index {self._next}{last}", said, self._next)

    def _compare_leaves(self, portion: Portion) -> None:
        sealed: dict[int, Row] = {it[1]: it for it in portion.places or () if it[2] is not None}
        for row in portion.rows:
            place = sealed.get(row[0])
            if place is not None and place[2] != row[_LEAF]:
                said = f"sealed with hash {short(place[2])}, the event has {short(row[_LEAF])}"
                self._findings.tell("LEAF_DIFFERS", f"index {place[0]}", said, place[0])
