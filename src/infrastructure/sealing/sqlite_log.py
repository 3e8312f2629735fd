"""`LogStore` on SQLite: the log is the table itself, so only the tree has to grow.

Events are read and hashed while others write. The writer is held up for two or three rows, and not
for the disk: a seal that a power cut takes back is made again from the same events. Checkpoints are
on the disk before anybody hears of them, and everything before them with them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any, Final

from sqlalchemy import Engine

from traderbot.infrastructure.persistence.sqlite_file import SqliteFile
from traderbot.infrastructure.persistence.sqlite_gate import Gate, gate_of
from traderbot.infrastructure.sealing.batch import WaitingEvent, check_dense
from traderbot.infrastructure.sealing.errors import SealRefusedError
from traderbot.infrastructure.sealing.log_store import (
    HEAD_VALUES,
    INSERT_HEAD,
    LogStore,
    Sealed,
    SealingTransaction,
    Transaction,
)
from traderbot.infrastructure.sealing.stored_tree import head

_PATIENCE_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 0.0003

_SIZES = (
    "SELECT coalesce((SELECT max(position) FROM events), 0), "
    "coalesce((SELECT size FROM log_head WHERE id = 1), 0)"
)
_WAITING = (
    "SELECT position, stream_id, type, version, body, leaf_hash FROM events "
    "WHERE position > ? ORDER BY position LIMIT ?"
)
_SEALED_HASH = "SELECT leaf_hash FROM events WHERE stream_id = ? AND version = ? AND position <= ?"
_MOVE_HEAD = (
    "UPDATE log_head SET size = ?, frontier = ?, root = ? "
    "WHERE id = 1 AND size = ? AND root = ? AND epoch = ?"
)
_PUT_TILE = (
    "INSERT INTO log_tiles (level, tile, hashes) VALUES (?, ?, ?) "
    "ON CONFLICT (level, tile) DO UPDATE SET hashes = excluded.hashes"
)


class SqliteLog(LogStore):
    """The log of a SQLite file."""

    def __init__(self, engine: Engine) -> None:
        """Use an engine made by `database.py` for writing."""
        super().__init__(engine)
        self._gate = gate_of(engine)
        self._file = SqliteFile(engine)

    @contextmanager
    def _transaction(self, begin: Callable[[Any], None]) -> Iterator[Any]:
        """Refuse to work on another file than the one this program began with."""
        self._refuse_another_file()  # before one is opened beside the old one's journal
        with super()._transaction(begin) as driver:
            self._refuse_another_file()
            yield driver

    def _refuse_another_file(self) -> None:
        fault = self._file.fault()
        if fault is not None:
            raise SealRefusedError(
                f"{fault}: nothing is sealed. Stop the program, put the right file in its place, "
                "and start it again"
            )

    def waits(self) -> bool:
        """Tell whether there is anything to seal.

        Raises:
            SealRefusedError: there are fewer events than were sealed.
        """
        with self.reading() as transaction:
            newest, size = transaction.rows(_SIZES)[0]
        if newest < size:
            msg = (
                f"{size} events were sealed, and the newest is at position {newest}: "
                "sealed events are missing; `traderbot audit verify` tells more"
            )
            raise SealRefusedError(msg)
        return bool(newest > size)

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Open a transaction that only reads."""
        with self._transaction(_begin_reading) as driver:
            yield _Transaction(driver)

    @contextmanager
    def sealing(self, *, patient: bool) -> Iterator[SealingTransaction | None]:
        """Open a transaction that reads; who is first with `seal` is decided there."""
        del patient
        with self._transaction(_begin_reading) as driver:
            yield _SealingTransaction(driver, self._gate)

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """Open a transaction that writes, and syncs the file at its end."""
        with self._transaction(_begin_nothing) as driver:
            driver.execute("PRAGMA synchronous=FULL")
            with _writing(driver, self._gate):
                yield _Transaction(driver)


class _Transaction(Transaction):
    dense = True

    def __init__(self, driver: sqlite3.Connection) -> None:
        self._driver = driver

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self._driver.execute(sql, values).fetchall()

    def instant(self, column: str) -> str:
        return column


class _SealingTransaction(_Transaction, SealingTransaction):
    def __init__(self, driver: sqlite3.Connection, gate: Gate) -> None:
        super().__init__(driver)
        self._gate = gate
        self.head = head(self)

    def waiting(self, most: int) -> list[WaitingEvent]:
        found: list[WaitingEvent] = self.rows(_WAITING, self.head.size, most)
        check_dense(found, self.head.size + 1)
        return found

    def sealed_hashes(self, keys: Sequence[tuple[str, int]]) -> dict[tuple[str, int], bytes]:
        found = {key: self.rows(_SEALED_HASH, *key, self.head.size) for key in keys}
        return {key: rows[0][0] for key, rows in found.items() if rows}

    def seal(self, sealed: Sealed) -> bool:
        before, after, driver = sealed.before, sealed.after, self._driver
        driver.commit()  # one that has read may not write any more once somebody else has
        driver.execute("PRAGMA synchronous=NORMAL")
        with _writing(driver, self._gate):
            if not before.size:
                driver.execute(INSERT_HEAD, HEAD_VALUES)
            moved = driver.execute(
                _MOVE_HEAD,
                (after.size, after.frontier, after.root, before.size, before.root, before.epoch),
            )
            if moved.rowcount == 1:
                driver.executemany(_PUT_TILE, [(*key, tile) for key, tile in sealed.tiles.items()])
        return moved.rowcount == 1


def _begin_reading(driver: sqlite3.Connection) -> None:
    driver.execute("BEGIN")


def _begin_nothing(_driver: sqlite3.Connection) -> None:
    """How far to the disk a commit goes is said before the transaction."""


@contextmanager
def _writing(driver: sqlite3.Connection, gate: Gate) -> Iterator[None]:
    """Write until the block ends, and commit."""
    with gate.waiting():
        _begin_writing(driver)
        try:
            yield
        except BaseException:
            driver.rollback()
            raise
        driver.commit()


def _begin_writing(driver: sqlite3.Connection) -> None:
    """Begin to write in the first gap there is: SQLite's own pauses grow until they miss it."""
    driver.execute("PRAGMA busy_timeout=0")
    limit = monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            driver.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith("SQLITE_BUSY") or monotonic() > limit:
                raise
            sleep(_PAUSE_SECONDS)
        else:
            break
    driver.execute(f"PRAGMA busy_timeout={int(1000 * _PATIENCE_SECONDS)}")
