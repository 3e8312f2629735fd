"""`LogStore` on SQLite: the log is the table itself, so only the tree has to grow.

Events are read and hashed while others write. The writer is held up for two or three rows, and not
for the disk: a seal that a power cut takes back is made again from the same events. Checkpoints are
on the disk before anybody hears of them, and everything before them with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from traderbot.infrastructure.persistence.sqlite_turns import TurnTakingConnection
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
            yield _SealingTransaction(driver)

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """Open a transaction that writes, and syncs the file at its end."""
        with self._transaction(_begin_nothing) as driver:
            driver.execute("PRAGMA synchronous=FULL")
            with _turn(driver):
                yield _Transaction(driver)


class _Transaction(Transaction):
    def __init__(self, driver: TurnTakingConnection) -> None:
        self._driver = driver

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self._driver.execute(sql, values).fetchall()

    def instant(self, column: str) -> str:
        return column


class _SealingTransaction(_Transaction, SealingTransaction):
    def __init__(self, driver: TurnTakingConnection) -> None:
        super().__init__(driver)
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
        with _turn(driver):
            if not before.size:
                driver.execute(INSERT_HEAD, HEAD_VALUES)
            moved = driver.execute(
                _MOVE_HEAD,
                (after.size, after.frontier, after.root, before.size, before.root, before.epoch),
            )
            if moved.rowcount == 1:
                driver.executemany(_PUT_TILE, [(*key, tile) for key, tile in sealed.tiles.items()])
        return moved.rowcount == 1


def _begin_reading(driver: TurnTakingConnection) -> None:
    driver.execute("BEGIN")


def _begin_nothing(_driver: TurnTakingConnection) -> None:
    """What is written on the way to the disk is told first, and that is no transaction yet."""


@contextmanager
def _turn(driver: TurnTakingConnection) -> Iterator[None]:
    """Write until the block ends, and commit."""
    driver.begin_writing(eager=True)
    try:
        yield
    except BaseException:
        driver.rollback()
        raise
    driver.commit()
