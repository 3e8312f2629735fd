"""The state of everything as a part of the log makes it: as of an index, or of an instant."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Any

from traderbot.application.ports.audit import Cut, Progress, ReplayReport
from traderbot.application.views import OrderView, PortfolioView
from traderbot.domain.shared.errors import CorruptHistoryError, InvalidValueError
from traderbot.domain.shared.ids import UserId
from traderbot.domain.shared.instants import instant, instant_text
from traderbot.infrastructure.audit.folding import States, fold_log, of_category
from traderbot.infrastructure.event_store.body import encode_json
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.event_store.log_reader import LogReader
from traderbot.infrastructure.event_store.merkle import Frontier
from traderbot.infrastructure.persistence.state_rows import rows_of


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


def cut_at_instant(reader: LogReader, at: datetime) -> Cut:
    """Return the longest prefix in which nothing was recorded later."""
    limit = instant_text(at)  # such texts sort in the order of time
    size = 0
    for batch in reader.leaves():
        for _, _, _, recorded_at, _ in batch:
            if recorded_at > limit:
                return _prefix(reader, size)
            size += 1
    return _prefix(reader, size)


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
        occurred_by=at,
        left_out=size - kept,
    )


def replay(
    reader: LogReader,
    codec: EventCodec,
    cut: Cut,
    owner_id: UserId | None,
    progress: Progress | None,
) -> ReplayReport:
    """Fold the log up to a cut. Raises CorruptHistoryError."""
    states = fold_log(reader, codec, cut.size, occurred_by=cut.occurred_by, progress=progress)
    portfolios = _owned(states, "portfolio", owner_id)
    orders = _owned(states, "order", owner_id)
    users = of_category(states, "user")
    return ReplayReport(
        cut=cut,
        portfolios=tuple(PortfolioView.of(it) for it in portfolios),
        orders=tuple(OrderView.of(it) for it in orders),
        bot_runs=len(_owned(states, "bot", owner_id)),
        users=len([it for it in users if owner_id in (None, it.id)]),
        fingerprint=fingerprint(states),
    )


def fingerprint(states: States) -> str:
    """Return SHA-256 over the state rows of every stream, as one line of canonical JSON each.

    Streams stand in the order of their ids and rows in the order of their columns. The ledger and
    the trades are left out: they are lines of history, not state.
    """
    digest = sha256()
    for stream_id in sorted(states):
        rows = rows_of(None, states[stream_id], ())
        tables = {table.name: sorted(lines) for table, lines in rows.items() if lines}
        digest.update(encode_json([stream_id, tables]) + b"\n")
    return digest.hexdigest()


def _owned(states: States, category: str, owner_id: UserId | None) -> list[Any]:
    return [it for it in of_category(states, category) if owner_id in (None, it.owner_id)]


def _prefix(reader: LogReader, size: int) -> Cut:
    frontier = Frontier()
    last_recorded_at: datetime | None = None
    for batch in reader.leaves() if size else ():
        rows = batch[: size - frontier.size]
        try:
            frontier.extend([leaf_hash for _, _, _, _, leaf_hash in rows])
        except TypeError as error:
            msg = "a leaf hash is stored as something else than bytes"
            raise CorruptHistoryError(msg) from error
        if frontier.size == size:
            last_recorded_at = instant(rows[-1][3])
            break
    return Cut(size=size, last_recorded_at=last_recorded_at, root=frontier.root().hex())
