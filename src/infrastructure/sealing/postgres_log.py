"""`LogStore` on PostgreSQL: the queue is drained into the log, and the log into the tree.

All of it in one transaction that holds the one row of `log_head`. A row stays in the queue until a
committed drain takes it, so a late commit is merely sealed later. Within a stream positions rise
with versions, and an event is visible before the next one of its stream can be written: so the
lowest positions first is an order in which nothing comes before what it follows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from traderbot.infrastructure.persistence.statements import columns_of
from traderbot.infrastructure.sealing.batch import WaitingEvent
from traderbot.infrastructure.sealing.errors import SealRefusedError
from traderbot.infrastructure.sealing.log_store import (
    HEAD_VALUES,
    INSERT_HEAD,
    LogStore,
    Sealed,
    SealingTransaction,
    Transaction,
)
from traderbot.infrastructure.sealing.stored_tree import Head

CHANNEL = "traderbot_log"  # told the new size with every seal, by the sealer and nobody else

_HEAD = "SELECT size, root, epoch, frontier FROM log_head WHERE id = 1 FOR UPDATE"
_DRAIN = (
    "WITH taken AS (DELETE FROM log_queue WHERE position = ANY(ARRAY("
    "SELECT position FROM log_queue ORDER BY position LIMIT ?)) RETURNING position) "
    "SELECT t.position, e.stream_id, e.type, e.version, e.body, e.leaf_hash "
    "FROM taken t LEFT JOIN events e ON e.position = t.position ORDER BY t.position"
)
_SEALED_HASHES = (
    "SELECT k.stream_id, k.version, l.leaf_hash "
    "FROM unnest(%s::text[], %s::bigint[]) AS k(stream_id, version) "
    "JOIN events e ON e.stream_id = k.stream_id AND e.version = k.version "
    "JOIN log l ON l.position = e.position"
)
_PUT_LOG = (
    "INSERT INTO log (log_index, position, leaf_hash) "
    "SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bytea[])"
)
_PUT_TILES = (
    "INSERT INTO log_tiles (level, tile, hashes) "
    "SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bytea[]) "
    "ON CONFLICT (level, tile) DO UPDATE SET hashes = excluded.hashes"
)
_MOVE_HEAD = "UPDATE log_head SET size = %s, frontier = %s, root = %s WHERE id = 1"

_Driver = psycopg.Connection[Any]


class PostgresLog(LogStore):
    """The log of a PostgreSQL database."""

    def waits(self) -> bool:
        """Tell whether there is anything to seal."""
        with self.reading() as transaction:
            return bool(transaction.rows("SELECT EXISTS (SELECT 1 FROM log_queue)")[0][0])

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Open a transaction that only reads."""
        with self._transaction(_begin_snapshot) as driver:
            yield _Transaction(driver)

    @contextmanager
    def sealing(self, *, patient: bool) -> Iterator[SealingTransaction | None]:
        """Open a transaction that holds the head of the log."""
        with self._transaction(_begin) as driver:
            transaction = _Transaction(driver)
            # Not waiting saves work and no more: the row's lock is what keeps a second one out.
            sql = _HEAD if patient else f"{_HEAD} SKIP LOCKED"
            found = transaction.rows(sql)
            if not found:
                transaction.rows(INSERT_HEAD, *HEAD_VALUES)
                driver.commit()  # at once: a second one would wait for it, patient or not
                found = transaction.rows(sql)
            if found:
                size, root, epoch, frontier = found[0]
                yield _SealingTransaction(driver, Head(size, root, epoch, frontier))
            else:
                yield None

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """Open a transaction that writes; synchronous_commit is on."""
        with self._transaction(_begin) as driver:
            yield _Transaction(driver)


class _Transaction(Transaction):
    dense = False

    def __init__(self, driver: _Driver) -> None:
        self._driver = driver

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        cursor = self._driver.execute(sql.replace("?", "%s"), values)
        return cursor.fetchall() if cursor.description else []

    def instant(self, column: str) -> str:
        return f"to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"


class _SealingTransaction(_Transaction, SealingTransaction):
    def __init__(self, driver: _Driver, locked: Head) -> None:
        super().__init__(driver)
        self.head = locked

    def waiting(self, most: int) -> list[WaitingEvent]:
        return self.rows(_DRAIN, most)

    def sealed_hashes(self, keys: Sequence[tuple[str, int]]) -> dict[tuple[str, int], bytes]:
        if not keys:
            return {}
        found = self._driver.execute(_SEALED_HASHES, columns_of(list(keys)))
        return {(stream, version): leaf_hash for stream, version, leaf_hash in found}

    def seal(self, sealed: Sealed) -> bool:
        before, after, execute = sealed.before, sealed.after, self._driver.execute
        log = [(index, it[0], it[5]) for index, it in enumerate(sealed.events, before.size)]
        tiles = [(*key, tile) for key, tile in sealed.tiles.items()]
        try:
            with self._driver.pipeline():
                execute(_PUT_LOG, columns_of(log))
                execute(_PUT_TILES, columns_of(tiles))
                execute(_MOVE_HEAD, (after.size, after.frontier, after.root))
                execute("SELECT pg_notify(%s, %s)", (CHANNEL, str(after.size)))
        except psycopg.errors.UniqueViolation as error:
            msg = (
                f"the log has an entry behind its size, {before.size}, or twice the same event: "
                "`traderbot audit verify` tells more"
            )
            raise SealRefusedError(msg) from error
        self._driver.commit()
        return True


# The driver itself opens a transaction with the first statement.
def _begin(driver: _Driver) -> None:
    driver.isolation_level = psycopg.IsolationLevel.READ_COMMITTED


def _begin_snapshot(driver: _Driver) -> None:
    driver.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
