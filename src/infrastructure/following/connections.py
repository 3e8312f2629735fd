"""A worker's own connection, which can be cut while a handler that hangs still holds it."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from traderbot.infrastructure.persistence.sqlite_gate import gate_of

_log = logging.getLogger(__name__)
_CANCEL_SECONDS = 1.0


class WritingConnection:
    """One connection to write on, made anew when it breaks. Used by one thread, but for handlers.

    Transactions follow one another on it: opening a connection costs more than most of them.
    """

    def __init__(self, engine: Engine, *, derived: bool = False) -> None:
        """Connect with the first transaction.

        What is only `derived` from the log is not waited for until it is on the disk: a power cut
        takes rows and place in the log back together, and they are made again.
        """
        self._engine = engine
        self._derived = derived
        self._connection: Connection | None = None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Open a transaction for a block. It is rolled back if the block raises."""
        if self._connection is None:
            self._connection = self._engine.connect()
            if self._derived:
                _do_not_wait_for_the_disk(self._connection)
        connection = self._connection
        try:
            with self._waiting():
                transaction = connection.begin()
            with transaction:
                yield connection
        except SQLAlchemyError:
            self.close()  # whatever was wrong with it
            raise

    def _waiting(self) -> AbstractContextManager[None]:
        """In SQLite one writes at a time: ask the busy one for a gap."""
        if self._engine.dialect.name == "sqlite":
            return gate_of(self._engine).waiting()
        return nullcontext()

    def cut(self) -> None:
        """End the transaction under the hands of a handler that does not come back.

        What the handler tries afterwards fails: nothing of it can get past the checkpoint.
        """
        connection, self._connection = self._connection, None
        if connection is None:
            return
        driver: Any = connection.connection.driver_connection
        try:
            if isinstance(driver, sqlite3.Connection):
                driver.interrupt()
                # In this order: between rollback and close it must not write by itself.
                driver.execute("PRAGMA query_only=ON")
                driver.rollback()
            else:
                driver.cancel_safe(timeout=_CANCEL_SECONDS)
        except Exception:  # noqa: BLE001 - of either driver; it is closed next in any case
            _log.warning("a handler's transaction could not be ended in good order", exc_info=True)
        with suppress(SQLAlchemyError):
            connection.invalidate()

    def close(self) -> None:
        """Give the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError):
                connection.close()


def _do_not_wait_for_the_disk(connection: Connection) -> None:
    driver: Any = connection.connection.driver_connection
    if isinstance(driver, sqlite3.Connection):
        driver.execute("PRAGMA synchronous=NORMAL")
    else:
        driver.execute("SET synchronous_commit = off")
        driver.commit()
