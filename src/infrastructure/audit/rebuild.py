"""Making the state rows again from the log: computed beside them, compared, and only then written.

What the log makes is computed from a moment of the database that nobody is kept from changing, and
compared row by row. Only rows that differ are written, some at a time, in transactions as short as
a command's. Each is a compare-and-set on the row's own version: a row that a command has written
meanwhile is right, for commands write whole rows, and is left as it is.

Whole tables are not swapped: a table renamed in the place of another would lose its grants and keep
every command waiting while the last events are caught up with.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict

from sqlalchemy import Connection, Engine, Table
from sqlalchemy.exc import SQLAlchemyError

from traderbot.application.errors import DatabaseUnavailableError
from traderbot.application.ports.audit import DiffReport, Progress, RebuildReport
from traderbot.infrastructure.audit.diff import diff
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.event_store.log_reader import snapshot
from traderbot.infrastructure.persistence.state_rows import STATE_TABLES
from traderbot.infrastructure.persistence.statements import (
    Row,
    columns_of,
    postgres_insert,
    sqlite_insert,
)

_ROUNDS = 5  # a row that commands write again and again becomes right by that


def rebuild(
    reading: Engine, writing: Engine, codec: EventCodec, progress: Progress | None
) -> RebuildReport:
    """Compare; if anything differs, compare again and put it right on the way.

    The log is not touched. The first time through nothing is written, so a log that cannot be
    folded changes no row.

    Raises:
        CorruptHistoryError: the log cannot be folded; nothing was changed.
        DatabaseUnavailableError: somebody else holds the database too long, or it is away. Rows
            that were put right stay right; ask again for the others.
    """
    began = time.perf_counter()
    before = _compared(reading, codec, _half(progress, 0), None)
    mended: Counter[str] = Counter({table.name: 0 for table in STATE_TABLES})
    if before.differences:
        for _ in range(_ROUNDS):
            mender = _RowMender(writing, mended)
            _compared(reading, codec, _half(progress, 1), mender)
            if not mender.overtaken:
                break
    return RebuildReport(
        events=before.events,
        rows=dict(mended),
        changed=before.differences,
        seconds=time.perf_counter() - began,
        unlisted=before.unlisted,
    )


def _compared(
    reading: Engine, codec: EventCodec, progress: Progress | None, mender: _RowMender | None
) -> DiffReport:
    with snapshot(reading) as reader:
        return diff(reader, codec, progress, mender)


class _RowMender:
    """`Mender` that replaces one row at a time, if it still is the one that was compared."""

    def __init__(self, writing: Engine, mended: Counter[str]) -> None:
        self.overtaken = 0  # rows that a command wrote before they could be replaced
        self._writing = writing
        self._mended = mended
        self._stored: defaultdict[Table, list[Row]] = defaultdict(list)
        self._computed: defaultdict[Table, list[Row]] = defaultdict(list)

    def wrong(self, table: Table, stored: Row | None, computed: Row | None) -> None:
        """Remember it for the next transaction."""
        if stored is not None:
            self._stored[table].append(stored)
        if computed is not None:
            self._computed[table].append(computed)

    def settle(self) -> None:
        """Delete the rows that were wrong and write those the log makes."""
        if not self._stored and not self._computed:
            return
        try:
            with self._writing.begin() as connection:
                for table in STATE_TABLES:
                    self._replace(connection, table)
        except SQLAlchemyError as error:
            msg = "the database did not take the rows; those put right before stay so"
            raise DatabaseUnavailableError(msg) from error
        self._stored.clear()
        self._computed.clear()

    def _replace(self, connection: Connection, table: Table) -> None:
        stored, computed = self._stored[table], self._computed[table]
        deleted = _delete(connection, table, stored) if stored else 0
        inserted = _insert(connection, table, computed) if computed else 0
        self.overtaken += len(stored) - deleted + len(computed) - inserted
        self._mended[table.name] += max(deleted, inserted)


def _delete(connection: Connection, table: Table, rows: list[Row]) -> int:
    """Delete rows that still have the version they were seen with; return how many."""
    named = [column.name for column in table.primary_key if column.name != "stream_version"]
    named.append("stream_version")
    places = [list(table.columns.keys()).index(name) for name in named]
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    condition = " AND ".join(f"{name} = {mark}" for name in named)
    sql = f"DELETE FROM {table.name} WHERE {condition}"  # noqa: S608 - our own names
    keys = [tuple(row[place] for place in places) for row in rows]
    return connection.exec_driver_sql(sql, keys).rowcount


def _insert(connection: Connection, table: Table, rows: list[Row]) -> int:
    """Write rows whose place is free; return how many."""
    if connection.dialect.name == "postgresql":
        sql = f"{postgres_insert(table)} ON CONFLICT DO NOTHING"
        return connection.exec_driver_sql(sql, tuple(columns_of(rows))).rowcount
    return connection.exec_driver_sql(
        f"{sqlite_insert(table)} ON CONFLICT DO NOTHING", rows
    ).rowcount


def _half(progress: Progress | None, which: int) -> Progress | None:
    """Show the two passes over the log as one."""
    if progress is None:
        return None
    return lambda done, total: progress(which * total + done, 2 * total)
