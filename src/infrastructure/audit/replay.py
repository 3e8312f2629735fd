"""The state of everything as a part of the log makes it: as of an index, or of an instant."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from traderbot.application.errors import NotFoundError
from traderbot.application.ports.audit import Cut, Progress, ReplayReport
from traderbot.application.views import OrderView, PortfolioView
from traderbot.domain.shared.errors import CorruptHistoryError, InvalidValueError
from traderbot.domain.shared.ids import UserId
from traderbot.domain.shared.instants import instant, instant_text
from traderbot.infrastructure.audit.book import Book, Shown
from traderbot.infrastructure.audit.folding import fold_log
from traderbot.infrastructure.audit.roots import root_at
from traderbot.infrastructure.audit.witnesses import Witnesses
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.event_store.log_reader import LogReader
from traderbot.infrastructure.sealing.stored_tree import checkpoints


def cut_at_index(reader: LogReader, index: int | None) -> Cut:
    """Return the first `index` events, or all of them.

    Raises:
        InvalidValueError: the log is not that long.
    """
    size = reader.size()
    if index is not None:
        if not 0 <= index <= size:
            msg = f"the log has {size} events, there is no index {index}"
            raise InvalidValueError(msg)
        size = index
    return _prefix(reader, size)


def cut_at_instant(reader: LogReader, at: datetime, known: int = 0) -> Cut:
    """Return the longest prefix in which nothing was recorded later.

    Of the first `known` events it is known that they belong to it.
    """
    limit = instant_text(at)  # such texts sort in the order of time
    size = known
    for batch in reader.leaves(known):
        for _, _, _, recorded_at, _ in batch:
            if recorded_at > limit:
                return _prefix(reader, size)
            size += 1
    return _prefix(reader, size)


def cut_at_checkpoint(reader: LogReader, witnesses: Witnesses, checkpoint: str) -> Cut:
    """Return what a checkpoint signs: a signed note, or the size of one that is stored.

    Raises:
        NotFoundError: no checkpoint of that size is stored.
        NoteError: the note is malformed, or not signed by the key.
        InvalidValueError: the log is not that long.
        CorruptHistoryError: the log does not have the root that was signed.
    """
    note = checkpoint
    if checkpoint.isascii() and checkpoint.isdigit():
        size = int(checkpoint)
        stored = [it.note for it in checkpoints(reader, after_size=size - 1) if it.size == size]
        if not stored:
            raise NotFoundError("checkpoint of size", checkpoint)
        note = stored[-1]
    said = witnesses.verify(note)
    cut = cut_at_index(reader, said.size)
    if cut.root != said.root.hex():
        msg = f"the first {said.size} events have root {cut.root}, signed is {said.root.hex()}"
        raise CorruptHistoryError(msg)
    return cut


def cut_at_business_time(reader: LogReader, at: datetime) -> Cut:
    """Return what each stream had gone through by an instant of business time.

    The result counts up to the last event that belongs to it, and how many before that do not.
    """
    limit = instant_text(at)
    stopped: set[str] = set()
    seen = kept = size = 0
    for batch in reader.leaves():
        for _, stream_id, occurred_at, _, _ in batch:
            seen += 1
            if occurred_at > limit:
                stopped.add(stream_id)
            if stream_id not in stopped:
                kept += 1
                size = seen
    whole = _prefix(reader, size)
    return Cut(
        size=size,
        last_recorded_at=whole.last_recorded_at,
        root=whole.root,
        checkpoint=whole.checkpoint,
        occurred_by=at,
        left_out=size - kept,
    )


def replay(
    reader: LogReader,
    codec: EventCodec,
    cut: Cut,
    owner_id: UserId | None,
    progress: Progress | None,
    *,
    start: int = 0,
    book: Book | None = None,
) -> tuple[ReplayReport, Book]:
    """Fold the log up to a cut, from the start or from the states after `start` events.

    Raises:
        CorruptHistoryError: an event cannot be read, or does not belong where it stands.
    """
    book = Book() if book is None else book
    fold_log(
        reader,
        codec,
        cut.size,
        occurred_by=cut.occurred_by,
        progress=progress,
        start=start,
        book=book,
    )
    report = ReplayReport(
        cut=cut,
        portfolios=Shown(book, book.of("portfolio", owner_id), PortfolioView.of),
        orders=Shown(book, book.of("order", owner_id), OrderView.of),
        bot_runs=len(book.of("bot", owner_id)),
        users=len(book.of("user", owner_id)),
        fingerprint=book.fingerprint(),
    )
    return report, book


def fingerprint(states: Mapping[str, Any]) -> str:
    """Return the fingerprint of these states: equal states have equal ones. See `Book`."""
    book = Book()
    book.live |= states
    return book.fingerprint()


def _prefix(reader: LogReader, size: int) -> Cut:
    recorded_at = reader.recorded_at(size - 1) if size else None
    covering = "SELECT min(tree_size) FROM log_checkpoints WHERE tree_size >= ?"
    return Cut(
        size=size,
        last_recorded_at=None if recorded_at is None else instant(recorded_at),
        root=root_at(reader, size).hex(),
        checkpoint=reader.rows(covering, size)[0][0] if size else None,
    )
