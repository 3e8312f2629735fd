"""The writer's storage on PostgreSQL: one statement and one round trip for a whole batch."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import psycopg
from sqlalchemy import Engine

from traderbot.application.errors import OutcomeUnknownError
from traderbot.application.ports.unit_of_work import Profile
from traderbot.domain.shared.decimals import canonical
from traderbot.domain.shared.ids import PortfolioId, UserId
from traderbot.domain.shared.instants import instant_text
from traderbot.domain.shared.values import Currency, Price, Symbol
from traderbot.infrastructure.persistence.postgres_writing import writing
from traderbot.infrastructure.persistence.statements import columns_of
from traderbot.infrastructure.persistence.storage import (
    GUARDING,
    Answer,
    Changes,
    StaleStreamError,
    StoredStream,
)
from traderbot.infrastructure.persistence.vault import row_of

_STREAM_AFTER = (
    "SELECT body, leaf_hash FROM events WHERE stream_id = %s AND version > %s ORDER BY version"
)
_ANSWERS = (
    "SELECT a.scope, a.key, fingerprint, command_id, response, created_at FROM idempotency a "
    "JOIN unnest(%s::text[], %s::text[]) AS k(scope, key) USING (scope, key)"
)
_SET_HASH = "UPDATE profiles SET password_hash = %s WHERE user_id = %s"
_INSERT_SEALED = "INSERT INTO exchange_keys VALUES (%s, %s, %s, %s, %s, %s, %s)"
_ERASE_SEALED = "DELETE FROM exchange_keys WHERE key_id = ANY(%s::text[])"
_PROFILE = "SELECT user_id, email, password_hash, created_at FROM profiles WHERE email = %s"
_LATEST = "SELECT close FROM bars WHERE symbol = %s ORDER BY at DESC LIMIT 1"
_NAMED = "SELECT 1 FROM orders WHERE portfolio_id = %s AND client_order_id = %s"
_AT_RISK = (
    "SELECT coalesce(sum(amount), 0) FROM ("
    "SELECT reserved AS amount FROM balances WHERE currency = %s UNION ALL "
    "SELECT abs(cost) FROM positions WHERE currency = %s AND is_open) AS t"
)
# A scope of the gate that gets its first event has no row yet that others could have locked. So
# its writer waits for all who are writing, and all who come then wait for it, and see its row.
_BE_ALONE = "LOCK TABLE streams IN SHARE ROW EXCLUSIVE MODE"


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

    def distrust_connection(self) -> None:
        """Close the session; the server rolls back what it had begun."""
        if not self._connection.closed:
            self._driver().close()

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

    def has_client_order_id(self, portfolio_id: PortfolioId, client_order_id: str) -> bool:
        """Whether an order of that portfolio has the name."""
        found = self._connection.execute(_NAMED, (portfolio_id, client_order_id)).fetchone()
        return found is not None

    def at_risk(self, currency: Currency) -> Decimal:
        """Return what all portfolios have at risk."""
        row = self._connection.execute(_AT_RISK, (currency.code, currency.code)).fetchone()
        return Decimal(0) if row is None else canonical(row[0])

    def write(self, changes: Changes) -> None:
        """Write all of it with one statement. Raises StaleStreamError."""
        try:
            if any(it.category == GUARDING and not it.expected for it in changes.streams):
                self._connection.execute(_BE_ALONE)
            statement, values, expected = writing(changes)
            found = psycopg.RawCursor(self._connection).execute(statement, values, prepare=True)
            fits, counts = found.fetchone() or (False, [])
        except TypeError as error:  # a row holds what no column can
            raise psycopg.ProgrammingError(str(error)) from error
        except psycopg.errors.UniqueViolation as error:
            msg = "a stream, an idempotency key or an address was taken meanwhile"
            raise StaleStreamError(msg) from error
        except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure) as error:
            msg = "another writer held the same streams"
            raise StaleStreamError(msg) from error
        if not fits:
            msg = "a stream moved on meanwhile"
            raise StaleStreamError(msg)
        if counts != expected:
            msg = f"rows sent, by statement: {expected}; written: {counts}"
            raise psycopg.DataError(msg)
        for user_id, password_hash in changes.passwords:
            self._connection.execute(_SET_HASH, (password_hash, user_id))
        for sealed in changes.sealed:
            self._connection.execute(_INSERT_SEALED, row_of(sealed))
        if changes.unsealed:
            self._connection.execute(_ERASE_SEALED, (changes.unsealed,))

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
