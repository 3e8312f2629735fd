"""What a user may know of a part of the log: when something of their own happened in it last.

Of a prefix anybody may ask for, the last event is most often somebody else's, and when that was
recorded is none of their business.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from traderbot.domain.shared.ids import UserId
from traderbot.domain.shared.instants import instant
from traderbot.infrastructure.event_store.log_reader import UNSEALED, LogReader

_STREAMS: Final = " UNION ALL ".join(
    f"SELECT '{category}-' || {key} FROM {table} WHERE {owner} = ?"  # noqa: S608 - our own names
    for category, table, key, owner in (
        ("user", "users", "user_id", "user_id"),
        ("portfolio", "portfolios", "portfolio_id", "owner_id"),
        ("order", "orders", "order_id", "owner_id"),
        ("bot", "bot_runs", "bot_run_id", "owner_id"),
    )
)


def last_recorded_of(reader: LogReader, owner_id: UserId, size: int) -> datetime | None:
    """Return when the last event of an owner's streams among the first `size` was recorded."""
    sql = (
        f"SELECT {reader.instant('e.recorded_at')} FROM {reader.placed_events} "  # noqa: S608 - our own names
        f"WHERE e.stream_id IN ({_STREAMS}) AND {reader.place} {_before(reader)} ? "
        f"ORDER BY {reader.place} DESC LIMIT 1"
    )
    found = reader.rows(sql, *[owner_id] * 4, _end(reader, size))
    return instant(found[0][0]) if found else None


def _before(reader: LogReader) -> str:
    return "<=" if reader.dense else "<"  # positions begin at one, indexes at zero


def _end(reader: LogReader, size: int) -> int:
    """Return the place behind the first `size` events."""
    if reader.dense:
        return size
    waiting = size - reader.placed()
    if waiting <= 0:
        return size
    sql = "SELECT position FROM log_queue ORDER BY position LIMIT 1 OFFSET ?"
    found = reader.rows(sql, waiting)
    return UNSEALED + int(found[0][0]) if found else 2 * UNSEALED - 1
