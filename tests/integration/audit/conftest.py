"""The same story in SQLite and in PostgreSQL, told once and copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.integration.audit.log import Log
from tests.integration.audit.sealed import SealedLog, Told, tell_and_seal
from tests.integration.audit.story import Story, tell
from tests.servers import SharedPostgres
from traderbot.infrastructure.audit import heads
from traderbot.infrastructure.event_store import log_reader


@pytest.fixture(scope="session")
def told_file(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Story]:
    path = tmp_path_factory.mktemp("told") / "story.db"
    return path, tell(f"sqlite:///{path}")


@pytest.fixture(scope="session")
def told_database(postgres_server: SharedPostgres) -> Iterator[tuple[str, Story]]:
    with postgres_server.database() as url:
        yield url, tell(url)


@pytest.fixture(params=["sqlite", "postgres"])
def log(request: pytest.FixtureRequest) -> Log:
    """Give a test its own copy of the story in each database."""
    found: Log = request.getfixturevalue(f"{request.param}_log")
    return found


@pytest.fixture
def sqlite_log(told_file: tuple[Path, Story], tmp_path: Path) -> Iterator[Log]:
    path, story = told_file
    copy = tmp_path / "story.db"
    shutil.copyfile(path, copy)
    with closing(Log(f"sqlite:///{copy}", story)) as it:
        yield it


@pytest.fixture
def postgres_log(
    told_database: tuple[str, Story], postgres_server: SharedPostgres
) -> Iterator[Log]:
    url, story = told_database
    template = make_url(url).database
    assert template is not None
    with postgres_server.database(template) as own, closing(Log(own, story)) as it:
        yield it


@pytest.fixture
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the log read a few events at a time, so that every seam between portions is crossed."""
    monkeypatch.setattr(log_reader, "BATCH", 3)
    monkeypatch.setattr(log_reader, "STREAM_BATCH", 2)
    monkeypatch.setattr(heads, "REMEMBERED", 2)


@pytest.fixture(scope="session")
def sealed_file(tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("sealed")
    return tell_and_seal(f"sqlite:///{folder / 'sealed.db'}", folder / "anchors")


@pytest.fixture(scope="session")
def sealed_database(
    postgres_server: SharedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Told]:
    with postgres_server.database() as url:
        yield tell_and_seal(url, tmp_path_factory.mktemp("sealed") / "anchors")


@pytest.fixture(params=["sqlite", "postgres"])
def sealed(request: pytest.FixtureRequest) -> SealedLog:
    """Give a test its own copy of the sealed story in each database."""
    found: SealedLog = request.getfixturevalue(f"{request.param}_sealed")
    return found


@pytest.fixture
def sqlite_sealed(sealed_file: Told, tmp_path: Path) -> Iterator[SealedLog]:
    copy = tmp_path / "sealed.db"
    path = make_url(sealed_file.url).database
    assert path is not None
    shutil.copyfile(path, copy)
    with closing(SealedLog(f"sqlite:///{copy}", sealed_file, tmp_path / "anchors")) as it:
        yield it


@pytest.fixture
def postgres_sealed(
    sealed_database: Told, postgres_server: SharedPostgres, tmp_path: Path
) -> Iterator[SealedLog]:
    template = make_url(sealed_database.url).database
    assert template is not None
    with (
        postgres_server.database(template) as own,
        closing(SealedLog(own, sealed_database, tmp_path / "anchors")) as it,
    ):
        yield it
