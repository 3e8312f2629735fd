"""The servers that tests and `traderbot services` start: they answer, last, and leave nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import AuthenticationError, Redis
from sqlalchemy import NullPool, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from tests.servers import SharedPostgres
from traderbot.infrastructure.embedded.postgres import postgres
from traderbot.infrastructure.embedded.privileges import private_folder, unprivileged
from traderbot.infrastructure.embedded.process import ServerStartError
from traderbot.infrastructure.embedded.redis import redis
from traderbot.infrastructure.embedded.search import find_postgres, find_redis

_PATIENCE_SECONDS = 20.0
_PROMISES = ("fsync", "synchronous_commit", "full_page_writes")
_STARTS_BOTH_AND_WAITS = """
import sys
from traderbot.infrastructure.embedded.postgres import postgres
from traderbot.infrastructure.embedded.redis import redis
with postgres() as database, redis() as store:
    print(database.pid, store.pid, database.folder, store.folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def data() -> Iterator[Path]:
    """Name a folder that the account of the server may use; pytest's own are closed to it."""
    folder = private_folder("tbdata", unprivileged())
    yield folder
    shutil.rmtree(folder)


def test_a_database_of_the_shared_server_is_empty(postgres_url: str) -> None:
    tables = "select count(*) from information_schema.tables where table_schema = 'public'"
    assert _ask(postgres_url, tables) == 0


def test_a_database_may_be_a_copy_of_another(
    postgres_server: SharedPostgres, module_postgres_url: str
) -> None:
    _tell(module_postgres_url, "create table copied (x int)", "insert into copied values (7)")
    template = make_url(module_postgres_url).database
    assert template is not None
    with postgres_server.database(template) as url:
        assert url != module_postgres_url
        assert _ask(url, "select x from copied") == 7


def test_a_committed_row_survives_kill_9_and_a_restart() -> None:
    with postgres(durable=True) as server:
        _tell(server.url, "create table kept (x int)", "insert into kept values (7)")
        first = server.pid
        server.kill()
        assert not server.running
        server.restart()
        assert server.pid != first
        assert _ask(server.url, "select x from kept") == 7
        assert {_ask(server.url, f"show {name}") for name in _PROMISES} == {"on"}


def test_a_kept_cluster_is_used_again(data: Path) -> None:
    with postgres(data=data) as server:
        _tell(server.url, "create table kept (x int)", "insert into kept values (7)")
    with postgres(data=data) as server:
        assert _ask(server.url, "select x from kept") == 7


def test_postgres_asks_for_a_password_on_the_loopback() -> None:
    with postgres(port=0) as server:
        assert server.tcp_url is not None
        assert str(_ask(server.tcp_url, "show server_version")).startswith(server.version)
        stranger = make_url(server.tcp_url).set(password="guess")
        with pytest.raises(OperationalError, match="password"):
            _ask(stranger.render_as_string(hide_password=False), "select 1")


def test_postgres_that_does_not_start_says_why_and_leaves_nothing(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data.chmod(0o711)
    monkeypatch.setattr(tempfile, "tempdir", str(data))
    (data / "PG_VERSION").write_text("18\n")  # a cluster, as it seems
    with pytest.raises(ServerStartError, match=r"postgresql\.conf"), postgres(data=data):
        pytest.fail("it cannot have started")
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root steps down to another account")
def test_root_runs_postgres_from_a_closed_folder(tmp_path: Path) -> None:
    package = find_postgres().parents[1]
    for folder in (package, package.with_name(f"{package.name}.libs")):
        if folder.is_dir():
            shutil.copytree(folder, tmp_path / folder.name)
    tmp_path.chmod(0o700)
    closed = tmp_path / package.name / find_postgres().parent.name / "bin"
    with postgres(binaries=closed) as server:
        assert _ask(server.url, "select 1") == 1
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_set_and_get_on_each_redis(redis_url: str) -> None:
    with Redis.from_url(redis_url) as client:
        assert client.set("key", "value")
        assert client.get("key") == b"value"
        assert client.eval("return redis.call('incr', KEYS[1])", 1, "count") == 1


def test_each_test_gets_an_empty_redis(redis_url: str) -> None:
    with Redis.from_url(redis_url) as client:
        assert client.keys() == []


def test_a_redis_comes_back_after_kill_9_under_the_same_address() -> None:
    with redis() as server:
        server.kill()
        server.restart()
        with Redis.from_url(server.url) as client:
            assert client.ping()


def test_redis_asks_for_a_password_on_the_loopback() -> None:
    with redis(find_redis(), port=0) as server:
        assert server.tcp_url is not None
        with Redis.from_url(server.tcp_url) as client:
            assert client.ping()
        address = server.tcp_url.rpartition("@")[2]
        with (
            Redis.from_url(f"redis://{address}") as stranger,
            pytest.raises(AuthenticationError),
        ):
            stranger.ping()


def test_a_frozen_server_is_stopped_too() -> None:
    with redis() as server:
        os.kill(server.pid, signal.SIGSTOP)
    assert not server.running
    assert not server.folder.exists()


def test_an_exception_in_the_block_leaves_nothing() -> None:
    with pytest.raises(ZeroDivisionError), redis() as server:
        _ = 1 / 0
    assert not server.running
    assert not server.folder.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_servers_do_not_outlive_the_process_that_started_them(number: signal.Signals) -> None:
    command = [sys.executable, "-c", _STARTS_BOTH_AND_WAITS]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        first, second, *folders = owner.stdout.readline().split()
        owner.send_signal(number)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while any(Path(folder).exists() for folder in folders):
        assert time.monotonic() < deadline, "the folders are still there"
        time.sleep(0.05)
    assert not _lives(int(first))
    assert not _lives(int(second))


def _ask(url: str, query: str) -> object:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return connection.scalar(text(query))


def _tell(url: str, *statements: str) -> None:
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # In a container nobody may collect the dead.
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and ") Z " in state.read_text())
