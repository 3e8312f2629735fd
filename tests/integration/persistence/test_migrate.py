from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from traderbot.application.errors import DatabaseUnavailableError
from traderbot.infrastructure.persistence.database import database_url, reader_engine, writer_engine
from traderbot.infrastructure.persistence.health import database_check
from traderbot.infrastructure.persistence.migrate import (
    NEWEST,
    config_for,
    current,
    differences,
    upgrade,
)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "new" / "traderbot.db")
    found: str = request.getfixturevalue("postgres_url")
    return found


def test_the_newest_revision_is_the_one_in_the_package() -> None:
    assert ScriptDirectory.from_config(config_for(None)).get_current_head() == NEWEST


def test_an_empty_database_gets_exactly_the_tables_that_are_defined(url: str) -> None:
    engine = writer_engine(url)
    upgrade(engine)
    upgrade(engine)
    assert differences(engine) == []
    with engine.connect() as connection:
        assert current(connection) == NEWEST
        assert "log" in (
            *inspect(connection).get_table_names(),
            *inspect(connection).get_view_names(),
        )
    engine.dispose()


def test_two_starters_may_arrive_together(url: str) -> None:
    engines = [writer_engine(url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(upgrade, engines))
    assert differences(engines[0]) == []
    for engine in engines:
        engine.dispose()


def test_a_database_newer_than_the_program_is_refused(url: str) -> None:
    engine = writer_engine(url)
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseUnavailableError, match=r"9999.*upgrade traderbot"):
        upgrade(engine)
    health = database_check(engine)()
    assert not health.ok
    assert "9999" in health.message
    engine.dispose()


def test_a_missing_column_is_a_difference(url: str) -> None:
    engine = writer_engine(url)
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE portfolios DROP COLUMN name"))
    assert any("portfolios" in each and "name" in each for each in differences(engine))
    engine.dispose()


def test_readers_cannot_write(url: str) -> None:
    engine = writer_engine(url)
    upgrade(engine)
    engine.dispose()
    reader = reader_engine(url)
    with pytest.raises(Exception, match=r"read.?only"), reader.begin() as connection:
        connection.execute(text("DELETE FROM users"))
    assert database_check(reader)().ok
    reader.dispose()


@pytest.mark.parametrize(
    ("text_", "sentence"),
    [
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("mysql://u@h/d", "mysql is not supported"),
        ("://", "not a database URL"),
    ],
)
def test_what_is_no_database_of_ours_is_refused_in_a_sentence(text_: str, sentence: str) -> None:
    with pytest.raises(DatabaseUnavailableError, match=sentence):
        database_url(text_)


def test_a_path_is_a_sqlite_file_and_any_postgres_url_means_our_driver() -> None:
    assert database_url("x.db").database == "x.db"
    assert database_url("postgresql://u@h/d").drivername == "postgresql+psycopg"


def test_a_server_that_is_not_there_is_said_so() -> None:
    engine = writer_engine("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(DatabaseUnavailableError, match="cannot be opened"):
        upgrade(engine)
    engine.dispose()


def test_a_file_that_is_no_database_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to look like one at first sight" * 50)
    engine = writer_engine(str(path))
    with pytest.raises(DatabaseUnavailableError, match="cannot be opened"):
        upgrade(engine)
    engine.dispose()
    assert path.read_text().startswith("not a database")


def test_sqlite_is_durable_on_every_connection(tmp_path: Path) -> None:
    for make in (writer_engine, reader_engine):
        engine = make(str(tmp_path / "x.db"))
        with engine.connect() as connection:
            pragmas = [
                connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            ]
        assert pragmas == ["wal", 2, 1, 5000]
        engine.dispose()


def test_postgres_is_durable_on_every_connection(postgres_url: str) -> None:
    for make in (writer_engine, reader_engine):
        engine = make(postgres_url)
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"
        engine.dispose()
    assert create_engine(postgres_url).dialect.name == "postgresql"
