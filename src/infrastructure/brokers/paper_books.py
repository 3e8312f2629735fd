"""The paper venue's books, read from the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

from sqlalchemy import Engine, bindparam, select
from sqlalchemy.exc import SQLAlchemyError

from traderbot.application.errors import VenueUnavailableError
from traderbot.application.ports.paper_desk import PaperBooks, RecordedTrade
from traderbot.domain.shared.instants import instant
from traderbot.domain.simulation.events import PaperEvent, PaperTraded
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.memory.store import Memory
from traderbot.infrastructure.persistence.tables import EventRow, StreamRow

_CATEGORY = "paper"
_PREFIX = f"{_CATEGORY}-"
_HEADS = select(StreamRow.stream_id, StreamRow.version).where(
    # A range of the primary key: every id that begins with the category.
    StreamRow.stream_id > _PREFIX,
    StreamRow.stream_id < f"{_CATEGORY}.",
)
_EVENTS = (
    select(EventRow.recorded_at, EventRow.body)
    .where(EventRow.stream_id == bindparam("stream"), EventRow.version > bindparam("after"))
    .order_by(EventRow.version)
)
_TRADES = (
    select(EventRow.version, EventRow.recorded_at, EventRow.type, EventRow.body)
    .where(EventRow.stream_id == bindparam("stream"), EventRow.version < bindparam("before"))
    .order_by(EventRow.version.desc())
    .limit(bindparam("most"))
)
_TRADED = "paper.traded"
_CHUNK = 500  # events read at once, from the newest back
_NO_VERSION = 2**62
_RECORDED_AT, _BODY = 6, 12  # places in a row of events, which has no position in memory


class SqlPaperBooks(PaperBooks):
    """`PaperBooks` in SQLite and PostgreSQL."""

    def __init__(self, engine: Engine, codec: EventCodec) -> None:
        """Read through `engine`; its connections need not be able to write."""
        self._engine = engine
        self._codec = codec

    def heads(self) -> Mapping[str, int]:
        """Return every book's id, and how many events it has. Raises VenueUnavailableError."""
        try:
            with self._engine.connect() as connection:
                rows = connection.execute(_HEADS).all()
        except SQLAlchemyError as error:
            raise _away() from error
        return {row.stream_id.removeprefix(_PREFIX): row.version for row in rows}

    def events(self, book_id: str, after: int = 0) -> Sequence[tuple[datetime, PaperEvent]]:
        """Return a book's events after so many, oldest first. Raises VenueUnavailableError."""
        asked = {"stream": _PREFIX + book_id, "after": after}
        try:
            with self._engine.connect() as connection:
                rows = connection.execute(_EVENTS, asked).all()
        except SQLAlchemyError as error:
            raise _away() from error
        events = self._codec.events_of([row.body for row in rows])
        return [
            (row.recorded_at, cast("PaperEvent", event))
            for row, event in zip(rows, events, strict=True)
        ]

    def trades(self, book_id: str, since: datetime | None = None) -> Sequence[RecordedTrade]:
        """Return a book's trades since an instant. Raises VenueUnavailableError.

        A stream's events were recorded one after the other: it is read from its newest back.
        """
        found: list[RecordedTrade] = []
        asked = {"stream": _PREFIX + book_id, "before": _NO_VERSION, "most": _CHUNK}
        try:
            with self._engine.connect() as connection:
                while True:
                    rows = connection.execute(_TRADES, asked).all()
                    recent = [it for it in rows if since is None or it.recorded_at >= since]
                    found += [
                        RecordedTrade(it.recorded_at, self._traded(it.body))
                        for it in recent
                        if it.type == _TRADED
                    ]
                    if len(recent) < _CHUNK:
                        break
                    asked["before"] = rows[-1].version
        except SQLAlchemyError as error:
            raise _away() from error
        return found[::-1]

    def _traded(self, body: bytes) -> PaperTraded:
        event = self._codec.event_of(body)
        assert isinstance(event, PaperTraded)  # noqa: S101 - its row says so
        return event


class MemoryPaperBooks(PaperBooks):
    """`PaperBooks` of a database in memory."""

    def __init__(self, memory: Memory, codec: EventCodec) -> None:
        """Read that memory."""
        self._memory = memory
        self._codec = codec

    def heads(self) -> Mapping[str, int]:
        """Return every book's id, and how many events it has."""
        with self._memory.reading:
            return {
                stream.removeprefix(_PREFIX): len(rows)
                for stream, rows in self._memory.streams.items()
                if stream.startswith(_PREFIX)
            }

    def events(self, book_id: str, after: int = 0) -> Sequence[tuple[datetime, PaperEvent]]:
        """Return a book's events after so many, oldest first."""
        with self._memory.reading:
            rows = self._memory.streams.get(_PREFIX + book_id, [])[after:]
        events = self._codec.events_of([row[_BODY] for row in rows])
        return [
            (instant(row[_RECORDED_AT]), cast("PaperEvent", event))
            for row, event in zip(rows, events, strict=True)
        ]

    def trades(self, book_id: str, since: datetime | None = None) -> Sequence[RecordedTrade]:
        """Return a book's trades since an instant."""
        return [
            RecordedTrade(recorded_at, event)
            for recorded_at, event in self.events(book_id)
            if isinstance(event, PaperTraded) and (since is None or recorded_at >= since)
        ]


def _away() -> VenueUnavailableError:
    return VenueUnavailableError("the database that keeps the paper venue's books is away")
