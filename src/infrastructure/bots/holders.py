"""Processes that run bots, in a SQL database, SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine, Insert, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from traderbot.application.errors import DatabaseUnavailableError
from traderbot.application.ports.bot_holders import BotHolders
from traderbot.infrastructure.persistence.tables import BotHolderRow

_FORGOTTEN: Final = timedelta(days=1)  # long dead: nobody asks about it any more


class SqlBotHolders(BotHolders):
    """`BotHolders` in one small table; every call is its own transaction."""

    def __init__(self, writing: Engine, reading: Engine) -> None:
        """Write and read through these."""
        self._writing = writing
        self._reading = reading
        self._upsert = _upsert(writing.dialect.name)

    def beat(self, holder: str, until: datetime) -> None:
        """Note that a process lives. Raises DatabaseUnavailableError."""
        old = delete(BotHolderRow).where(BotHolderRow.alive_until < until - _FORGOTTEN)
        with _translated(), self._writing.begin() as connection:
            connection.execute(self._upsert, {"holder": holder, "alive_until": until})
            connection.execute(old)

    def alive(self, at: datetime) -> frozenset[str]:
        """Return every process that is taken to live. Raises DatabaseUnavailableError."""
        question = select(BotHolderRow.holder).where(BotHolderRow.alive_until >= at)
        with _translated(), self._reading.connect() as connection:
            return frozenset(connection.execute(question).scalars())

    def leave(self, holder: str) -> None:
        """Note that a process has ended. Raises DatabaseUnavailableError."""
        with _translated(), self._writing.begin() as connection:
            connection.execute(delete(BotHolderRow).where(BotHolderRow.holder == holder))


def _upsert(dialect: str) -> Insert:
    if dialect == "postgresql":
        new = postgresql.insert(BotHolderRow)
        return new.on_conflict_do_update(
            index_elements=["holder"], set_={"alive_until": new.excluded.alive_until}
        )
    row = sqlite.insert(BotHolderRow)
    return row.on_conflict_do_update(
        index_elements=["holder"], set_={"alive_until": row.excluded.alive_until}
    )


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        msg = "the database that says which processes run bots is away"
        raise DatabaseUnavailableError(msg) from error
