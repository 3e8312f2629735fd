"""The ends of the streams while the log is read, in memory that does not grow with the log.

Streams that were touched lately are remembered. The end of any other is asked of the database when
the stream is touched again: its newest event before that place in the log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Final

from traderbot.infrastructure.audit.examine import NO_EVENTS, Head
from traderbot.infrastructure.event_store.log_reader import LogReader, Row

REMEMBERED: Final = 8_192  # streams
_PINNED: Final = 1_000
_STREAM, _VERSION = 2, 3  # columns of a row


class Heads(dict[str, Head]):
    """Version and leaf hash of the newest event of a stream; a stream it has not is new.

    Only after `prepare` is that true of the streams of a batch. `pinned` are the streams of events
    whose columns lie: no question in SQL can be asked about them, so they are never forgotten.
    """

    def __init__(self, reader: LogReader, start: int) -> None:
        """Begin before the event of index `start`."""
        super().__init__()
        self.pinned: set[str] = set()
        self._reader = reader
        self._begun: Counter[str] = Counter()
        self._has_all = start == 0  # as long as nothing was forgotten

    def begun(self) -> Counter[str]:
        """Return how many streams' first events were read, by category."""
        return Counter(map(_category, self)) if self._has_all else self._begun

    def prepare(self, rows: Sequence[Row], place: int) -> None:
        """Make the heads of all streams of these rows known; the first row is at `place`."""
        if len(self) > REMEMBERED:
            self._forget()
        if self._has_all:
            return
        first: dict[str, int] = {}
        for row in rows:
            if row[_STREAM] not in self:
                first.setdefault(row[_STREAM], row[_VERSION])
        unknown = [it for it in first.items() if it[1] != 1]
        self._begun.update(_category(stream) for stream, version in first.items() if version == 1)
        if unknown:
            self._look_up(unknown, place)

    def before(self, stream_id: str, version: int, place: int) -> Head:
        """Return the head of a stream that perhaps only a body names."""
        if stream_id not in self and not self._has_all:
            self._look_up([(stream_id, version)], place)
        return self.get(stream_id, NO_EVENTS)

    def pin(self, *stream_ids: str) -> None:
        """Keep these streams, as far as there is room."""
        if len(self.pinned) < _PINNED:
            self.pinned.update(stream_ids)

    def _look_up(self, streams: Sequence[tuple[str, int]], place: int) -> None:
        reader = self._reader
        asked = ", ".join(["(CAST(? AS TEXT), CAST(? AS BIGINT))"] * len(streams))
        found = reader.rows(
            "SELECT k.column1, p.version, p.leaf_hash "  # noqa: S608 - our own names
            f"FROM (VALUES {asked}) AS k JOIN events p ON p.position = ("
            f"SELECT e.position FROM {reader.placed_events} WHERE e.stream_id = k.column1 "
            f"AND e.version < k.column2 AND {reader.place} < ? ORDER BY e.version DESC LIMIT 1)",
            *(value for stream in streams for value in stream),
            place,
        )
        self.update((stream_id, (version, leaf)) for stream_id, version, leaf in found)

    def _forget(self) -> None:
        """Forget those that came first; whoever is still busy is asked for again."""
        if self._has_all:
            self._begun = self.begun()
            self._has_all = False
        old = [it for it in islice(self, len(self) // 2) if it not in self.pinned]
        for stream_id in old:
            del self[stream_id]


def _category(stream_id: object) -> str:
    return str(stream_id).partition("-")[0]
