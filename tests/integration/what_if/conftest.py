"""Two logs in each database: one of bots alone, and one in which everything happens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.integration.audit.story import Story, tell
from tests.integration.what_if.trading import Diversions, Traded, trade
from tests.servers import SharedPostgres


@dataclass(frozen=True)
class Mixed:
    """A log in which everything happens, and the orders of it that people placed."""

    traded: Traded
    diversions: Diversions


@pytest.fixture(scope="session")
def sqlite_traded(tmp_path_factory: pytest.TempPathFactory) -> Traded:
    return trade(f"sqlite:///{tmp_path_factory.mktemp('traded') / 'bots.db'}")


@pytest.fixture(scope="session")
def postgres_traded(postgres_server: SharedPostgres) -> Iterator[Traded]:
    with postgres_server.database() as url:
        yield trade(url)


@pytest.fixture(params=["sqlite", "postgres"])
def traded(request: pytest.FixtureRequest) -> Traded:
    """Name a log of two bots. It is shared: a question changes nothing."""
    found: Traded = request.getfixturevalue(f"{request.param}_traded")
    return found


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Mixed:
    diversions = Diversions()
    path = tmp_path_factory.mktemp("mixed") / "mixed.db"
    return Mixed(trade(f"sqlite:///{path}", along_the_way=diversions), diversions)


@pytest.fixture(scope="session")
def sqlite_story(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Story]:
    url = f"sqlite:///{tmp_path_factory.mktemp('told') / 'story.db'}"
    return url, tell(url)


@pytest.fixture(scope="session")
def postgres_story(postgres_server: SharedPostgres) -> Iterator[tuple[str, Story]]:
    with postgres_server.database() as url:
        yield url, tell(url)


@pytest.fixture(params=["sqlite", "postgres"])
def story(request: pytest.FixtureRequest) -> tuple[str, Story]:
    """Name a log in which fills come from outside."""
    found: tuple[str, Story] = request.getfixturevalue(f"{request.param}_story")
    return found
