"""A log to seal, empty, in SQLite and in PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.integration.sealing.vault import Vault
from tests.servers import SharedPostgres
from traderbot.infrastructure.persistence.database import writer_engine
from traderbot.infrastructure.persistence.migrate import upgrade


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sealing") / "empty.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def empty_database(postgres_server: SharedPostgres) -> Iterator[str]:
    with postgres_server.database() as url:
        _migrate(url)
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def vault(request: pytest.FixtureRequest) -> Vault:
    """Give a database of each kind, and what seals it."""
    found: Vault = request.getfixturevalue(f"{request.param}_vault")
    return found


@pytest.fixture
def sqlite_vault(empty_file: Path, tmp_path: Path) -> Iterator[Vault]:
    path = tmp_path / "log.db"
    shutil.copyfile(empty_file, path)
    with ExitStack() as stack:
        yield Vault(stack, f"sqlite:///{path}", tmp_path / "anchors.jsonl")


@pytest.fixture
def postgres_vault(
    empty_database: str, postgres_server: SharedPostgres, tmp_path: Path
) -> Iterator[Vault]:
    template = make_url(empty_database).database
    assert template is not None
    with postgres_server.database(template) as url, ExitStack() as stack:
        yield Vault(stack, url, tmp_path / "postgres.anchors.jsonl")


def _migrate(url: str) -> None:
    engine = writer_engine(url)
    upgrade(engine)
    engine.dispose()
