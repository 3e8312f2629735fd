"""A keeper of bots, round by round, on the real writer in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from time import monotonic, sleep
from typing import Any

import pytest

from tests.builders import NOON, a_bar
from traderbot.application.bots.keeper import LIVE, BotKeeper
from traderbot.application.bots.pace import BotPace
from traderbot.application.commands.bots import ChangeBotParameters, StartBot
from traderbot.application.commands.portfolios import OpenPortfolio
from traderbot.application.commands.users import RegisterUser
from traderbot.application.errors import FeedUnavailableError
from traderbot.application.ports.commands import Origin
from traderbot.application.ports.recorded import Actor
from traderbot.application.use_cases import UseCases
from traderbot.application.views import BotRunView
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.risk.limits import Limits
from traderbot.domain.shared.ids import BotRunId, PortfolioId, UserId
from traderbot.domain.shared.values import Money, Symbol, symbol
from traderbot.domain.strategies.errors import UnknownStrategyError
from traderbot.domain.strategies.strategy import (
    BaseStrategy,
    StrategyContext,
    StrategyResult,
    TickerData,
)
from traderbot.infrastructure.event_bus import EventBus
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.memory.storage import MemoryStorage
from traderbot.infrastructure.memory.store import Memory
from traderbot.infrastructure.memory.views import MemoryViews
from traderbot.infrastructure.persistence.writer import Writer
from traderbot.infrastructure.repeatable import ReplayClock, SeededIds

ORIGIN = Origin(actor=Actor("operator", "somebody", "test"))
AAPL = symbol("AAPL")
PACE = BotPace(answer=0.3, retry=4.0, longest_retry=30.0)


class Shouting(BaseStrategy):
    """Says its word; told to hang, it never says anything."""

    window = 3

    def __init__(self, word: str = "HOLD", hang: int = 0) -> None:
        self.word = word
        self.hang = hang

    def execute(self, ticker_data: TickerData, context: StrategyContext) -> StrategyResult:
        while self.hang:
            sleep(0.02)
        assert ticker_data["closes"]
        word: Any = self.word
        return {"signal": word, "confidence": 1.0, "reason": context["timeframe"]}


def strategies(name: str, parameters: Mapping[str, str]) -> BaseStrategy:
    if name != "SHOUTING":
        raise UnknownStrategyError(name, ["SHOUTING"])
    return Shouting(parameters.get("word", "HOLD"), int(parameters.get("hang", "0")))


class Feed:
    """Bars a test has put there; away when it is told to be."""

    name = "test"

    def __init__(self) -> None:
        self.bars: list[Bar] = []
        self.away = False

    def closed(
        self,
        symbol: Symbol,
        timeframe: Timeframe,
        *,
        after: datetime | None,
        until: datetime,
        limit: int = 1000,
    ) -> Sequence[Bar]:
        if self.away:
            msg = "away"
            raise FeedUnavailableError(msg)
        assert (symbol, timeframe) == (AAPL, Timeframe.H1)
        found = [it for it in self.bars if it.closes_at <= until]
        return [it for it in found if after is None or it.at > after][:limit]


class Holders:
    """Who lives, in memory."""

    def __init__(self) -> None:
        self.until: dict[str, datetime] = {}

    def beat(self, holder: str, until: datetime) -> None:
        self.until[holder] = until

    def alive(self, at: datetime) -> frozenset[str]:
        return frozenset(name for name, until in self.until.items() if until >= at)

    def leave(self, holder: str) -> None:
        self.until.pop(holder, None)


class Stage:
    """A program in memory, a feed, and as many keepers as are asked for."""

    def __init__(self) -> None:
        memory = Memory()
        self.clock, self.now = ReplayClock(NOON), 0.0
        ids = SeededIds("keeper", self.clock)
        self.views = MemoryViews(memory)
        self.writer = Writer(
            lambda: MemoryStorage(memory),
            UseCases.build(Limits(), self.clock, ids).handlers(),
            codec=EventCodec(),
            clock=self.clock,
            ids=ids,
            sink=EventBus(),
        )
        user = self.writer.run(RegisterUser(email="a@example.com", password_hash="-"), ORIGIN)
        self.owner = UserId(user.user_id)
        opened = OpenPortfolio(owner_id=self.owner, name="p", cash=Money("100000", "USD"))
        self.portfolio = PortfolioId(self.writer.run(opened, ORIGIN).portfolio_id)
        self.feed, self.holders = Feed(), Holders()

    def keeper(self, name: str = "one") -> BotKeeper:
        return BotKeeper(
            self.writer,
            self.views,
            self.feed,
            strategies,
            self.holders,
            self.clock,
            name=name,
            chance=lambda: 0.0,
            pace=PACE,
            monotonic=lambda: self.now,
        )

    def start(
        self,
        said: Mapping[str, str] | None = None,
        *,
        strategy: str = "SHOUTING",
        history: int = 0,
    ) -> str:
        command = StartBot(
            owner_id=self.owner,
            portfolio_id=self.portfolio,
            strategy=strategy,
            parameters=said or {},
            symbol=AAPL,
            timeframe=Timeframe.H1,
            allocation=Decimal("0.1"),
            feed=LIVE,
            history_bars=history,
        )
        return self.writer.run(command, ORIGIN).bot_run_id

    def hour(self, number: int) -> None:
        """Let a bar close."""
        bar = a_bar(at=NOON + timedelta(hours=number), volume="1000")
        self.feed.bars.append(bar)
        self.clock.move_to(max(self.clock.now(), bar.closes_at))
        self.now += 1

    def run(self, id_: str) -> BotRunView:
        found = self.views.bot_run(None, BotRunId(id_))
        assert found is not None
        return found


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.writer.close()


def test_a_bot_is_leased_and_decides_once_on_each_bar(stage: Stage) -> None:
    run, keeper = stage.start(), stage.keeper()
    for number in range(3):
        stage.hour(number)
        keeper.look()
        keeper.look()
    assert (stage.run(run).decisions, stage.run(run).fence) == (3, 1)
    assert keeper.kept == [run]


def test_history_is_looked_at_and_not_decided_on(stage: Stage) -> None:
    for number in range(-3, 0):
        stage.hour(number)
    run, keeper = stage.start(history=3), stage.keeper()
    stage.hour(0)
    keeper.look()
    assert stage.run(run).decisions == 1
    fresh, other = stage.start(), stage.keeper("two")
    stage.hour(1)
    keeper.look()
    other.look()
    assert stage.run(fresh).decisions == 1
    assert stage.run(run).decisions == 2


def test_a_living_holder_keeps_its_bot_and_a_dead_one_loses_it(stage: Stage) -> None:
    run, one, two = stage.start(), stage.keeper("one"), stage.keeper("two")
    one.look()
    two.look()
    assert (one.kept, two.kept) == ([run], [])
    stage.clock.move_to(NOON + timedelta(seconds=11))
    two.look()
    assert stage.run(run).holder == "two"
    stage.hour(0)
    stage.now += 3
    two.look()
    one.look()  # it wakes up, and finds that the bot is another's
    assert one.kept == []
    assert (stage.run(run).holder, stage.run(run).decisions) == ("two", 1)


def test_a_feed_that_is_away_is_asked_again_later_and_later(stage: Stage) -> None:
    run, keeper = stage.start(), stage.keeper()
    stage.feed.away = True
    stage.hour(0)
    keeper.look()
    stage.feed.away = False
    keeper.look()
    assert not stage.run(run).decisions  # four seconds have not passed
    stage.now += 4
    keeper.look()
    assert stage.run(run).decisions == 1
    assert [PACE.pause(it, 0.0) for it in (1, 2, 3, 4, 40)] == [4.0, 8.0, 16.0, 30.0, 30.0]
    assert PACE.pause(1, 1.0) == 2.0


@pytest.mark.parametrize(
    ("said", "code"),
    [({"hang": "1"}, "STRATEGY_HANGS"), ({"word": "MAYBE"}, "STRATEGY_")],
)
def test_a_strategy_that_cannot_go_on_stops_its_bot_and_no_other(
    stage: Stage, said: dict[str, str], code: str
) -> None:
    failing, calm, keeper = stage.start(said), stage.start(), stage.keeper()
    stage.hour(0)
    began = monotonic()
    keeper.look()
    assert monotonic() - began < 5
    stopped = stage.run(failing)
    assert stopped.status == "stopped"
    assert stopped.code.startswith(code)
    assert stopped.reason.startswith(stopped.code)
    assert stage.run(calm).decisions == 1
    stage.hour(1)
    keeper.look()
    assert keeper.kept == [calm]
    assert stage.run(calm).decisions == 2


def test_other_parameters_hold_from_the_next_bar_on(stage: Stage) -> None:
    run, keeper = stage.start(), stage.keeper()
    stage.hour(0)
    keeper.look()
    change = ChangeBotParameters(
        owner_id=stage.owner,
        bot_run_id=BotRunId(run),
        parameters={"word": "BUY"},
        reason="so",
    )
    stage.writer.run(change, ORIGIN)
    stage.hour(1)
    keeper.look()
    assert stage.run(run).decisions == 2
    assert stage.run(run).order_id is not None


def test_a_process_without_the_strategy_leaves_the_bot_alone(stage: Stage) -> None:
    run, keeper = stage.start(strategy="OF_ANOTHER"), stage.keeper()
    stage.hour(0)
    keeper.look()
    keeper.look()
    assert keeper.kept == []
    assert (stage.run(run).status, stage.run(run).fence) == ("running", 0)


def test_a_keeper_that_leaves_lets_others_take_over_at_once(stage: Stage) -> None:
    run, one, two = stage.start(), stage.keeper("one"), stage.keeper("two")
    with one.running():
        deadline = monotonic() + 20
        while stage.run(run).holder != "one":
            assert monotonic() < deadline
            sleep(0.01)
    two.look()
    assert stage.run(run).holder == "two"
