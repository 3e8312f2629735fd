"""Old idempotency keys are forgotten; what somebody may still ask with is not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.builders import NOON, an_observation, limits
from traderbot.application.commands.bots import DecideOnBar, StartBot, StopBot
from traderbot.application.commands.portfolios import Deposit
from traderbot.application.errors import DatabaseUnavailableError
from traderbot.application.ports.commands import IdempotencyKey, Origin
from traderbot.application.ports.recorded import Actor
from traderbot.bootstrap import Traderbot
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.ids import BotRunId, PortfolioId, UserId
from traderbot.domain.shared.values import Money, symbol
from traderbot.infrastructure.persistence import prune
from traderbot.infrastructure.persistence.database import writer_engine
from traderbot.infrastructure.persistence.prune import prune_answers
from traderbot.infrastructure.repeatable import ReplayClock, SeededIds

DAY = timedelta(days=1)


class Desk:
    """A program with a portfolio in it, asked with keys on the day a test says."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.clock = ReplayClock(NOON)
        self.bot = Traderbot.open(
            url, limits=limits(), clock=self.clock, ids=SeededIds("keys", self.clock)
        )
        ada = self.bot.register_user("ada@example.com", "a long enough password")
        self.owner = UserId(ada.user_id)
        self.portfolio = PortfolioId(self.bot.open_portfolio(ada, "savings").portfolio_id)

    def deposit(self, key: str) -> Decimal:
        """Ask for one dollar; return what is there then."""
        command = Deposit(
            owner_id=self.owner, portfolio_id=self.portfolio, amount=Money("1", "USD")
        )
        view = self.bot.run(command, origin=_origin(IdempotencyKey("ada", key)))
        return Decimal(view.balances[0].total)

    def bot_run(self) -> BotRunId:
        """Start a bot and have it decide on one bar, with the key a runner gives."""
        start = StartBot(
            owner_id=self.owner,
            portfolio_id=self.portfolio,
            strategy="rsi_cross",
            parameters={},
            symbol=symbol("IBM"),
            timeframe=Timeframe.H1,
            allocation=Decimal("0.1"),
        )
        run = BotRunId(self.bot.run(start).bot_run_id)
        decide = DecideOnBar(bot_run_id=run, seen=an_observation())
        self.bot.run(decide, origin=_origin(IdempotencyKey(f"bot:{run}", "a bar")))
        return run

    def stop(self, run: BotRunId) -> None:
        self.bot.run(StopBot(owner_id=self.owner, bot_run_id=run, reason="asked"))

    def prune(self, days: int) -> int:
        engine = writer_engine(self.url)
        try:
            return prune_answers(engine, self.clock.now() - days * DAY)
        finally:
            engine.dispose()

    def scopes(self) -> set[str]:
        engine = writer_engine(self.url)
        with engine.connect() as connection:
            found = set(connection.scalars(text("SELECT scope FROM idempotency")))
        engine.dispose()
        return found


def _origin(key: IdempotencyKey) -> Origin:
    return Origin(actor=Actor("user", "ada", "test"), key=key)


@pytest.fixture(params=["sqlite", "postgres"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    url = str(tmp_path / "keys.db")
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
    it = Desk(url)
    with it.bot:
        yield it


def test_a_forgotten_key_is_a_new_one_and_a_kept_one_is_not(desk: Desk) -> None:
    assert desk.deposit("old") == 1
    desk.clock.move_to(NOON + 20 * DAY)
    assert desk.deposit("new") == 2
    desk.clock.move_to(NOON + 31 * DAY)
    assert desk.prune(days=30) == 1
    assert desk.prune(days=30) == 0
    assert desk.deposit("new") == 2  # answered as it was
    assert desk.deposit("old") == 3  # done again


def test_a_key_of_exactly_that_age_is_kept(desk: Desk) -> None:
    desk.deposit("a")
    desk.clock.move_to(NOON + 30 * DAY)
    assert desk.prune(days=30) == 0
    desk.clock.move_to(NOON + 30 * DAY + timedelta(microseconds=1))
    assert desk.prune(days=30) == 1


def test_the_keys_of_a_bot_are_kept_while_it_runs(desk: Desk) -> None:
    running, stopped = desk.bot_run(), desk.bot_run()
    desk.stop(stopped)
    desk.clock.move_to(NOON + 31 * DAY)
    assert desk.prune(days=30) == 1
    assert desk.scopes() == {f"bot:{running}"}


def test_many_are_forgotten_in_portions(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prune, "_PORTION", 3)
    for number in range(7):
        desk.deposit(str(number))
    desk.clock.move_to(NOON + DAY)
    assert desk.prune(days=0) == 7


def test_no_event_is_touched(desk: Desk) -> None:
    desk.deposit("a")
    desk.clock.move_to(NOON + DAY)
    desk.prune(days=0)
    assert desk.bot.audit.diff().differences == []


def test_a_server_that_is_not_there_is_said_so() -> None:
    engine = writer_engine("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(DatabaseUnavailableError, match="0 were deleted"):
        prune_answers(engine, NOON)
    engine.dispose()
