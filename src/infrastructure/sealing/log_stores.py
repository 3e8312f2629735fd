"""Which store belongs to which database."""

from __future__ import annotations

from sqlalchemy import Engine

from traderbot.infrastructure.sealing.log_store import LogStore
from traderbot.infrastructure.sealing.sqlite_log import SqliteLog


def log_store(engine: Engine) -> LogStore:
    """Return the sealed log of the engine's database."""
    if engine.dialect.name == "sqlite":
        return SqliteLog(engine)
    # Here and not above: the PostgreSQL driver is an extra that the embedded default does without.
    from traderbot.infrastructure.sealing.postgres_log import PostgresLog  # noqa: PLC0415

    return PostgresLog(engine)
