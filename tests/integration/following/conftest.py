"""A log with whoever follows it, in SQLite and in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.followers import House
from tests.stores import SqlStore
from traderbot.infrastructure.persistence.database import writer_engine
from traderbot.infrastructure.persistence.migrate import upgrade


@pytest.fixture(params=["sqlite", "postgres"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """Give an empty log of each kind."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'followed.db'}"
    else:
        url = request.getfixturevalue("postgres_url")
    engine = writer_engine(url)
    upgrade(engine)
    engine.dispose()
    with ExitStack() as stack:
        yield House(SqlStore(stack, url), stack)
