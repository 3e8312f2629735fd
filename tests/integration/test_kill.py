"""Killed in the middle of its work, again and again: nothing acknowledged is lost or doubled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import sleep
from typing import IO, Any

import pytest
from sqlalchemy import func, select, text

from tests.integration.order_load import ORDERS, THREADS, key_of, origin, wish
from tests.stores import at_once
from traderbot.bootstrap import Traderbot
from traderbot.domain.shared.ids import OrderId, PortfolioId, UserId
from traderbot.infrastructure.embedded.postgres import postgres
from traderbot.infrastructure.persistence.database import reader_engine
from traderbot.infrastructure.persistence.sqlite_storage import SqliteStorage
from traderbot.infrastructure.persistence.tables import OrderRow
from traderbot.infrastructure.persistence.views import SqlViews

ROUNDS = 50
_ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Name a database that keeps what it has promised."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            yield f"sqlite:///{tmp_path / 'killed.db'}"
        else:
            yield stack.enter_context(postgres(durable=True)).url


@dataclass(frozen=True)
class Trader:
    """Who places the orders."""

    owner: UserId
    portfolio: PortfolioId

    @staticmethod
    def at(url: str) -> Trader:
        with Traderbot.open(url) as bot:
            owner = bot.register_user("a@example.org", "correct horse battery staple")
            portfolio = bot.open_portfolio(owner, "savings", "100000000 USD")
        return Trader(UserId(owner.user_id), PortfolioId(portfolio.portfolio_id))


class Load:
    """The program to be killed, and what it has said so far."""

    def __init__(self, lines: IO[str], orders: IO[str]) -> None:
        self._lines = lines
        self._orders = orders
        self.acknowledged: dict[str, str] = {}

    def round(self, name: str, moment: Moment) -> dict[str, str]:
        """Let a child work and kill it at that moment; return what it had acknowledged."""
        self._orders.write(f"{name}\n")
        self._orders.flush()
        pid = int(self._next().removeprefix("child "))
        seen: dict[str, str] = {}
        if moment.after_opening:
            assert self._next() == "ready"
        while len(seen) < moment.after_orders:
            self._note(self._next(), seen)
        sleep(moment.seconds)
        os.kill(pid, signal.SIGKILL)
        while (line := self._next()) != "gone":
            self._note(line, seen)
        self.acknowledged |= seen
        return seen

    def _next(self) -> str:
        line = self._lines.readline().strip()
        assert line not in {"", "failed"}, "the program to be killed has failed by itself"
        return line

    @staticmethod
    def _note(line: str, seen: dict[str, str]) -> None:
        if line != "ready":
            key, order_id = line.split()
            seen[key] = order_id


@dataclass(frozen=True)
class Moment:
    """When to kill: so long after a child began, was ready, or had so many orders acknowledged."""

    after_opening: bool
    after_orders: int
    seconds: float

    @staticmethod
    def drawn(random: Random) -> Moment:
        kind = random.random()
        if kind < 0.1:  # while it opens the database
            return Moment(False, 0, random.uniform(0, 0.3))
        if kind < 0.4:  # within the first commits
            return Moment(True, 0, random.uniform(0, 0.02))
        if kind < 0.7:  # just after an acknowledgement: the next commit is under way
            return Moment(True, random.randint(1, 40), random.uniform(0, 0.004))
        return Moment(True, 0, random.uniform(0, 0.1))


@contextmanager
def load(url: str, trader: Trader, folder: Path) -> Iterator[Load]:
    """Start the program to be killed."""
    command = [sys.executable, "-m", "tests.integration.order_load", url, *_ids(trader)]
    environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=environment,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Load(process.stdout, process.stdin)
        finally:
            process.stdin.close()
            os.killpg(process.pid, signal.SIGKILL)  # with the child of a round that failed


def _ids(trader: Trader) -> tuple[str, str]:
    return trader.owner, trader.portfolio


def assert_kept(url: str, acknowledged: dict[str, str]) -> None:
    """Look, right after a kill and as the first to do so, whether everything is there."""
    engine = reader_engine(url)
    views = SqlViews(engine)
    missing = [key for key, id_ in acknowledged.items() if views.order(None, OrderId(id_)) is None]
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            assert connection.execute(text("PRAGMA quick_check")).scalars().all() == ["ok"]
    engine.dispose()
    assert missing == []


def asked(rounds: int, acknowledged: dict[str, str]) -> list[str]:
    """Return every key that may have reached the writer: a thread waits for one before the next."""
    keys: list[str] = []
    for round_ in range(rounds):
        for thread in range(THREADS):
            for number in range(ORDERS):
                key = key_of(str(round_), thread, number)
                keys.append(key)
                if key not in acknowledged:
                    break
    return keys


@pytest.mark.timeout(300)
def test_fifty_kills_lose_and_double_nothing(url: str, tmp_path: Path) -> None:
    trader = Trader.at(url)
    random = Random(50)  # noqa: S311 - to be repeated
    with load(url, trader, tmp_path) as running:
        for round_ in range(ROUNDS):
            kept = running.round(str(round_), Moment.drawn(random))
            assert_kept(url, kept)
        acknowledged = running.acknowledged
    assert len(acknowledged) > ROUNDS  # otherwise nothing was tried
    keys = asked(ROUNDS, acknowledged)
    assert set(acknowledged) <= set(keys)
    with Traderbot.open(url) as bot:
        assert_placed_once(bot, trader, keys, acknowledged)
        assert list(bot.audit.verify().findings) == []
        report = bot.audit.diff()
        assert list(report.differences) == []
        assert list(report.ledger_imbalances) == []
        assert_durable(bot)
    engine = reader_engine(url)
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(OrderRow)) == len(keys)
        if engine.dialect.name == "sqlite":
            assert connection.execute(text("PRAGMA integrity_check")).scalars().all() == ["ok"]
    engine.dispose()


def assert_placed_once(
    bot: Traderbot, trader: Trader, keys: list[str], acknowledged: dict[str, str]
) -> None:
    """Ask everything again, twice: the answer is the order that was acknowledged, if it was."""
    command = wish(trader.owner, trader.portfolio)

    def again(key: str) -> Callable[[], Any]:
        return lambda: bot.run(command, origin=origin(trader.owner, key))

    first = dict(zip(keys, at_once([again(key) for key in keys], threads=32), strict=True))
    second = dict(zip(keys, at_once([again(key) for key in keys], threads=32), strict=True))
    assert first == second
    ids = {key: order.order_id for key, order in first.items()}
    assert {key: ids[key] for key in acknowledged} == acknowledged
    assert len(set(ids.values())) == len(keys)
    (balance,) = bot.portfolio(trader.portfolio).balances
    reserved = {order.reserved for order in first.values()}
    assert reserved == {"10.008999"}
    assert float(balance.reserved) == pytest.approx(10.008999 * len(keys))


def assert_durable(bot: Traderbot) -> None:
    """Ask the writer's own connection how it commits."""
    storage: Any = bot.application.executor._batches.storage  # type: ignore[attr-defined]
    if isinstance(storage, SqliteStorage):
        driver = storage._driver
        assert driver.execute("PRAGMA synchronous").fetchone() == (2,)
        assert driver.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    else:
        transaction = storage.begin()
        shown = transaction._connection.execute("SHOW synchronous_commit").fetchone()
        transaction.rollback()
        assert shown == ("on",)
