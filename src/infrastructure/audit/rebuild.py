"""Making every state row again from the log, in one transaction that nobody else can write into."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Mapping

from sqlalchemy import Connection, Engine, Table
from sqlalchemy.exc import SQLAlchemyError

from traderbot.application.errors import DatabaseUnavailableError
from traderbot.application.ports.audit import Progress, RebuildReport
from traderbot.infrastructure.audit.diff import diff, rows_of_chapter
from traderbot.infrastructure.audit.folding import fold_streams
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.event_store.log_reader import LogReader
from traderbot.infrastructure.persistence.state_rows import STATE_TABLES
from traderbot.infrastructure.persistence.statements import (
    Row,
    columns_of,
    postgres_insert,
    sqlite_insert,
)


def rebuild(writing: Engine, codec: EventCodec, progress: Progress | None) -> RebuildReport:
    """Compare, then delete all state rows and write those the log makes. The log is not touched.

    Commands of other processes wait meanwhile: in SQLite for the one who writes, in PostgreSQL for
    the lock on `streams`, which every command needs.

    Raises:
        CorruptHistoryError: the log cannot be folded; nothing was changed.
        DatabaseUnavailableError: somebody else holds the database too long, or it is away.
    """
    began = time.perf_counter()
    try:
        with writing.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("LOCK TABLE streams IN EXCLUSIVE MODE")
            reader = LogReader(connection)
            before = diff(reader, codec, _half(progress, 0))
            rows = _write_all(connection, reader, codec, _half(progress, 1))
    except SQLAlchemyError as error:
        msg = "the database did not do it; nothing was changed"
        raise DatabaseUnavailableError(msg) from error
    return RebuildReport(
        events=before.events,
        rows=rows,
        changed=before.differences,
        seconds=time.perf_counter() - began,
        unlisted=before.unlisted,
    )


def _write_all(
    connection: Connection, reader: LogReader, codec: EventCodec, progress: Progress | None
) -> Mapping[str, int]:
    written: Counter[str] = Counter({table.name: 0 for table in STATE_TABLES})
    for table in STATE_TABLES:
        connection.exec_driver_sql(f"DELETE FROM {table.name}")  # noqa: S608 - our own names
    total, done = reader.size(), 0
    for chapters in fold_streams(reader, codec):
        made: defaultdict[Table, list[Row]] = defaultdict(list)
        for chapter in chapters:
            done += len(chapter.events)
            for table, rows in rows_of_chapter(chapter).items():
                made[table] += rows
        for table, rows in made.items():
            if rows:
                _insert(connection, table, rows)
                written[table.name] += len(rows)
        if progress is not None:
            progress(done, total)
    return dict(written)


def _insert(connection: Connection, table: Table, rows: list[Row]) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(postgres_insert(table), tuple(columns_of(rows)))
    else:
        connection.exec_driver_sql(sqlite_insert(table), rows)


def _half(progress: Progress | None, which: int) -> Progress | None:
    """Show the two passes over the log as one."""
    if progress is None:
        return None
    return lambda done, total: progress(which * total + done, 2 * total)
