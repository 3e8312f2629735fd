"""Subscribers killed at any moment, over a log that is written in every order there can be."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from time import sleep
from typing import IO, Any

import pytest
from sqlalchemy import text

from tests.followers import House, Seen, assert_order_kept
from tests.integration.following.follower import LEASE_SECONDS, PACE
from tests.stores import ORIGIN, Desk, Meddled, Owned, SqlStore, until
from traderbot.application.commands.portfolios import Deposit, Withdraw
from traderbot.application.errors import DatabaseUnavailableError, StaleAggregateError
from traderbot.application.ports.subscriptions import ParkedState
from traderbot.domain.shared.values import Money
from traderbot.infrastructure.persistence.database import writer_engine
from traderbot.infrastructure.persistence.migrate import upgrade

KILLS = 20
_ROOT = Path(__file__).parents[3]
_DOLLAR = Money.parse("1 USD")


@pytest.fixture(params=["sqlite", "postgres"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A database of its own, for other processes will work on it."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'followed.db'}"
    else:
        url = request.getfixturevalue("postgres_url")
    engine = writer_engine(url)
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(
            text("CREATE TABLE world (token TEXT PRIMARY KEY, log_index BIGINT, deliveries BIGINT)")
        )
    engine.dispose()
    with ExitStack() as stack:
        yield House(SqlStore(stack, url), stack)


class Follower:
    """The program to be killed."""

    def __init__(self, lines: IO[str], orders: IO[str]) -> None:
        self._lines = lines
        self._orders = orders

    def start(self, line: str) -> int:
        """Start a child; return its process id once it works."""
        self._orders.write(f"{line}\n")
        self._orders.flush()
        pid = int(self._next().removeprefix("child "))
        said = self._next()
        assert said == "ready", said
        return pid

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        self.wait()

    def wait(self) -> None:
        """Wait for a child's death."""
        assert self._next() == "gone"

    def _next(self) -> str:
        line = self._lines.readline().strip()
        assert line not in {"", "failed"}, "the program to be killed has failed by itself"
        return line


@contextmanager
def follower(url: str, folder: Path) -> Iterator[Follower]:
    """Start the program to be killed."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.integration.following.follower", url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Follower(process.stdout, process.stdin)
        finally:
            process.stdin.close()
            os.killpg(process.pid, signal.SIGKILL)


class Appender:
    """A writer of its own, as of another process, that holds some transactions open for a while."""

    def __init__(self, house: House, number: int, shared: Owned) -> None:
        random = Random(number)  # noqa: S311 - to be repeated
        storage = Meddled(house.desk_store.storage())

        def hold(_transaction: Any) -> None:
            if random.random() < 0.3:
                sleep(random.choice([0.001, 0.01, 0.05, 0.2]))

        storage.before_commit = hold
        self._desk: Desk = house.desk_store.desk(open_storage=lambda: storage)
        # Of a user of its own: a command locks its user, and all would wait for one another.
        self._own = self._desk.portfolio(email=f"{number}@example.org")
        self._shared = shared

    def append(self, events: int) -> None:
        """Append so many events, many in one commit; a few of them to a stream of two."""
        asyncio.run(self._append(events))

    async def _append(self, events: int) -> None:
        done = 0
        while done < events:
            batch = min(25, events - done)
            await asyncio.gather(*(self._execute(number) for number in range(done, done + batch)))
            done += batch

    async def _execute(self, number: int) -> None:
        portfolio = self._shared if number % 200 == 7 else self._own
        wish = Withdraw if number % 25 == 1 else Deposit
        command = wish(owner_id=portfolio.owner, portfolio_id=portfolio.id, amount=_DOLLAR)
        while True:
            try:
                await self._desk.writer.execute(command, ORIGIN)
            except (StaleAggregateError, DatabaseUnavailableError):  # the other was faster
                continue
            return


@contextmanager
def sealing(house: House) -> Iterator[None]:
    """Seal all the time, as the sealer does."""
    end = threading.Event()

    def work() -> None:
        while not end.wait(0.02):
            house.sealer.seal()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def assert_nothing_skipped_or_twice(house: House, size: int) -> None:
    seen: list[Seen] = house.seen()
    assert [each.log_index for each in seen] == list(range(size))
    assert_order_kept(seen)
    wanted = {
        row[0]
        for row in house.rows(
            "SELECT l.log_index FROM log l JOIN events e ON e.position = l.position "
            "WHERE e.type = 'portfolio.cash_withdrawn'"
        )
    }
    world = house.rows("SELECT token, log_index, deliveries FROM world")
    assert {row[1] for row in world} == wanted
    assert len(world) == len(wanted)  # one token for each event, whatever was repeated
    assert set(house.rows("SELECT DISTINCT status FROM effects")) == {("done",)}


@pytest.mark.timeout(180)
def test_twenty_kills_skip_nothing_and_double_nothing(house: House, tmp_path: Path) -> None:
    postgres = house.reading.dialect.name == "postgresql"
    appenders_count, events = (32, 20_000) if postgres else (2, 4_000)
    random = Random(20)  # noqa: S311 - to be repeated
    shared = [
        house.desk.portfolio(email=f"shared-{number}@example.org")
        for number in range(appenders_count // 2)
    ]
    appenders = [Appender(house, number, shared[number // 2]) for number in range(appenders_count)]
    with (
        follower(house.url, tmp_path) as running,
        sealing(house),
        ThreadPoolExecutor(appenders_count) as pool,
    ):
        work = [pool.submit(each.append, events // appenders_count) for each in appenders]
        for _ in range(KILLS):
            pid = running.start("tail")
            sleep(LEASE_SECONDS + random.uniform(0, 0.5))
            running.kill(pid)
        for each in work:
            each.result()
        pid = running.start("tail")
        size = house.caught_up("view", "letters", seconds=90)
        until(lambda: set(house.rows("SELECT DISTINCT status FROM effects")) == {("done",)})
        running.kill(pid)
    assert size >= events
    assert_nothing_skipped_or_twice(house, size)
    assert house.open("view") == house.open("letters") == []


@pytest.mark.parametrize("kind", ["projection", "reactor"])
def test_a_handler_that_kills_the_process_is_parked_and_its_key_drains_when_it_is_mended(
    house: House, tmp_path: Path, kind: str
) -> None:
    portfolio, other = house.portfolios(2)
    house.deposits([portfolio, other], each=4)
    size = house.seal()
    stream = f"portfolio-{portfolio.id}"
    own = house.indexes_of(stream)
    lives = 0
    with follower(house.url, tmp_path) as running:
        pid = running.start(f"{kind} {stream} 3")
        while house.states("deadly") != dict.fromkeys(own[2:], ParkedState.PARKED):
            if _is_dead(pid):
                lives += 1
                running.wait()
                assert lives <= PACE.attempts + 1, house.put_aside("deadly")
                pid = running.start(f"{kind} {stream} 3")
            sleep(0.01)
        house.caught_up("deadly", "other")
        running.kill(pid)
        # A projection's first attempt was in a batch, which is not counted.
        assert lives == PACE.attempts + (1 if kind == "projection" else 0)
        assert house.open("deadly")[0].attempts >= PACE.attempts
        assert sorted(it.log_index for it in house.seen("other")) == list(range(size))
        pid = running.start(f"{kind} nobody 0")
        house.caught_up("deadly")
        house.subscriptions.retry("deadly", own[2])
        until(lambda: not house.open("deadly"))
        running.kill(pid)
    if kind == "projection":
        assert sorted(it.log_index for it in house.seen("deadly")) == list(range(size))
        assert_order_kept(house.seen("deadly"))
    else:
        assert house.rows("SELECT status, count(*) FROM effects GROUP BY 1") == [("done", size)]


def _is_dead(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False
