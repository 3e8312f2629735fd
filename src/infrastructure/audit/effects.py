"""What the durable handlers did because of events: effects on the world, and what is parked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from traderbot.application.ports.audit import Effect
from traderbot.domain.shared.instants import instant
from traderbot.infrastructure.event_store.log_reader import LogReader, Row


def effects_of(reader: LogReader, event_ids: Sequence[str]) -> list[Effect]:
    """Return what handlers tell of these events, the oldest first."""
    effects = (
        f"SELECT t.subscription, t.event_id, t.status, t.attempts, t.token, "  # noqa: S608 - our own names
        f"{reader.instant('t.updated_at')} FROM effects t "
        "WHERE t.subscription = ? AND t.event_id IN ({})"
    )
    parked = (
        f"SELECT t.subscription, t.event_id, t.status, t.attempts, "  # noqa: S608 - our own names
        f"t.error_type || ': ' || t.error, {reader.instant('t.last_at')} FROM parked_events t "
        "WHERE t.subscription = ? AND t.event_id IN ({})"
    )
    rows = [*_asked(reader, effects, event_ids), *_asked(reader, parked, event_ids)]
    found = [
        Effect(
            handler=handler,
            event=event_id,
            status=status,
            attempts=attempts,
            detail=detail,
            at=instant(at),
        )
        for handler, event_id, status, attempts, detail, at in rows
    ]
    return sorted(found, key=lambda it: (it.at, it.handler, it.event))


def _asked(reader: LogReader, sql: str, event_ids: Sequence[str]) -> Iterator[Row]:
    """Ask for one subscription after another: that is how these tables are sorted."""
    if not event_ids:
        return
    marks = ", ".join(["?"] * len(event_ids))
    for (name,) in reader.rows("SELECT name FROM subscriptions ORDER BY name"):
        yield from reader.rows(sql.format(marks), name, *event_ids)
