"""The writer's storage on PostgreSQL: set-based statements, one round trip for a whole batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from sqlalchemy import Engine

from traderbot.application.errors import OutcomeUnknownError
from traderbot.application.ports.unit_of_work import Profile
from traderbot.domain.shared.ids import UserId
from traderbot.domain.shared.instants import instant_text
from traderbot.domain.shared.values import Price, Symbol
from traderbot.infrastructure.persistence.state_rows import STATE_TABLES
from traderbot.infrastructure.persistence.statements import (
    Row,
    columns_of,
    postgres_insert,
    postgres_upsert,
)
from traderbot.infrastructure.persistence.storage import (
    Answer,
    Changes,
    StaleStreamError,
    StoredStream,
)
from traderbot.infrastructure.persistence.tables import AnswerRow, ProfileRow, StreamRow

_UPSERT = {table: postgres_upsert(table) for table in STATE_TABLES}
_INSERT = {table: postgres_insert(table) for table in STATE_TABLES}
_INSERT_STREAM = postgres_insert(StreamRow.__table__)  # type: ignore[arg-type]
_INSERT_ANSWER = postgres_insert(AnswerRow.__table__)  # type: ignore[arg-type]
_INSERT_PROFILE = postgres_insert(ProfileRow.__table__)  # type: ignore[arg-type]
_LOCK_STREAMS = (
    "SELECT stream_id, version FROM streams WHERE stream_id = ANY(%s::text[]) "
    "ORDER BY stream_id FOR UPDATE"
)
_MOVE_STREAMS = (
    "UPDATE streams s SET version = t.version, head_hash = t.head_hash "
    "FROM unnest(%s::text[], %s::bigint[], %s::bytea[], %s::bigint[]) "
    "AS t(stream_id, version, head_hash, expected) "
    "WHERE s.stream_id = t.stream_id AND s.version = t.expected"
)
# The stream rows are locked before a position is drawn, so within a stream positions rise with
# versions. The queue is what the sealer drains: never follow `events` by position.
_EVENT_COLUMNS = (
    "event_id, stream_id, version, type, schema, occurred_at, recorded_at, command_id, "
    "correlation_id, causation_id, actor_type, actor_id, body, leaf_hash"
)
_INSERT_EVENTS = (
    f"WITH written AS (INSERT INTO events ({_EVENT_COLUMNS}) "  # noqa: S608 - our own names
    f"SELECT {_EVENT_COLUMNS} FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::text[], "
    "%s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], "
    f"%s::text[], %s::text[], %s::bytea[], %s::bytea[]) WITH ORDINALITY AS t({_EVENT_COLUMNS}, ord)"
    " ORDER BY ord RETURNING position) "
    "INSERT INTO log_queue (position) SELECT position FROM written"
)
_STREAM_AFTER = (
    "SELECT body, leaf_hash FROM events WHERE stream_id = %s AND version > %s ORDER BY version"
)
_ANSWERS = (
    "SELECT a.scope, a.key, fingerprint, command_id, response, created_at FROM idempotency a "
    "JOIN unnest(%s::text[], %s::text[]) AS k(scope, key) USING (scope, key)"
)
_PROFILE = "SELECT user_id, email, password_hash, created_at FROM profiles WHERE email = %s"
_LATEST = "SELECT close FROM bars WHERE symbol = %s ORDER BY at DESC LIMIT 1"


_Cursor = psycopg.Cursor[Any]


class PostgresStorage:
    """`Storage` on one PostgreSQL connection, used by the writer thread alone.

    Statements go to the driver's connection directly: SQLAlchemy cannot send several statements in
    one round trip, and at one caller round trips are most of the time (docs/decisions/0005).
    """

    def __init__(self, engine: Engine) -> None:
        """Remember the engine; connections are replaced when they break."""
        self._engine = engine
        self._connection = engine.connect()

    def begin(self) -> PostgresTransaction:
        """Open a transaction, on a new connection if the old one is broken."""
        # Closed already when connecting anew has failed: then the server was away, and may be back.
        if not self._connection.closed:
            driver = self._driver()
            if not (driver.closed or driver.broken):
                return PostgresTransaction(driver)
            self._connection.invalidate()
            self._connection.close()
        self._connection = self._engine.connect()
        return PostgresTransaction(self._driver())

    def seen_elsewhere(self) -> bool:
        """Not asked of PostgreSQL: every stream decided upon is locked and compared in `write`."""
        return False

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def _driver(self) -> psycopg.Connection[Any]:
        driver = self._connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)  # noqa: S101 - the engine's only driver
        return driver


class PostgresTransaction:
    """`Transaction` on PostgreSQL. The driver opens it with the first statement."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """Work on the driver's connection."""
        self._connection = connection

    def stream_after(self, stream_id: str, version: int) -> StoredStream:
        """Return what follows in a stream."""
        rows = self._connection.execute(_STREAM_AFTER, (stream_id, version)).fetchall()
        return StoredStream([bytes(row[0]) for row in rows], bytes(rows[-1][1]) if rows else None)

    def answers(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Answer]:
        """Return known answers."""
        rows = self._connection.execute(_ANSWERS, columns_of(list(keys))).fetchall()
        return {
            (row[0], row[1]): Answer(
                row[0], row[1], bytes(row[2]), row[3], bytes(row[4]), instant_text(row[5])
            )
            for row in rows
        }

    def profile_by_email(self, email: str) -> Profile | None:
        """Return the profile with that address."""
        row = self._connection.execute(_PROFILE, (email,)).fetchone()
        if row is None:
            return None
        return Profile(
            user_id=UserId(row[0]), email=row[1], password_hash=row[2], created_at=row[3]
        )

    def latest_close(self, symbol: Symbol) -> Price | None:
        """Return the close of the newest bar."""
        row = self._connection.execute(_LATEST, (symbol.code,)).fetchone()
        return None if row is None else Price(row[0])

    def write(self, changes: Changes) -> None:
        """Write all of it in one round trip. Raises StaleStreamError."""
        try:
            with self._connection.pipeline():
                locked, counted = self._send(changes)
        except TypeError as error:  # a row holds what no column can
            raise psycopg.ProgrammingError(str(error)) from error
        except psycopg.errors.UniqueViolation as error:
            msg = "a stream, an idempotency key or an address was taken meanwhile"
            raise StaleStreamError(msg) from error
        except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure) as error:
            msg = "another writer held the same streams"
            raise StaleStreamError(msg) from error
        if locked is not None:
            found = dict(locked.fetchall())
            expected = [(it.stream_id, it.expected) for it in changes.streams if it.expected]
            for stream_id, version in (*expected, *changes.unchanged):
                if found.get(stream_id) != version:
                    msg = f"{stream_id} moved on meanwhile"
                    raise StaleStreamError(msg)
        for cursor, count in counted:
            if cursor.rowcount != count:
                msg = f"{count} rows sent, {cursor.rowcount} written"
                raise psycopg.DataError(msg)

    def commit(self) -> None:
        """Make it durable: synchronous_commit is on. Raises OutcomeUnknownError."""
        try:
            self._connection.commit()
        except psycopg.OperationalError as error:
            msg = "the connection broke while committing"
            raise OutcomeUnknownError(msg) from error

    def rollback(self) -> None:
        """Forget it; a broken connection has forgotten already."""
        try:
            self._connection.rollback()
        except psycopg.OperationalError:
            self._connection.close()

    def _send(self, changes: Changes) -> tuple[_Cursor | None, list[tuple[_Cursor, int]]]:
        """Send everything; return who holds the locked versions, and who must count how many."""
        execute = self._connection.execute
        grown = [it for it in changes.streams if it.expected]
        known = sorted([it.stream_id for it in grown] + [it[0] for it in changes.unchanged])
        self._insert(_INSERT_ANSWER, changes.answers)
        locked = execute(_LOCK_STREAMS, columns_of([(it,) for it in known])) if known else None
        self._insert(
            _INSERT_STREAM,
            [
                (it.stream_id, it.category, it.version, it.head_hash, it.created_at)
                for it in changes.streams
                if not it.expected
            ],
        )
        sent = [
            (
                _MOVE_STREAMS,
                [(it.stream_id, it.version, it.head_hash, it.expected) for it in grown],
            ),
            (_INSERT_EVENTS, changes.events),
            *((_UPSERT[table], rows) for table, rows in changes.upserts.items()),
            *((_INSERT[table], rows) for table, rows in changes.inserts.items()),
        ]
        counted = [
            (execute(statement, columns_of(rows)), len(rows)) for statement, rows in sent if rows
        ]
        self._insert(
            _INSERT_PROFILE,
            [
                (it.user_id, it.email, it.password_hash, instant_text(it.created_at))
                for it in changes.profiles
            ],
        )
        return locked, counted

    def _insert(self, statement: str, rows: Sequence[Row]) -> None:
        if rows:
            self._connection.execute(statement, columns_of(rows))
