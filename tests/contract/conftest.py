"""Each contract is asked of memory, SQLite and PostgreSQL alike."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.guards import lifted_guards
from tests.servers import SharedPostgres
from tests.stores import Desk, MemoryStore, SqlStore, Store
from traderbot.infrastructure.persistence.database import writer_engine
from traderbot.infrastructure.persistence.migrate import upgrade


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One migrated SQLite file; tests copy it, for migrating takes longer than most of them."""
    path = tmp_path_factory.mktemp("migrated") / "empty.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_database(postgres_server: SharedPostgres) -> Iterator[str]:
    """Name one migrated PostgreSQL database; tests empty it, which is faster than a new one."""
    with postgres_server.database() as url:
        _migrate(url)
        yield url


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """Give an empty database of each kind."""
    with ExitStack() as stack:
        yield _store(request, stack, request.param)


@pytest.fixture(params=["sqlite", "postgres"])
def sql_store(request: pytest.FixtureRequest) -> Iterator[SqlStore]:
    """Give an empty database of each kind that outlives its process."""
    with ExitStack() as stack:
        store = _store(request, stack, request.param)
        assert isinstance(store, SqlStore)
        yield store


@pytest.fixture
def desk(store: Store) -> Desk:
    """Give a writer and its views."""
    return store.desk()


def _store(request: pytest.FixtureRequest, stack: ExitStack, kind: str) -> Store:
    if kind == "memory":
        return MemoryStore(stack)
    if kind == "sqlite":
        path = request.getfixturevalue("tmp_path") / "traderbot.db"
        shutil.copyfile(request.getfixturevalue("migrated_file"), path)
        return SqlStore(stack, f"sqlite:///{path}")
    url: str = request.getfixturevalue("migrated_database")
    _empty(url)
    return SqlStore(stack, url)


def _empty(url: str) -> None:
    engine = writer_engine(url)
    with engine.begin() as connection:
        names = connection.scalars(
            text("SELECT tablename FROM pg_tables WHERE schemaname = current_schema")
        )
        full = ", ".join(name for name in names if name != "alembic_version")
        with lifted_guards(connection):
            connection.execute(text(f"TRUNCATE {full} RESTART IDENTITY"))
    engine.dispose()


def _migrate(url: str) -> None:
    engine = writer_engine(url)
    upgrade(engine)
    engine.dispose()
