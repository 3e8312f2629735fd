"""The same story in SQLite and in PostgreSQL, told once and copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

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
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    """Give a test its own copy of the story in each database."""
    if request.param == "sqlite":
        path, story = request.getfixturevalue("told_file")
        copy = tmp_path / "story.db"
        shutil.copyfile(path, copy)
        it = Log(f"sqlite:///{copy}", story)
        yield it
        it.close()
        return
    url, story = request.getfixturevalue("told_database")
    server: SharedPostgres = request.getfixturevalue("postgres_server")
    template = url.rpartition("/")[2].partition("?")[0]
    with server.database(template) as own:
        it = Log(own, story)
        yield it
        it.close()


@pytest.fixture
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the log read a few events at a time, so that every seam between portions is crossed."""
    monkeypatch.setattr(log_reader, "BATCH", 3)
    monkeypatch.setattr(log_reader, "STREAM_BATCH", 2)
