"""The same story in SQLite and in PostgreSQL, told once and copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.integration.audit.log import Log
from tests.integration.audit.story import Story, tell
from tests.servers import SharedPostgres
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
