"""A bot over bars, on the real writer, in memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.builders import NOON, a_bar
from traderbot.application.bot_runner import BotRunner
from traderbot.application.commands.bots import DecideOnBar, StartBot, StopBot
from traderbot.application.commands.cancel_order import CancelOrder
from traderbot.application.commands.place_order import PlaceOrder
from traderbot.application.commands.portfolios import OpenPortfolio, Withdraw
from traderbot.application.commands.record_fill import RecordFill
from traderbot.application.commands.users import DeactivateUser, RegisterUser
from traderbot.application.errors import (
    DatabaseUnavailableError,
    NotAllowedError,
    VenueUnavailableError,
)
from traderbot.application.paper_desk import WritingPaperDesk
from traderbot.application.ports.commands import Origin
from traderbot.application.ports.recorded import Actor
from traderbot.application.ports.venue import (
    Denied,
    NotSent,
    SubmitAnswer,
    Unclear,
    WorkingOrder,
)
from traderbot.application.ports.views import OrderFilter
from traderbot.application.use_cases import UseCases
from traderbot.application.views import BotRunView
from traderbot.domain.bots.errors import BotStoppedError
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.orders.ticket import OrderKind, Side, Ticket, TimeInForce
from traderbot.domain.risk.limits import Limits
from traderbot.domain.shared.ids import BotRunId, OrderId, PortfolioId, UserId
from traderbot.domain.shared.values import Money, Price, Quantity, symbol
from traderbot.domain.strategies.strategy import (
    BaseStrategy,
    StrategyContext,
    StrategyResult,
    TickerData,
)
from traderbot.infrastructure.brokers.paper_books import MemoryPaperBooks
from traderbot.infrastructure.brokers.paper_venue import PaperVenue
from traderbot.infrastructure.event_bus import EventBus
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.memory.storage import MemoryStorage
from traderbot.infrastructure.memory.store import Memory
from traderbot.infrastructure.memory.views import MemoryViews
from traderbot.infrastructure.persistence.writer import Writer
from traderbot.infrastructure.repeatable import ReplayClock, SeededIds

ORIGIN = Origin(actor=Actor("operator", "somebody", "test"))


class Scripted(BaseStrategy):
    """Says what the script says, bar after bar; a close of 1 is a BUY, of 2 a SELL."""

    window = 3

    def __init__(self) -> None:
        self.seen: list[TickerData] = []

    def execute(self, ticker_data: TickerData, context: StrategyContext) -> StrategyResult:
        self.seen.append(ticker_data)
        signal = {1.0: "BUY", 2.0: "SELL"}.get(ticker_data["volumes"][-1], "HOLD")
        return {"signal": signal, "confidence": 0.5, "reason": context["timeframe"]}  # type: ignore[typeddict-item]


class Stage:
    """One bot with a portfolio of 100,000 dollars."""

    def __init__(self, limits: Limits) -> None:
        self.memory = Memory()
        self.views = MemoryViews(self.memory)
        clock = ReplayClock(NOON)
        ids = SeededIds("bots", clock)
        self.writer = Writer(
            lambda: MemoryStorage(self.memory),
            UseCases.build(limits, clock, ids).handlers(),
            codec=EventCodec(),
            clock=clock,
            ids=ids,
            sink=EventBus(),
        )
        user = self.writer.run(RegisterUser(email="a@example.com", password_hash="-"), ORIGIN)
        self.owner = UserId(user.user_id)
        opened = OpenPortfolio(owner_id=self.owner, name="p", cash=Money("100000", "USD"))
        self.portfolio_id = PortfolioId(self.writer.run(opened, ORIGIN).portfolio_id)
        self.run: BotRunView = self.writer.run(
            StartBot(
                owner_id=self.owner,
                portfolio_id=self.portfolio_id,
                strategy="SCRIPTED",
                parameters={},
                symbol=symbol("AAPL"),
                timeframe=Timeframe.H1,
                allocation=Decimal("0.1"),
            ),
            ORIGIN,
        )
        books = MemoryPaperBooks(self.memory, EventCodec())
        self.venue = PaperVenue(WritingPaperDesk(self.writer), books, clock)
        self.strategy = Scripted()

    def runner(self) -> BotRunner:
        return BotRunner(self.run, self.strategy, self.writer, self.venue, self.views)


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage(Limits())
    yield made
    made.writer.close()


def bars(*signals: str) -> list[Bar]:
    volume = {"BUY": "1", "SELL": "2", "HOLD": "3"}
    return [
        a_bar(at=NOON + timedelta(hours=number), volume=volume[signal])
        for number, signal in enumerate(signals)
    ]


def test_a_buy_signal_becomes_an_order_that_fills_at_the_next_open(stage: Stage) -> None:
    runner = stage.runner()
    first, second = bars("BUY", "HOLD")
    decision = runner.on_bar(first)
    assert decision.order_id is not None
    (order,) = stage.views.orders(OrderFilter()).items
    assert (order.status, order.quantity) == ("accepted", "95")  # a tenth of 100,000 at 105
    runner.on_bar(second)
    (order,) = stage.views.orders(OrderFilter()).items
    assert (order.status, order.average_price) == ("filled", "100.05")


def test_every_signal_without_an_order_has_exactly_one_code(stage: Stage) -> None:
    runner = stage.runner()
    codes = [
        runner.on_bar(bar).blocking_code
        for bar in bars("HOLD", "SELL", "BUY", "BUY", "BUY", "SELL", "HOLD", "SELL")
    ]
    # The third bar orders; the fourth fills that and would buy again; the sixth sells.
    assert codes == [
        "NO_SIGNAL",
        "NO_POSITION",
        None,
        "ALREADY_LONG",
        "ALREADY_LONG",
        None,
        "NO_SIGNAL",
        "NO_POSITION",
    ]


def test_a_bar_seen_twice_is_decided_once(stage: Stage) -> None:
    first = bars("BUY")[0]
    assert stage.runner().on_bar(first) == stage.runner().on_bar(first)
    assert len(stage.views.orders(OrderFilter()).items) == 1
    run = stage.views.bot_run(None, BotRunId(stage.run.bot_run_id))
    assert run is not None
    assert run.decisions == 1


def test_a_runner_that_starts_again_catches_up_without_acting_twice(stage: Stage) -> None:
    script = bars("BUY", "HOLD", "SELL", "HOLD", "BUY")
    first = stage.runner()
    before = [first.on_bar(bar) for bar in script[:3]]
    again = stage.runner()
    assert [again.on_bar(bar) for bar in script[:3]] == before
    rest = [again.on_bar(bar) for bar in script[3:]]
    assert [it.order_id is not None for it in rest] == [False, True]
    assert len(stage.views.trades(None, stage.portfolio_id).items) == 2


def test_the_strategy_sees_no_more_than_its_window(stage: Stage) -> None:
    runner = stage.runner()
    for bar in bars("HOLD", "HOLD", "HOLD", "HOLD", "HOLD"):
        runner.on_bar(bar)
    assert [len(data["closes"]) for data in stage.strategy.seen] == [1, 2, 3, 3, 3]


def test_a_stopped_bot_decides_nothing(stage: Stage) -> None:
    run_id = BotRunId(stage.run.bot_run_id)
    stop = StopBot(owner_id=stage.owner, bot_run_id=run_id, reason="enough")
    assert stage.writer.run(stop, ORIGIN).status == "stopped"
    assert stage.writer.run(stop, ORIGIN).status == "stopped"
    with pytest.raises(BotStoppedError):
        stage.runner().on_bar(bars("BUY")[0])


def test_a_gate_that_refuses_is_named_in_the_decision() -> None:
    stage = Stage(Limits(order_notional_fraction=Decimal("0.05"), market_order_cushion=Decimal(30)))
    decision = stage.runner().on_bar(bars("BUY")[0])  # the cushion asks for thirty times the price
    assert decision.blocking_code == "INSUFFICIENT_FUNDS"
    (order,) = stage.views.orders(OrderFilter()).items
    assert (order.order_id, order.status) == (decision.order_id, "refused")
    stage.writer.close()


def test_an_order_canceled_meanwhile_is_not_traded(stage: Stage) -> None:
    runner = stage.runner()
    first, second = bars("BUY", "HOLD")
    order_id = runner.on_bar(first).order_id
    assert order_id is not None
    stage.writer.run(CancelOrder(owner_id=stage.owner, order_id=OrderId(order_id)), ORIGIN)
    runner.on_bar(second)
    (order,) = stage.views.orders(OrderFilter()).items
    assert (order.status, order.filled) == ("canceled", "0")


def test_a_bar_that_could_not_be_recorded_is_taken_in_again_as_if_nothing_had_been(
    stage: Stage,
) -> None:
    class Failing:
        """Fails as a database that went away does, on the commands of one kind."""

        broken: type | None = None

        def run(self, command: Any, origin: Origin) -> Any:
            if type(command) is self.broken:
                msg = "away"
                raise DatabaseUnavailableError(msg)
            return stage.writer.run(command, origin)

        execute = stage.writer.execute

    executor = Failing()
    runner = BotRunner(stage.run, stage.strategy, executor, stage.venue, stage.views)
    first, second, third = bars("BUY", "HOLD", "HOLD")
    runner.on_bar(first)
    for kind in (RecordFill, DecideOnBar):
        executor.broken = kind
        with pytest.raises(DatabaseUnavailableError):
            runner.on_bar(second)
    executor.broken = None
    runner.on_bar(second)
    again = BotRunner(stage.run, stage.strategy, stage.writer, stage.venue, stage.views)
    for bar in (first, second):  # the same inputs, or the key would say so
        again.on_bar(bar)
    runner.on_bar(third)
    assert len(stage.views.trades(None, stage.portfolio_id).items) == 1


def test_the_bot_of_a_deactivated_user_trades_no_more(stage: Stage) -> None:
    stage.writer.run(DeactivateUser(user_id=stage.owner, reason="left"), ORIGIN)
    decision = stage.runner().on_bar(bars("BUY")[0])
    assert (decision.order_id, decision.blocking_code) == (None, "OWNER_INACTIVE")
    with pytest.raises(NotAllowedError):
        stage.writer.run(
            Withdraw(
                owner_id=stage.owner, portfolio_id=stage.portfolio_id, amount=Money("1", "USD")
            ),
            ORIGIN,
        )


def test_a_dictionary_that_changes_later_changes_no_bot(stage: Stage) -> None:
    parameters = {"rsi_period": "14"}
    command = StartBot(
        owner_id=stage.owner,
        portfolio_id=stage.portfolio_id,
        strategy="SCRIPTED",
        parameters=parameters,
        symbol=symbol("AAPL"),
        timeframe=Timeframe.H1,
        allocation=Decimal("0.1"),
    )
    run = stage.writer.run(command, ORIGIN)
    parameters["rsi_period"] = "99"
    found = stage.views.bot_run(None, BotRunId(run.bot_run_id))
    assert found is not None
    assert found.parameters == command.parameters == {"rsi_period": "14"}


def place(stage: Stage, **said: Any) -> OrderId:
    """Place an order by hand, and hand it to the venue without telling the books."""
    ticket = Ticket(
        portfolio_id=stage.portfolio_id,
        symbol=symbol("AAPL"),
        **{"side": Side.BUY, "quantity": Quantity(2), "kind": OrderKind.LIMIT, **said},
    )
    command = PlaceOrder(owner_id=stage.owner, ticket=ticket, reference=Price(100))
    order_id = OrderId(stage.writer.run(command, ORIGIN).order_id)
    working = stage.views.working_order(order_id)
    assert working is not None
    stage.venue.submit(working)
    return order_id


def test_whatever_the_venue_does_with_an_order_is_recorded(stage: Stage) -> None:
    ids = {
        "rejected": place(stage, limit_price=Price(101), post_only=True),
        "expired": place(
            stage,
            limit_price=Price(50),
            time_in_force=TimeInForce.GTD,
            expires_at=NOON + timedelta(minutes=90),
        ),
        "canceled": place(stage, limit_price=Price(51), time_in_force=TimeInForce.FOK),
        "filled": place(stage, kind=OrderKind.STOP, stop_price=Price(105)),
    }
    runner = stage.runner()
    for bar in bars("HOLD", "HOLD", "HOLD"):
        runner.on_bar(bar)
    shown = {order.order_id: order for order in stage.views.orders(OrderFilter()).items}
    assert {name: shown[id_].status for name, id_ in ids.items()} == {name: name for name in ids}
    assert shown[ids["filled"]].average_price == "105.06"
    portfolio = stage.views.portfolio(None, stage.portfolio_id)
    assert portfolio is not None
    assert portfolio.balances[0].reserved == "0"


def test_a_runner_that_begins_finds_what_was_traded_and_never_recorded(stage: Stage) -> None:
    filled, ended = place(stage, limit_price=Price(101)), place(stage, limit_price=Price(50))
    stage.venue.on_bar(bars("HOLD")[0])  # and whoever showed it is gone
    stage.venue.forget(ended, symbol("AAPL"))
    stage.runner().on_bar(bars("HOLD", "HOLD")[1])
    shown = {order.order_id: order for order in stage.views.orders(OrderFilter()).items}
    assert (shown[filled].status, shown[filled].average_price) == ("filled", "100")
    assert shown[ended].status == "canceled"


class Saying:
    """A paper venue that says something else of a submission."""

    def __init__(self, stage: Stage, *answers: SubmitAnswer) -> None:
        self._venue = stage.venue
        self._answers = list(answers)

    def submit(self, order: WorkingOrder) -> SubmitAnswer:
        return self._answers.pop(0) if self._answers else self._venue.submit(order)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._venue, name)


def test_an_order_the_venue_does_not_want_is_rejected(stage: Stage) -> None:
    venue: Any = Saying(stage, Denied(code="CLOSED", reason="on holiday", raw="{}"))
    runner = BotRunner(stage.run, stage.strategy, stage.writer, venue, stage.views)
    runner.on_bar(bars("BUY")[0])
    (order,) = stage.views.orders(OrderFilter()).items
    assert order.status == "rejected"


@pytest.mark.parametrize("answer", [Unclear(cause="no answer"), NotSent(reason="no line")])
def test_a_submission_nobody_heard_of_is_made_again_with_the_same_bar(
    stage: Stage, answer: SubmitAnswer
) -> None:
    venue: Any = Saying(stage, answer)
    runner = BotRunner(stage.run, stage.strategy, stage.writer, venue, stage.views)
    first, second = bars("BUY", "HOLD")
    with pytest.raises(VenueUnavailableError, match="may be at paper or not: no"):
        runner.on_bar(first)
    runner.on_bar(first)
    runner.on_bar(second)
    (order,) = stage.views.orders(OrderFilter()).items
    assert order.status == "filled"
