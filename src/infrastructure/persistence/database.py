"""Engines: how connections to SQLite and PostgreSQL are opened, tuned and checked."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool, QueuePool

from traderbot.application.errors import DatabaseUnavailableError

_BUSY_MILLISECONDS = 5000


def writer_engine(url: str, connections: int = 1) -> Engine:
    """Return an engine whose transactions write: durable before they answer, and first in line.

    By default nothing is pooled: the writer's storage keeps its one connection itself.

    Raises:
        DatabaseUnavailableError: the URL names no database this program knows.
    """
    parsed = database_url(url)
    pool: dict[str, Any] = {"poolclass": NullPool}
    if connections > 1:
        pool = {"poolclass": QueuePool, "pool_size": connections, "max_overflow": 0}
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(parsed, begin="BEGIN IMMEDIATE", query_only=False, pool=pool)
    return create_engine(parsed, connect_args=_postgres_options(write=True), **pool)


def reader_engine(url: str) -> Engine:
    """Return an engine for queries; its connections cannot write.

    Raises:
        DatabaseUnavailableError: the URL names no database this program knows.
    """
    parsed = database_url(url)
    if parsed.get_backend_name() == "sqlite":
        pool = {"poolclass": QueuePool, "pool_size": 10, "max_overflow": 10, "pool_timeout": 2}
        return _sqlite_engine(parsed, begin="BEGIN", query_only=True, pool=pool)
    return create_engine(
        parsed,
        pool_size=10,
        max_overflow=10,
        pool_timeout=2,
        pool_pre_ping=True,
        pool_recycle=1800,
        connect_args=_postgres_options(write=False),
    )


def database_url(url: str) -> URL:
    """Return the URL taken apart; a bare path means a SQLite file.

    Raises:
        DatabaseUnavailableError: it names no database this program knows, or SQLite in memory.
    """
    try:
        parsed = make_url(url if "://" in url else f"sqlite:///{url}")
    except ArgumentError as error:
        msg = "not a database URL (sqlite:///file.db or postgresql+psycopg://user@host/name)"
        raise DatabaseUnavailableError(msg) from error
    if parsed.get_backend_name() == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() != "sqlite":
        msg = f"{parsed.get_backend_name()} is not supported: use SQLite or PostgreSQL"
        raise DatabaseUnavailableError(msg)
    if parsed.database in (None, "", ":memory:"):
        msg = "SQLite in memory would lose everything: name a file"
        raise DatabaseUnavailableError(msg)
    return parsed


def _sqlite_engine(url: URL, *, begin: str, query_only: bool, pool: dict[str, Any]) -> Engine:
    assert url.database is not None  # noqa: S101 - checked by database_url
    folder = Path(url.database).parent
    if not query_only:
        folder.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        # The driver's own transaction handling is switched off: it would begin too late.
        connect_args={
            "isolation_level": None,
            "check_same_thread": False,
            "timeout": _BUSY_MILLISECONDS / 1000,
        },
        **pool,
    )

    @event.listens_for(engine, "connect")
    def tune(connection: sqlite3.Connection, _record: object) -> None:
        # A power cut must not take back what was acknowledged: FULL syncs on every commit.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA wal_autocheckpoint=10000")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA trusted_schema=OFF")
        # Without it INSERT OR REPLACE would delete an event past the trigger that refuses it.
        connection.execute("PRAGMA recursive_triggers=ON")
        connection.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}")
        connection.execute(f"PRAGMA query_only={'ON' if query_only else 'OFF'}")
        found = connection.execute("PRAGMA synchronous").fetchone()[0]
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
        if found != 2 or mode != "wal":  # noqa: PLR2004 - 2 is FULL
            msg = f"SQLite runs with journal_mode={mode}, synchronous={found}: not durable"
            raise sqlite3.OperationalError(msg)
        if not query_only and os.name == "posix":
            Path(url.database or "").chmod(0o600)

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _postgres_options(*, write: bool) -> dict[str, Any]:
    settings = {
        "synchronous_commit": "on",
        "statement_timeout": "30s",
        "lock_timeout": "5s",
        "idle_in_transaction_session_timeout": "15s",
        "TimeZone": "UTC",
        "default_transaction_read_only": "off" if write else "on",
    }
    if write:
        # Every statement of the writer finds its rows by key. Plans are prepared while the tables
        # are still small, and a scan chosen then would stay when they are not.
        settings |= {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off"}
        settings |= {"plan_cache_mode": "force_generic_plan"}  # planned once, not for each batch
        settings |= {"jit": "off"}  # compiling takes longer than anything the writer asks for
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    return {
        "options": options,
        "connect_timeout": 5,
        # A host that is gone says nothing: without these the writer would wait for it for hours.
        "keepalives": 1,
        "keepalives_idle": 5,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 15_000,
    }
