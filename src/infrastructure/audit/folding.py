"""States from stored events: of all streams along the log, or of one stream after another."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from traderbot.application.ports.audit import Progress
from traderbot.application.ports.recorded import DomainEvent
from traderbot.domain.shared.errors import CorruptHistoryError, DomainError
from traderbot.domain.shared.history import step
from traderbot.infrastructure.audit.book import Book
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.event_store.log_reader import LogReader, Row
from traderbot.infrastructure.persistence.state_rows import Versioned
from traderbot.infrastructure.persistence.unit import CATEGORIES

States = dict[str, Any]  # by stream: what its events have made

# What folding events that do not belong together may raise, beside CorruptHistoryError.
_STRANGERS = (DomainError, KeyError, AttributeError, ArithmeticError, ValueError)


def fold_log(
    reader: LogReader,
    codec: EventCodec,
    size: int,
    *,
    occurred_by: datetime | None = None,
    progress: Progress | None = None,
    start: int = 0,
    book: Book | None = None,
) -> States:
    """Return the states after the log's first `size` events, of those that any event was read of.

    With `start` and `book`, it goes on from what the first `start` events made. With `occurred_by`,
    each stream stops before its first event that happened later.

    Raises:
        CorruptHistoryError: an event cannot be read, or does not belong where it stands.
    """
    book = Book() if book is None else book
    stopped: set[str] = set()
    done = start
    with no_collecting():
        for batch in reader.bodies(start) if size > start else ():
            rows = batch[: size - done]
            events = codec.events_of([body for _, _, body in rows])
            if occurred_by is not None:
                rows, events = _until(occurred_by, rows, events, stopped)
            if book.packed:
                book.unpack([stream_id for _, stream_id, _ in rows])
            fold_into(book.live, rows, events)
            done += min(len(batch), size - done)
            if progress is not None:
                progress(done, size)
            if done == size:
                break
    return book.live


@contextmanager
def no_collecting() -> Iterator[None]:
    """Pause the search for reference cycles: states have none, and there are ever more of them.

    It would walk all that was folded so far again and again, a third of the time of a long log.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """Consecutive events of one stream, and what the stream is before and after them.

    A long stream has many chapters; `before` is None in the first, the last is `complete`.
    """

    stream_id: str
    before: Any
    after: Any
    events: Sequence[Versioned]
    last_event: str  # its id
    complete: bool

    @property
    def key(self) -> str:
        """The aggregate's own id."""
        return self.stream_id.partition("-")[2]


def fold_streams(reader: LogReader, codec: EventCodec) -> Iterator[list[Chapter]]:
    """Yield all chapters of all streams, some at a time. Memory holds one batch of events.

    Raises:
        CorruptHistoryError: an event cannot be read, or does not belong where it stands.
    """
    unfinished: States = {}
    for part in reader.streams():
        events = codec.events_of([body for _, _, _, body in part.rows])
        chapters = []
        last_stream = part.rows[-1][0]
        for stream_id, group in groupby(zip(part.rows, events, strict=True), _stream_of):
            lines = list(group)
            before = unfinished.pop(stream_id, None)
            after = _advance(before, stream_id, [event for _, event in lines])
            complete = part.ends or stream_id != last_stream
            if not complete:
                unfinished[stream_id] = after
            chapters.append(
                Chapter(
                    stream_id=stream_id,
                    before=before,
                    after=after,
                    events=[(row[1], event) for row, event in lines],
                    last_event=lines[-1][0][2],
                    complete=complete,
                )
            )
        yield chapters


def fold_into(states: States, rows: Sequence[Row], events: Sequence[DomainEvent]) -> None:
    """Apply each event to the stream of its row (position, stream_id, body).

    The same as `step` for each, without a call for each: the log is long.
    """
    stream_id = ""
    try:
        for (_, stream_id, _), event in zip(rows, events, strict=True):
            state = states.get(stream_id)
            if state is None:
                states[stream_id] = CATEGORIES[stream_id.partition("-")[0]](event)
            else:
                after = state.apply(event)
                if after is None:  # an event of another aggregate: none of the cases fits
                    raise _no_aggregate(stream_id, f"{type(event).__name__} is not one of them")
                states[stream_id] = after
    except _STRANGERS as error:
        raise _no_aggregate(stream_id, error) from error


def _advance(state: Any, stream_id: str, events: Sequence[DomainEvent]) -> Any:  # noqa: ANN401 - any aggregate
    try:
        begin = CATEGORIES[stream_id.partition("-")[0]]
        for event in events:
            state = step(begin, state, event)
    except _STRANGERS as error:
        raise _no_aggregate(stream_id, error) from error
    return state


def _until(
    instant: datetime, rows: Sequence[Row], events: Sequence[DomainEvent], stopped: set[str]
) -> tuple[list[Row], list[DomainEvent]]:
    """Return what happened by then; a stream that was `stopped` once stays so."""
    stopped_here = []
    for row, event in zip(rows, events, strict=True):
        if event.at > instant:
            stopped.add(row[1])
        stopped_here.append(row[1] in stopped)
    kept = [
        (row, event)
        for row, event, is_out in zip(rows, events, stopped_here, strict=True)
        if not is_out
    ]
    return [row for row, _ in kept], [event for _, event in kept]


def _stream_of(line: tuple[Row, DomainEvent]) -> str:
    return str(line[0][0])


def _no_aggregate(stream_id: str, why: object) -> CorruptHistoryError:
    return CorruptHistoryError(f"the events of {stream_id} do not make an aggregate: {why}")
