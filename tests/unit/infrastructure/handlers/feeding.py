"""A handler in a test: a database with its tables, and events as the log would bring them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import create_engine, select
from sqlalchemy.pool import StaticPool

from tests.builders import NOON
from traderbot.application.ports.recorded import Actor, DomainEvent, Recorded
from traderbot.infrastructure.event_store.event_types import EVENT_TYPES
from traderbot.infrastructure.handlers.declared import EventHandler
from traderbot.infrastructure.handlers.projection import table_of
from traderbot.infrastructure.persistence.tables import Base

_NAMES = {kind: name for name, (kind, _schema) in EVENT_TYPES.items()}


def recorded(event: DomainEvent, log_index: int = 0) -> Recorded:
    """Return the event with everything the log would say of it."""
    id_ = f"0192f0c1-0000-7000-8000-{log_index:012x}"
    return Recorded(
        position=log_index,
        id=id_,
        stream="portfolio-0192f0c1-0000-7000-8000-000000000002",
        version=log_index + 1,
        type=_NAMES[type(event)],
        schema=1,
        occurred_at=event.at,
        recorded_at=NOON,
        command_id=id_,
        correlation_id=id_,
        causation_id=id_,
        actor=Actor("user", "somebody", "test"),
        leaf_hash=bytes(32),
        event=event,
    )


class Fed:
    """A projection on an empty SQLite database of its own."""

    def __init__(self, handler: EventHandler) -> None:
        self.handler = handler
        self.engine = create_engine("sqlite://", poolclass=StaticPool)
        Base.metadata.create_all(self.engine, tables=list(handler.tables))
        self._next = 0

    def feed(self, events: Iterable[DomainEvent]) -> Fed:
        """Give it the events of its types, in a transaction, as the log does."""
        with self.engine.begin() as connection:
            for event in events:
                if type(event) in (self.handler.event_types or ()):
                    self.handler.handle(recorded(event, self._next), connection)
                self._next += 1
        return self

    def clear(self) -> None:
        """Have it forget everything, before a replay."""
        assert self.handler.clear is not None
        with self.engine.begin() as connection:
            self.handler.clear(connection)
        self._next = 0

    def rows(self, model: type[Base]) -> list[dict[str, Any]]:
        """Return a table, in the order of its key."""
        table = table_of(model)
        with self.engine.connect() as connection:
            found = connection.execute(select(table).order_by(*table.primary_key))
            return [dict(row) for row in found.mappings()]

    def everything(self) -> dict[str, list[dict[str, Any]]]:
        """Return every table it writes, by name."""
        with self.engine.connect() as connection:
            return {
                table.name: [
                    dict(row)
                    for row in connection.execute(
                        select(table).order_by(*table.primary_key)
                    ).mappings()
                ]
                for table in self.handler.tables
            }
