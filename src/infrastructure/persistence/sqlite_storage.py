"""The writer's storage on SQLite: WAL, synchronous FULL, BEGIN IMMEDIATE."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine

from traderbot.application.errors import (
    DatabaseUnavailableError,
    EmailTakenError,
    OutcomeUnknownError,
)
from traderbot.application.ports.unit_of_work import Profile
from traderbot.domain.shared.decimals import EXACT, ZERO, add
from traderbot.domain.shared.ids import PortfolioId, UserId
from traderbot.domain.shared.instants import instant, instant_text
from traderbot.domain.shared.values import Currency, Price, Symbol
from traderbot.infrastructure.persistence.sqlite_file import SqliteFile
from traderbot.infrastructure.persistence.sqlite_gate import gate_of
from traderbot.infrastructure.persistence.state_rows import STATE_TABLES
from traderbot.infrastructure.persistence.statements import sqlite_insert, sqlite_upsert
from traderbot.infrastructure.persistence.storage import (
    Answer,
    Changes,
    StaleStreamError,
    StoredStream,
)
from traderbot.infrastructure.persistence.tables import (
    AnswerRow,
    EventRow,
    ExchangeKeyRow,
    ProfileRow,
    StreamRow,
)
from traderbot.infrastructure.persistence.vault import row_of

_UPSERT = {table: sqlite_upsert(table) for table in STATE_TABLES}
_INSERT = {table: sqlite_insert(table) for table in STATE_TABLES}
_INSERT_EVENT = sqlite_insert(EventRow.__table__)  # type: ignore[arg-type]
_INSERT_STREAM = sqlite_insert(StreamRow.__table__)  # type: ignore[arg-type]
_INSERT_ANSWER = sqlite_insert(AnswerRow.__table__)  # type: ignore[arg-type]
_INSERT_PROFILE = sqlite_insert(ProfileRow.__table__)  # type: ignore[arg-type]
_INSERT_SEALED = sqlite_insert(ExchangeKeyRow.__table__)  # type: ignore[arg-type]
_MOVE_STREAM = "UPDATE streams SET version = ?, head_hash = ? WHERE stream_id = ? AND version = ?"
_STREAM_AFTER = (
    "SELECT body, leaf_hash FROM events WHERE stream_id = ? AND version > ? ORDER BY version"
)
_VERSION = "SELECT version FROM streams WHERE stream_id = ?"
_ANSWERS = (
    "SELECT a.scope, a.key, fingerprint, command_id, response, created_at FROM idempotency a "
    "JOIN (VALUES {pairs}) k ON a.scope = k.column1 AND a.key = k.column2"
)
_PROFILE = "SELECT user_id, email, password_hash, created_at FROM profiles WHERE email = ?"
_SET_HASH = "UPDATE profiles SET password_hash = ? WHERE user_id = ?"
_ERASE_SEALED = "DELETE FROM exchange_keys WHERE key_id = ?"
_LATEST = "SELECT close FROM bars WHERE symbol = ? ORDER BY at DESC LIMIT 1"
_NAMED = "SELECT 1 FROM orders WHERE portfolio_id = ? AND client_order_id = ?"
# Added up in Python: SQLite would make floats of the amounts.
_AT_RISK = (
    "SELECT reserved FROM balances WHERE currency = ? AND reserved <> '0' "
    "UNION ALL SELECT cost FROM positions WHERE currency = ? AND is_open"
)


class SqliteStorage:
    """`Storage` on one SQLite connection, used by the writer thread alone.

    Statements go to the driver's connection directly: SQLAlchemy spends 30 µs and more around each,
    which at ten statements per commit is most of a lone caller's time (docs/decisions/0005).
    """

    def __init__(self, engine: Engine) -> None:
        """Take a connection from an engine made by `database.py`."""
        self._engine = engine
        self._gate = gate_of(engine)
        self._file = SqliteFile(engine)
        self._data_version: int | None = None
        self.next_position: int | None = None
        self._connect()

    def begin(self) -> SqliteTransaction:
        """Open a transaction; nobody else can write until it ends.

        Raises:
            DatabaseUnavailableError: the file is another one than this program opened.
        """
        fault = self._file.fault()
        if fault is not None:
            msg = f"{fault}; stop the program, put the right file in its place, and start it again"
            raise DatabaseUnavailableError(msg)
        if self._broken:
            self._connection.close()
            self._connect()
        self._gate.leave_a_gap()
        self._driver.execute("BEGIN IMMEDIATE")
        return SqliteTransaction(self, self._driver)

    def seen_elsewhere(self) -> bool:
        """Ask SQLite whether another connection has committed since the last time."""
        version: int = self._driver.execute("PRAGMA data_version").fetchone()[0]
        changed = version != self._data_version
        self._data_version = version
        if changed:
            self.next_position = None
        return changed

    def distrust_connection(self) -> None:
        """Have the next transaction open on a new connection."""
        self._broken = True

    def ensure_still_there(self) -> None:
        """Raise OutcomeUnknownError if what was just committed is in no file any more."""
        fault = self._file.fault()
        if fault is not None:
            raise OutcomeUnknownError(fault)

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def _connect(self) -> None:
        self._connection = self._engine.connect()
        driver = self._connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - the engine's only driver
        self._driver = driver
        self._broken = False
        self._data_version = self.next_position = None


class SqliteTransaction:
    """`Transaction` on SQLite."""

    def __init__(self, storage: SqliteStorage, driver: sqlite3.Connection) -> None:
        """Work on an open transaction."""
        self._storage = storage
        self._driver = driver

    def stream_after(self, stream_id: str, version: int) -> StoredStream:
        """Return what follows in a stream."""
        rows = self._driver.execute(_STREAM_AFTER, (stream_id, version)).fetchall()
        return StoredStream([row[0] for row in rows], rows[-1][1] if rows else None)

    def answers(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Answer]:
        """Return known answers."""
        sql = _ANSWERS.format(pairs=", ".join(["(?, ?)"] * len(keys)))
        rows = self._driver.execute(sql, [text for key in keys for text in key])
        return {(row[0], row[1]): Answer(*row) for row in rows}

    def profile_by_email(self, email: str) -> Profile | None:
        """Return the profile with that address."""
        row = self._driver.execute(_PROFILE, (email,)).fetchone()
        if row is None:
            return None
        return Profile(
            user_id=UserId(row[0]),
            email=row[1],
            password_hash=row[2],
            created_at=instant(row[3]),
        )

    def latest_close(self, symbol: Symbol) -> Price | None:
        """Return the close of the newest bar."""
        row = self._driver.execute(_LATEST, (symbol.code,)).fetchone()
        return None if row is None else Price(row[0])

    def has_client_order_id(self, portfolio_id: PortfolioId, client_order_id: str) -> bool:
        """Whether an order of that portfolio has the name."""
        found = self._driver.execute(_NAMED, (portfolio_id, client_order_id)).fetchone()
        return found is not None

    def at_risk(self, currency: Currency) -> Decimal:
        """Return what all portfolios have at risk."""
        total = ZERO
        for (amount,) in self._driver.execute(_AT_RISK, (currency.code, currency.code)):
            total = add(total, EXACT.abs(Decimal(amount)))
        return total

    def write(self, changes: Changes) -> None:
        """Write all of it. Raises StaleStreamError."""
        execute = self._driver.executemany
        try:
            if changes.answers:
                execute(_INSERT_ANSWER, changes.answers)
            self._move_streams(changes)
        except sqlite3.IntegrityError as error:
            msg = "a stream or an idempotency key was taken meanwhile"
            raise StaleStreamError(msg) from error
        self._write_events(changes)
        for table, rows in changes.upserts.items():
            if rows:
                execute(_UPSERT[table], rows)
        for table, rows in changes.inserts.items():
            if rows:
                execute(_INSERT[table], rows)
        if changes.profiles:
            self._write_profiles(changes.profiles)
        if changes.passwords:
            execute(_SET_HASH, [(hash_, user_id) for user_id, hash_ in changes.passwords])
        if changes.sealed or changes.unsealed:
            execute(_INSERT_SEALED, [row_of(it) for it in changes.sealed])
            execute(_ERASE_SEALED, [(key_id,) for key_id in changes.unsealed])

    def commit(self) -> None:
        """Make it durable: WAL and synchronous FULL sync the file before this returns.

        Raises:
            OutcomeUnknownError: the file could not be synced, or was replaced meanwhile. What was
                written of it may be taken for committed when the database is opened again.
        """
        try:
            self._driver.execute("COMMIT")
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_FULL")):
                raise
            self._storage.distrust_connection()
            self.rollback()
            msg = "the database file could not be synced"
            raise OutcomeUnknownError(msg) from error
        self._storage.ensure_still_there()

    def rollback(self) -> None:
        """Forget it; SQLite may have done so itself, when the disk was full."""
        self._storage.next_position = None
        try:
            if self._driver.in_transaction:
                self._driver.execute("ROLLBACK")
        except sqlite3.Error:
            self._storage.distrust_connection()

    def _move_streams(self, changes: Changes) -> None:
        new: list[tuple[Any, ...]] = []
        moved: list[tuple[Any, ...]] = []
        for it in changes.streams:
            if it.expected:
                moved.append((it.version, it.head_hash, it.stream_id, it.expected))
            else:
                new.append((it.stream_id, it.category, it.version, it.head_hash, it.created_at))
        if new:
            self._driver.executemany(_INSERT_STREAM, new)
        if moved and self._driver.executemany(_MOVE_STREAM, moved).rowcount != len(moved):
            msg = "a stream moved on meanwhile"
            raise StaleStreamError(msg)
        # `unchanged` and `absent` need no look: since BEGIN IMMEDIATE nobody else has written.

    def _write_events(self, changes: Changes) -> None:
        if not changes.events:
            return
        position = self._storage.next_position
        if position is None:
            newest = self._driver.execute("SELECT max(position) FROM events").fetchone()[0]
            position = (newest or 0) + 1
        # The index in the log is given here, dense by construction: writers are serial anyway.
        rows = [(position + n, *row) for n, row in enumerate(changes.events)]
        self._driver.executemany(_INSERT_EVENT, rows)
        self._storage.next_position = position + len(rows)

    def _write_profiles(self, profiles: list[Profile]) -> None:
        rows = [
            (it.user_id, it.email, it.password_hash, instant_text(it.created_at)) for it in profiles
        ]
        try:
            self._driver.executemany(_INSERT_PROFILE, rows)
        except sqlite3.IntegrityError as error:
            msg = "this e-mail address belongs to another user"
            raise EmailTakenError(msg) from error
