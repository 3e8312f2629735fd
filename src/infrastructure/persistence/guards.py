"""What keeps events as they were written: triggers that migration 0003 made."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

_TABLES: Final = ("events", "log_checkpoints", "log_epochs")
_SQLITE: Final = tuple(
    f"{table}_no_{change}" for table in _TABLES for change in ("update", "delete")
)
_POSTGRES: Final = tuple(f"{table}_no_change" for table in (*_TABLES, "log"))
_SQLITE_FOUND: Final = text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
# 'A' is ENABLE ALWAYS: whoever wants to get past it must switch it off, not merely look away.
_POSTGRES_FOUND: Final = text(
    "SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
    "WHERE relnamespace = current_schema()::regnamespace AND tgenabled = 'A' "
    "AND tgname = relname || '_no_change'"  # that of the table, not of one of its partitions
)


def missing_guards(connection: Connection) -> list[str]:
    """Return the names of the triggers that are not there, or are switched off."""
    postgres = connection.dialect.name == "postgresql"
    found = set(connection.scalars(_POSTGRES_FOUND if postgres else _SQLITE_FOUND))
    return [name for name in (_POSTGRES if postgres else _SQLITE) if name not in found]
