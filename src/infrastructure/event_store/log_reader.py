"""Reading the log in its own order, as raw tuples, a batch at a time, all from one moment.

In SQLite positions are the order of the log: index = position - 1. In PostgreSQL the sealer gives
every event its index in `log`; behind those come the ones that still wait in `log_queue`, by
position. That is an order in which each event comes after those it was decided upon.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from traderbot.application.errors import DatabaseUnavailableError
from traderbot.domain.shared.errors import CorruptHistoryError

BATCH: Final = 400  # so few that they stay in the processor's cache until they are dealt with
STREAM_BATCH: Final = 2_000  # here each batch leads to further questions, so it is larger
CORRECTIONS: Final = "e.type = 'portfolio.cash_corrected'"  # as the index of theirs has it
UNSEALED: Final = 2**62  # added to a position, it sorts behind every index

Row = tuple[Any, ...]


class StoredBody(NamedTuple):
    """What is needed to decode one event with everything around it.

    `log_index` is None as long as the event has no place in the sealed log (PostgreSQL).
    """

    position: int
    body: bytes
    leaf_hash: bytes
    log_index: int | None


class Portion(NamedTuple):
    """Consecutive events of the log, and what the log says of their places.

    `places` holds (log_index, position, leaf_hash), in PostgreSQL only: for events that wait in the
    queue the index and the hash are None. A place whose event is gone has no row in `rows`.
    """

    rows: list[Row]
    places: list[Row] | None


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
            # A portion is found by its keys. While statistics are old, a join of all might look
            # cheaper, and would be done again for every portion.
            self.rows("SET LOCAL enable_hashjoin = off")
            self.rows("SET LOCAL enable_mergejoin = off")
        self._occurred_at = self.instant("e.occurred_at")
        self._recorded_at = self.instant("e.recorded_at")
        # What sorts events as the log does, for questions about a few of them; and their index.
        self.place, self._log_index = "e.position", "e.position - 1"
        self._and_log = ""
        if not self.dense:
            self.place = f"coalesce(l.log_index, {UNSEALED} + e.position)"
            self._log_index = "l.log_index"
            self._and_log = " LEFT JOIN log l ON l.position = e.position"

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

    @property
    def placed_events(self) -> str:
        """What `FROM` names to have events as `e` and be able to sort by `place`."""
        return f"events e{self._and_log}"

    def size(self) -> int:
        """Return how many events there are."""
        if self.dense:
            return int(self.rows("SELECT count(*) FROM events")[0][0])
        sql = "SELECT (SELECT count(*) FROM log) + (SELECT count(*) FROM log_queue)"
        return int(self.rows(sql)[0][0])

    def recorded_at(self, index: int) -> str | None:
        """Return when the event of an index was recorded, as text; None if it is not there."""
        rows: list[Row] = next(self.leaves(index), [])
        return str(rows[0][3]) if rows else None

    def placed(self) -> int:
        """Return the index that the next event with a final place will have."""
        sql = (
            "SELECT max(position) FROM events"
            if self.dense
            else "SELECT max(log_index) + 1 FROM log"
        )
        return int(self.rows(sql)[0][0] or 0)

    def portions(self, start: int = 0) -> Iterator[Portion]:
        """Yield every column in the table's order, instants as text, from index `start` on."""
        yield from self._in_log_order(
            "e.event_id, e.stream_id, e.version, e.type, e.schema, "
            f"{self._occurred_at}, {self._recorded_at}, e.command_id, e.correlation_id, "
            "e.causation_id, e.actor_type, e.actor_id, e.body, e.leaf_hash",
            start,
        )

    def bodies(self, start: int = 0) -> Iterator[list[Row]]:
        """Yield (position, stream_id, body) in log order.

        Raises:
            CorruptHistoryError: an event is missing that has its place in the log.
        """
        yield from self._all_there("e.stream_id, e.body", start)

    def leaves(self, start: int = 0) -> Iterator[list[Row]]:
        """Yield (position, stream_id, occurred_at, recorded_at, leaf_hash) in log order.

        Raises:
            CorruptHistoryError: an event is missing that has its place in the log.
        """
        yield from self._all_there(
            f"e.stream_id, {self._occurred_at}, {self._recorded_at}, e.leaf_hash", start
        )

    def sealed_bodies(self, start: int, limit: int) -> list[StoredBody]:
        """Return the events from index `start` on that have their final place, `limit` at most."""
        if self.dense:
            sql = (
                "SELECT position, body, leaf_hash, position - 1 FROM events "
                "WHERE position > ? ORDER BY position LIMIT ?"
            )
            return [StoredBody(*row) for row in self.rows(sql, start, limit)]
        sql = (
            "SELECT e.position, e.body, e.leaf_hash, l.log_index FROM log l "
            "JOIN events e ON e.position = l.position "
            "WHERE l.log_index >= ? ORDER BY l.log_index LIMIT ?"
        )
        return [StoredBody(*row) for row in self.rows(sql, start, limit)]

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
        return self._stored("e.stream_id = ? ORDER BY e.version", stream_id)

    def corrections(self) -> list[StoredBody]:
        """Return every correction there is; they are few, and have an index of their own."""
        return sorted(self._stored(CORRECTIONS))

    def at_version(self, stream_id: str, version: int) -> StoredBody | None:
        """Return one event of a stream."""
        found = self._stored("e.stream_id = ? AND e.version = ?", stream_id, version)
        return found[0] if found else None

    def version_of(self, stream_id: str) -> int:
        """Return the newest version of a stream; zero if there is none."""
        sql = "SELECT max(version) FROM events WHERE stream_id = ?"
        return int(self.rows(sql, stream_id)[0][0] or 0)

    def newest_of(self, stream_id: str) -> str | None:
        """Return the id of a stream's newest event."""
        sql = "SELECT event_id FROM events WHERE stream_id = ? ORDER BY version DESC LIMIT 1"
        found = self.rows(sql, stream_id)
        return str(found[0][0]) if found else None

    def of_command(self, command_id: str) -> list[StoredBody]:
        """Return what a command recorded, in log order: its events bear its id, numbered."""
        numbered = command_id[:-3]
        found = self._stored("e.event_id BETWEEN ? AND ?", f"{numbered}000", f"{numbered}fff")
        return sorted(found)

    def _stored(self, condition: str, *values: object) -> list[StoredBody]:
        sql = (
            f"SELECT e.position, e.body, e.leaf_hash, {self._log_index} "  # noqa: S608 - our own names
            f"FROM {self.placed_events} WHERE {condition}"
        )
        return [StoredBody(*row) for row in self.rows(sql, *values)]

    def _all_there(self, columns: str, start: int) -> Iterator[list[Row]]:
        for rows, places in self._in_log_order(columns, start):
            if places is not None and len(places) != len(rows):
                there = {row[0] for row in rows}
                index, position, _ = next(it for it in places if it[1] not in there)
                msg = f"the event at position {position} (index {index}) of the log is missing"
                raise CorruptHistoryError(msg)
            yield rows

    def _in_log_order(self, columns: str, start: int) -> Iterator[Portion]:
        if self.dense:
            sql = (
                f"SELECT e.position, {columns} FROM events e "  # noqa: S608 - our own names
                "WHERE e.position > ? ORDER BY e.position LIMIT ?"
            )
            after = start or -(2**63)  # not zero: nothing may hide below the first position
            while rows := self.rows(sql, after, BATCH):
                yield Portion(rows, None)
                after = rows[-1][0]
            return
        sealed = (
            f"SELECT l.log_index, l.position, l.leaf_hash, e.position, {columns} "  # noqa: S608 - our own names
            "FROM log l LEFT JOIN events e ON e.position = l.position "
            "WHERE l.log_index > ? ORDER BY l.log_index LIMIT ?"
        )
        waiting = (
            f"SELECT NULL, q.position, NULL, e.position, {columns} "  # noqa: S608 - our own names
            "FROM log_queue q LEFT JOIN events e ON e.position = q.position "
            "WHERE q.position > ? ORDER BY q.position LIMIT ?"
        )
        for sql, key in ((sealed, 0), (waiting, 1)):
            after = start - 1 if start and not key else -(2**63)
            if start and key:
                after = self._before_waiting(start - self.placed())
            while found := self.rows(sql, after, BATCH):
                rows = [row[3:] for row in found if row[3] is not None]
                yield Portion(rows, [row[:3] for row in found])
                after = found[-1][key]

    def _before_waiting(self, skipped: int) -> int:
        """Return the position behind which reading of the queue begins, after so many events."""
        if skipped <= 0:
            return -(2**63)
        sql = "SELECT position FROM log_queue ORDER BY position LIMIT 1 OFFSET ?"
        found = self.rows(sql, skipped - 1)
        return int(found[0][0]) if found else 2**63 - 1
