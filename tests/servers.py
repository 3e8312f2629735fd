"""Fixtures that give a test real servers. If one is missing the test fails; it never skips."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import uuid4

import pytest
from redis import Redis
from sqlalchemy import NullPool, create_engine, make_url, text

from traderbot.infrastructure.embedded.postgres import postgres
from traderbot.infrastructure.embedded.redis import redis
from traderbot.infrastructure.embedded.search import (
    POSTGRES_ADVICE,
    REDIS_ADVICE,
    RedisBinary,
    ServerNotFoundError,
    find_postgres,
    redis_servers,
    version_line,
)

_POSTGRES_VARIABLE = "TRADERBOT_TEST_POSTGRES_URL"
_REDIS_VARIABLE = "TRADERBOT_TEST_REDIS_URL"
_GIVEN_POSTGRES = os.environ.get(_POSTGRES_VARIABLE)
_GIVEN_REDIS = os.environ.get(_REDIS_VARIABLE)
_FOUND_REDIS = () if _GIVEN_REDIS else redis_servers()


def _name(binary: RedisBinary | None) -> str:
    return f"{binary.name}-{binary.version}" if binary else "given" if _GIVEN_REDIS else "absent"


def pytest_report_header() -> str:
    """Say which servers the tests run on."""
    programs = _postgres_programs()
    found = version_line(programs / "postgres") if programs else "no PostgreSQL"
    database = _POSTGRES_VARIABLE if _GIVEN_POSTGRES else found
    stores = [f"{each.name} {each.version}" for each in _FOUND_REDIS]
    given = _REDIS_VARIABLE if _GIVEN_REDIS else "no Redis"
    return f"servers: {', '.join([database, *(stores or [given])])}"


@dataclass(frozen=True, slots=True)
class SharedPostgres:
    """A PostgreSQL for many tests: leave it running, and use only databases of your own."""

    url: str

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """Make a database for one block, empty or a copy of `template`; yield its URL.

        A template must have no open connection.
        """
        name = f"traderbot_test_{uuid4().hex}"
        self._run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield make_url(self.url).set(database=name).render_as_string(hide_password=False)
        finally:
            self._run(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _run(self, statement: str) -> None:
        engine = create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(text(statement))


class SharedRedis:
    """Every Redis of this test process, each started when it is first asked for."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._urls: dict[RedisBinary | None, str] = {}

    def empty(self, binary: RedisBinary | None) -> str:
        """Return the URL of a database without keys."""
        if binary not in self._urls:
            self._urls[binary] = self._start(binary)
        _empty(self._urls[binary])
        return self._urls[binary]

    def _start(self, binary: RedisBinary | None) -> str:
        if binary is not None:
            return self._stack.enter_context(redis(binary)).url
        if not _GIVEN_REDIS:
            pytest.fail(REDIS_ADVICE, pytrace=False)
        url = _database_of_worker(_GIVEN_REDIS)
        with Redis.from_url(url) as client:
            if client.dbsize():  # somebody's: not ours to empty
                pytest.fail(f"{_REDIS_VARIABLE} names a database with keys in it", pytrace=False)
        self._stack.callback(_empty, url)
        return url


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[SharedPostgres]:
    """One PostgreSQL for the whole run (with xdist: for each worker). It forgets at a crash.

    A test about crashes starts one of its own: `with postgres(durable=True) as server`.
    """
    if _GIVEN_POSTGRES:
        yield SharedPostgres(_GIVEN_POSTGRES)
        return
    programs = _postgres_programs()
    if programs is None:
        pytest.fail(POSTGRES_ADVICE, pytrace=False)
    with postgres(binaries=programs) as server:
        yield SharedPostgres(server.url)


@pytest.fixture
def postgres_url(postgres_server: SharedPostgres) -> Iterator[str]:
    """Name an empty database of this test alone; it is dropped afterwards."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture(scope="module")
def module_postgres_url(postgres_server: SharedPostgres) -> Iterator[str]:
    """Name a database that the tests of one module share; it is dropped afterwards."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[SharedRedis]:
    """Every Redis of this run; ask for `redis_url` instead."""
    with ExitStack() as stack:
        yield SharedRedis(stack)


# An empty list of parameters would make pytest skip what is to fail; None fails in the fixture.
@pytest.fixture(params=_FOUND_REDIS or (None,), ids=_name)
def redis_url(request: pytest.FixtureRequest, shared_redis: SharedRedis) -> str:
    """Name an empty Redis database. The test runs once for each server found."""
    return shared_redis.empty(request.param)


@pytest.fixture
def one_redis_url(shared_redis: SharedRedis) -> str:
    """Name an empty database of the preferred Redis, for `getfixturevalue` and slow tests."""
    return shared_redis.empty(_FOUND_REDIS[0] if _FOUND_REDIS else None)


def _postgres_programs() -> Path | None:
    try:
        return find_postgres()
    except ServerNotFoundError:
        return None


def _empty(url: str) -> None:
    with Redis.from_url(url) as client:
        client.flushdb()


def _database_of_worker(url: str) -> str:
    # Workers of xdist share a Redis that was given: each empties a database of its own.
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    first = int(query.get("db") or (parts.path.strip("/") if parts.scheme != "unix" else 0) or 0)
    return parts._replace(query=urlencode({**query, "db": first + worker})).geturl()
