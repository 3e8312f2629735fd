"""Reading the log in its own order, as raw tuples, a batch at a time, all from one moment.

In SQLite positions are the order of the log. In PostgreSQL they are an order in which every event
comes after those it was decided upon: positions are drawn while the streams are locked.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from traderbot.application.errors import DatabaseUnavailableError

BATCH: Final = 400  # so few that they stay in the processor's cache until they are dealt with
STREAM_BATCH: Final = 2_000  # here each batch leads to further questions, so it is larger

Row = tuple[Any, ...]


class StoredBody(NamedTuple):
    """What is needed to decode one event with everything around it."""

    position: int
    body: bytes
    leaf_hash: bytes


class StreamPart(NamedTuple):
    """Rows (stream_id, version, event_id, body) of one stream after another.

    `ends` tells whether the last of these streams has no further event.
    """

    rows: list[Row]
    ends: bool


@contextmanager
def snapshot(engine: Engine) -> Iterator[LogReader]:
    """Open a transaction that sees one moment for as long as it takes.

    Raises:
        DatabaseUnavailableError: the database cannot be reached.
    """
    if engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    try:
        connection = engine.connect()
    except SQLAlchemyError as error:
        msg = "the database cannot be read"
        raise DatabaseUnavailableError(msg) from error
    with connection:
        yield LogReader(connection)


class LogReader:
    """The log as one transaction sees it.

    Every method raises DatabaseUnavailableError if the database does not answer.
    """

    def __init__(self, connection: Connection) -> None:
        """Read on a connection; its transaction begins here if it has not begun yet."""
        self.connection = connection
        self.dense = connection.dialect.name == "sqlite"  # positions have no gaps
        self._mark = "?"
        if connection.dialect.name == "postgresql":
            self._mark = "%s"
            # Reading a long log takes as long as it takes.
            self.rows("SET LOCAL statement_timeout = 0")
            self.rows("SET LOCAL idle_in_transaction_session_timeout = 0")
        self._occurred_at = self.instant("occurred_at")
        self._recorded_at = self.instant("recorded_at")

    def rows(self, sql: str, *values: object) -> list[Row]:
        """Return raw rows. The statement marks its values with `?`."""
        dbapi = self.connection.dialect.loaded_dbapi
        try:
            result = self.connection.exec_driver_sql(sql.replace("?", self._mark), values)
            # The driver's own tuples: wrapping them costs a tenth of reading the log.
            cursor = result.cursor
            found = list(cursor.fetchall()) if cursor is not None and result.returns_rows else []
            result.close()
        except (SQLAlchemyError, dbapi.Error) as error:
            msg = f"the log cannot be read: {error}"
            raise DatabaseUnavailableError(msg) from error
        return found

    def instant(self, column: str) -> str:
        """Return the expression that gives an instant as the text bodies hold.

        SQLite stores it so; PostgreSQL formats it, and no datetime has to be built to compare it.
        """
        if self.connection.dialect.name == "postgresql":
            return f"to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
        return column

    def size(self) -> int:
        """Return how many events there are."""
        return int(self.rows("SELECT count(*) FROM events")[0][0])

    def events(self) -> Iterator[list[Row]]:
        """Yield every column in the table's order, instants as text, in log order."""
        yield from self._by_position(
            f"event_id, stream_id, version, type, schema, {self._occurred_at}, "
            f"{self._recorded_at}, command_id, correlation_id, causation_id, actor_type, "
            "actor_id, body, leaf_hash"
        )

    def bodies(self) -> Iterator[list[Row]]:
        """Yield (position, stream_id, body) in log order."""
        yield from self._by_position("stream_id, body")

    def leaves(self) -> Iterator[list[Row]]:
        """Yield (position, stream_id, occurred_at, recorded_at, leaf_hash) in log order."""
        yield from self._by_position(
            f"stream_id, {self._occurred_at}, {self._recorded_at}, leaf_hash"
        )

    def streams(self) -> Iterator[StreamPart]:
        """Yield every event, stream after stream, each from its first event to its last."""
        sql = (
            "SELECT stream_id, version, event_id, body FROM events "
            "WHERE (stream_id, version) > (?, ?) ORDER BY stream_id, version LIMIT ?"
        )
        after: tuple[str, int] = ("", -(2**63))
        while rows := self.rows(sql, *after, STREAM_BATCH + 1):
            following = rows.pop() if len(rows) > STREAM_BATCH else None
            last = rows[-1]
            yield StreamPart(rows, ends=following is None or following[0] != last[0])
            if following is None:
                return
            after = (last[0], last[1])

    def stream(self, stream_id: str) -> list[StoredBody]:
        """Return one stream's events, oldest first."""
        sql = "SELECT position, body, leaf_hash FROM events WHERE stream_id = ? ORDER BY version"
        return [StoredBody(*row) for row in self.rows(sql, stream_id)]

    def newest_of(self, stream_id: str) -> str | None:
        """Return the id of a stream's newest event."""
        sql = "SELECT event_id FROM events WHERE stream_id = ? ORDER BY version DESC LIMIT 1"
        found = self.rows(sql, stream_id)
        return str(found[0][0]) if found else None

    def of_command(self, command_id: str) -> list[StoredBody]:
        """Return what a command recorded, in log order: its events bear its id, numbered."""
        sql = "SELECT position, body, leaf_hash FROM events WHERE event_id BETWEEN ? AND ?"
        numbered = command_id[:-3]
        return [
            StoredBody(*row) for row in sorted(self.rows(sql, f"{numbered}000", f"{numbered}fff"))
        ]

    def _by_position(self, columns: str) -> Iterator[list[Row]]:
        sql = f"SELECT position, {columns} FROM events WHERE position > ? ORDER BY position LIMIT ?"  # noqa: S608 - our own names
        after = -(2**63)  # not zero: nothing may hide below the first position
        while rows := self.rows(sql, after, BATCH):
            yield rows
            after = rows[-1][0]
