"""What somebody does first who owns the database and wants to change what happened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text


def lift_guards(connection: Connection) -> None:
    """Switch off whatever keeps rows from being changed. Harmless if it is off already."""
    if connection.dialect.name == "postgresql":
        for table, trigger in _triggers(connection):
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}"))
    else:
        found = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
        for (trigger,) in found.all():
            connection.execute(text(f"DROP TRIGGER {trigger}"))


@contextmanager
def lifted_guards(connection: Connection) -> Iterator[None]:
    """Lift the guards of a PostgreSQL database for one block, and put them back."""
    triggers = _triggers(connection)
    lift_guards(connection)
    yield
    for table, trigger in triggers:
        connection.execute(text(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}"))


def _triggers(connection: Connection) -> list[tuple[str, str]]:
    found = connection.execute(
        text(
            "SELECT tgrelid::regclass, tgname FROM pg_trigger "
            "WHERE tgenabled <> 'D' AND NOT tgisinternal"
        )
    )
    return [(str(table), str(name)) for table, name in found]
