"""What every projection does with its tables: find a row, put a row, empty them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table

from traderbot.application.ports.event_bus import HandlerKind, ReplayPolicy, Start
from traderbot.application.ports.recorded import Recorded
from traderbot.domain.shared.instants import instant_text
from traderbot.infrastructure.following.pending_rows import (
    find_row,
    put_row,
    remove_row,
    write_rows,
)
from traderbot.infrastructure.handlers.declared import EventHandler
from traderbot.infrastructure.persistence.tables import Base

ONE_TRANSACTION = "rows and place in the log change in one transaction"


def projection(
    name: str,
    summary: str,
    handle: Callable[[Recorded, Connection], None],
    *,
    event_types: frozenset[type],
    models: tuple[type[Base], ...],
) -> EventHandler:
    """Return the declaration of a projection: from the first event on, and again when asked."""
    tables = tuple(table_of(model) for model in models)

    def clear(connection: Connection) -> None:
        for table in tables:
            connection.execute(table.delete())

    return EventHandler(
        name=name,
        kind=HandlerKind.DURABLE_PROJECTION,
        handle=handle,
        event_types=event_types,
        start=Start.BEGINNING,
        replay=ReplayPolicy.SAFE,
        clear=clear,
        summary=summary,
        idempotency=ONE_TRANSACTION,
        tables=tables,
    )


def table_of(model: type[Base]) -> Table:
    """Return the table behind a model."""
    table = model.__table__
    assert isinstance(table, Table)  # noqa: S101 - for the type checker: each model has one
    return table


def found(connection: Connection, model: type[Base], **key: object) -> dict[str, Any] | None:
    """Return the row with that primary key, to be changed and put back, or None."""
    return find_row(connection, table_of(model), key)


def day_of(at: datetime) -> str:
    """Return the UTC date of an instant, such as 2026-11-21."""
    return instant_text(at)[:10]


def put(connection: Connection, model: type[Base], row: Mapping[str, Any]) -> None:
    """Have a whole row written, in place of the one with its key if there is one.

    It is, by the end of the transaction: see `written` for who asks in another way than `found`.
    """
    put_row(connection, table_of(model), row)


def remove(connection: Connection, model: type[Base], **key: object) -> None:
    """Have the row with that primary key deleted."""
    remove_row(connection, table_of(model), key)


def written(connection: Connection, *models: type[Base]) -> Connection:
    """Return the connection, with everything written that was put into these tables."""
    write_rows(connection, *map(table_of, models))
    return connection
