"""What the sealer needs of a database: one connection of its own, short transactions on it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from traderbot.application.errors import DatabaseRefusedError, DatabaseUnavailableError
from traderbot.infrastructure.sealing.batch import WaitingEvent
from traderbot.infrastructure.sealing.stored_tree import (
    NOTHING_SEALED,
    Head,
    StoredCheckpoint,
    StoredEpoch,
)

# A row must be there to be locked.
INSERT_HEAD: Final = (
    "INSERT INTO log_head (id, size, frontier, root, epoch) VALUES (1, ?, ?, ?, ?) "
    "ON CONFLICT DO NOTHING"
)
PUT_CHECKPOINT: Final = (
    "INSERT INTO log_checkpoints (tree_size, epoch, root, note, key_id, sealed_at) "
    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
HEAD_VALUES: Final = (
    NOTHING_SEALED.size,
    NOTHING_SEALED.frontier,
    NOTHING_SEALED.root,
    NOTHING_SEALED.epoch,
)

Tiles = Mapping[tuple[int, int], bytes]


@dataclass(frozen=True, slots=True)
class Sealed:
    """A batch of events and what the log becomes with them."""

    before: Head
    after: Head
    events: Sequence[WaitingEvent]
    tiles: Tiles


class Transaction(ABC):
    """What is asked and written in one transaction. It is a `Reader`, too."""

    dense: bool  # whether it is SQLite, where positions have no gaps

    @abstractmethod
    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Return raw rows. The statement marks its values with `?`."""

    @abstractmethod
    def instant(self, column: str) -> str:
        """Return the expression that gives an instant as the text bodies hold."""


class SealingTransaction(Transaction):
    """A transaction in which events are given their place."""

    head: Head

    @abstractmethod
    def waiting(self, most: int) -> list[WaitingEvent]:
        """Return the events that come next, in the order they are sealed in."""

    @abstractmethod
    def sealed_hashes(self, keys: Sequence[tuple[str, int]]) -> dict[tuple[str, int], bytes]:
        """Return the leaf hashes of sealed events by (stream, version), as far as there are any."""

    @abstractmethod
    def seal(self, sealed: Sealed) -> bool:
        """Write and commit; False if another sealer was first, and nothing is written then."""


class LogStore(ABC):
    """A database's sealed log. Its connection is opened when needed, and anew when it broke.

    Every method raises DatabaseUnavailableError if the database does not answer, and
    DatabaseRefusedError if it does not take what it is given.
    """

    def __init__(self, engine: Engine) -> None:
        """Use an engine made by `database.py` for writing."""
        self._engine = engine
        self._connection: Connection | None = None

    @abstractmethod
    def waits(self) -> bool:
        """Tell whether there is anything to seal."""

    @abstractmethod
    def reading(self) -> AbstractContextManager[Transaction]:
        """Open a transaction that only reads, and holds nobody up."""

    @abstractmethod
    def sealing(self, *, patient: bool) -> AbstractContextManager[SealingTransaction | None]:
        """Open a transaction to seal in; None if another sealer is at it and nobody waits."""

    @abstractmethod
    def writing(self) -> AbstractContextManager[Transaction]:
        """Open a transaction whose commit, at its end, is on the disk."""

    def keep_checkpoint(self, checkpoint: StoredCheckpoint) -> bytes:
        """Store a checkpoint unless there is one of its size and epoch; return the root of that."""
        with self.writing() as transaction:
            transaction.rows(PUT_CHECKPOINT, *_values(checkpoint))
            found = transaction.rows(
                "SELECT root FROM log_checkpoints WHERE tree_size = ? AND epoch = ?",
                checkpoint.size,
                checkpoint.epoch,
            )
        return bytes(found[0][0])

    def start_epoch(self, epoch: StoredEpoch, first: StoredCheckpoint) -> bool:
        """Go on under another origin, with its first checkpoint.

        Return False if the log is not at the epoch before any more.
        """
        with self.writing() as transaction:
            transaction.rows(INSERT_HEAD, *HEAD_VALUES)
            moved = transaction.rows(
                "UPDATE log_head SET epoch = ? WHERE id = 1 AND epoch < ? RETURNING epoch",
                epoch.epoch,
                epoch.epoch,
            )
            if moved:
                transaction.rows(
                    "INSERT INTO log_epochs "
                    "(epoch, origin, started_at, reason, previous_size, previous_root) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    epoch.epoch,
                    epoch.origin,
                    epoch.started_at,
                    epoch.reason,
                    epoch.previous_size,
                    epoch.previous_root,
                )
                transaction.rows(PUT_CHECKPOINT, *_values(first))
        return bool(moved)

    def close(self) -> None:
        """Give the connection back; the next question opens another one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError, self._dbapi.Error):
                connection.invalidate()
                connection.close()

    @contextmanager
    def _transaction(self, begin: Callable[[Any], None]) -> Iterator[Any]:
        """Give out the driver's connection, commit in the end, put failures into our words."""
        try:
            if self._connection is None:
                self._connection = self._engine.connect()
            driver: Any = self._connection.connection.driver_connection
            begin(driver)
            yield driver
            driver.commit()
        except (SQLAlchemyError, self._dbapi.Error) as error:
            self.close()
            dbapi = self._dbapi
            if isinstance(error, (dbapi.DataError, dbapi.IntegrityError, dbapi.ProgrammingError)):
                msg = f"the database refused to seal: {error}"
                raise DatabaseRefusedError(msg) from error
            msg = f"the database cannot seal: {error}"
            raise DatabaseUnavailableError(msg) from error
        except BaseException:
            self.close()  # with all that was begun
            raise

    @property
    def _dbapi(self) -> Any:  # noqa: ANN401 - a module
        return self._engine.dialect.loaded_dbapi


def _values(it: StoredCheckpoint) -> tuple[object, ...]:
    return it.size, it.epoch, it.root, it.note, it.key_id, it.sealed_at
