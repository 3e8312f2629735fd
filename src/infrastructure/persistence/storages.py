"""Which storage belongs to which database."""

from __future__ import annotations

from sqlalchemy import Engine

from traderbot.infrastructure.persistence.sqlite_storage import SqliteStorage
from traderbot.infrastructure.persistence.storage import Storage


def open_storage(engine: Engine) -> Storage:
    """Return the writer's storage on the engine's database."""
    if engine.dialect.name == "sqlite":
        return SqliteStorage(engine)
    # Here and not above: the PostgreSQL driver is an extra that the embedded default does without.
    from traderbot.infrastructure.persistence.postgres_storage import (  # noqa: PLC0415
        PostgresStorage,
    )

    return PostgresStorage(engine)
