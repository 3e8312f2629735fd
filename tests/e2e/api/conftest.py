"""One server for all of these tests, and two people who know nothing of each other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.api.running import Person, Server, an_admin, running, settings_in, somebody
from traderbot.domain.users.user import Role


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on SQLite. Its tests share it, so none counts what others may add."""
    with running(settings_in(tmp_path_factory.mktemp("api"))) as one:
        yield one


@pytest.fixture(scope="module")
def ada(server: Server) -> Iterator[Person]:
    with somebody(server, "ada") as person:
        yield person


@pytest.fixture(scope="module")
def eve(server: Server) -> Iterator[Person]:
    with somebody(server, "eve") as person:
        yield person


@pytest.fixture(scope="module")
def auditor(server: Server) -> Iterator[Person]:
    with an_admin(server, Role.AUDITOR) as person:
        yield person


@pytest.fixture(scope="module")
def admin(server: Server) -> Iterator[Person]:
    with an_admin(server) as person:
        yield person
