"""A run held against its backtest: what is found, and that the causes add up to the difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import BOT_RUN_ID, NOON, PORTFOLIO_ID, USER_ID, a_bar
from traderbot.application.bots.parity import parity
from traderbot.application.bots.parity_report import NoParityError, ParityReport, RunOrder, RunStory
from traderbot.application.observing import Observer
from traderbot.domain.bots.bot_run import BotRun
from traderbot.domain.bots.events import BotEvent, BotParametersChanged, BotStarted
from traderbot.domain.bots.sizing import Sized
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.orders.ticket import Fill, OrderKind, Side, Ticket
from traderbot.domain.shared.ids import FillId, OrderId
from traderbot.domain.shared.values import Money, Price, Quantity, symbol
from traderbot.domain.simulation.fill_model import FillModel
from traderbot.domain.strategies.strategy import (
    BaseStrategy,
    StrategyContext,
    StrategyResult,
    TickerData,
)

AAPL = symbol("AAPL")
ORDER = OrderId("0192f0c1-0000-7000-8000-000000000077")
MODEL = FillModel()


class Rising(BaseStrategy):
    """Buys on a close above a level."""

    window = 2

    def __init__(self, level: int = 100) -> None:
        self.level = level

    def execute(self, ticker_data: TickerData, context: StrategyContext) -> StrategyResult:
        above = ticker_data["closes"][-1] > self.level
        said = context["timeframe"]
        return {"signal": "BUY" if above else "HOLD", "confidence": 0.5, "reason": said}


def strategies(name: str, parameters: Mapping[str, str]) -> BaseStrategy:
    assert name == "RISING"
    return Rising(int(parameters.get("level", "100")))


def the_bars(count: int = 6) -> list[Bar]:
    return [
        a_bar(at=NOON + timedelta(hours=number), close=str(99 + number % 4), volume="1000")
        for number in range(count)
    ]


def started(*, first: Bar | None = None) -> BotStarted:
    return BotStarted(
        bot_run_id=BOT_RUN_ID,
        at=NOON,
        owner_id=USER_ID,
        portfolio_id=PORTFOLIO_ID,
        strategy="RISING",
        parameters={},
        symbol=AAPL,
        timeframe=Timeframe.H1,
        allocation=Decimal("0.1"),
        first_bar_at=None if first is None else first.at,
    )


def a_run(
    bars: Sequence[Bar], *, history: int = 0, change: tuple[int, str] | None = None
) -> list[BotEvent]:
    """Return what a run over these bars records, without orders."""
    begun = started(first=bars[0] if history else None)
    run = BotRun.begin(begun)
    events: list[BotEvent] = [begun]
    eyes = Observer(BOT_RUN_ID, USER_ID, "1h", strategies("RISING", {}))
    for number, bar in enumerate(bars):
        if change is not None and number == change[0]:
            (changed,) = run.change_parameters({"level": change[1]}, "so", at=bar.at)
            assert isinstance(changed, BotParametersChanged)
            events.append(changed)
            run = run.apply(changed)
            eyes = Observer(BOT_RUN_ID, USER_ID, "1h", strategies("RISING", changed.parameters))
            for before in bars[:number]:
                eyes.keep(before)
        if number >= history:
            (decided,) = run.decide(eyes.look(bar), Sized(blocking_code="NO_SIGNAL"))
            events.append(decided)
            run = run.apply(decided)
        eyes.keep(bar)
    return events


def ask(events: Sequence[BotEvent], bars: Sequence[Bar], *orders: RunOrder) -> ParityReport:
    story = RunStory(events=events, orders={it.order_id: it for it in orders})
    return parity(story, bars, MODEL, strategies, lambda _done, _all: None)


@pytest.mark.parametrize("history", [0, 2])
def test_a_run_that_did_what_a_backtest_does_is_equal(history: int) -> None:
    bars = the_bars()
    found = ask(a_run(bars, history=history), bars)
    assert found.equal
    assert (found.decisions, found.difference) == (len(bars) - history, "0")


def test_changed_parameters_count_from_the_bar_on_at_which_they_were_changed() -> None:
    bars = the_bars()
    events = a_run(bars, change=(3, "1000"))
    assert ask(events, bars).equal
    without = [it for it in events if not isinstance(it, BotParametersChanged)]
    found = ask(without, bars)
    assert {it.cause for it in found.decision_differences} == {"strategy"}


def test_a_bar_that_is_another_one_now_is_told_once_and_by_name() -> None:
    bars = the_bars()
    other = [*bars[:3], a_bar(at=bars[3].at, close="101", volume="1001"), *bars[4:]]
    found = ask(a_run(bars), other)
    data = [it for it in found.decision_differences if it.what == "bar"]
    assert [(it.bar_at, it.cause) for it in data] == [(bars[3].at, "data")]


def test_a_missing_bar_is_no_ground_for_an_answer() -> None:
    bars = the_bars()
    with pytest.raises(NoParityError, match="data import"):
        ask(a_run(bars), bars[:-1])


def an_order(side: Side, quantity: str, *fills: Fill, by_hand: bool = False) -> RunOrder:
    ticket = Ticket(
        portfolio_id=PORTFOLIO_ID,
        symbol=AAPL,
        side=side,
        quantity=Quantity(quantity),
        kind=OrderKind.MARKET,
    )
    return RunOrder(
        order_id=ORDER,
        ticket=ticket,
        placed_at=NOON + timedelta(hours=1),
        fills=fills,
        canceled_by_hand=by_hand,
    )


def a_fill(number: int, quantity: str, price: str, fee: str, hours: int = 1) -> Fill:
    return Fill(
        id=FillId(f"paper:main:{number}"),
        at=NOON + timedelta(hours=hours),
        quantity=Quantity(quantity),
        price=Price(price),
        fee=Money(fee, "USD"),
    )


@given(
    side=st.sampled_from(Side),
    fills=st.lists(
        st.tuples(
            st.integers(1, 70).map(lambda it: str(Decimal(it) / 10)),
            st.integers(9000, 11000).map(lambda it: str(Decimal(it) / 100)),
            st.integers(0, 300).map(lambda it: str(Decimal(it) / 100)),
            st.integers(1, 5),
        ),
        max_size=4,
    ),
    by_hand=st.booleans(),
)
def test_the_causes_add_up_to_the_difference_to_the_last_digit(
    side: Side, fills: list[tuple[str, str, str, int]], by_hand: bool
) -> None:
    bars = the_bars()
    order = an_order(
        side,
        "10",
        *(a_fill(number, *fill) for number, fill in enumerate(fills)),
        by_hand=by_hand,
    )
    found = ask(a_run(bars), bars, order)
    causes = sum((Decimal(it) for it in found.causes.values()), Decimal(0))
    assert causes == Decimal(found.difference)
    assert Decimal(found.recorded) - Decimal(found.replayed) == Decimal(found.difference)
    assert found.equal is not bool(found.order_differences)


def test_each_cause_has_its_own_name() -> None:
    bars = the_bars()

    def causes(*fills: Fill, by_hand: bool = False) -> Mapping[str, str]:
        order = an_order(Side.BUY, "10", *fills, by_hand=by_hand)
        return ask(a_run(bars), bars, order).causes

    # A backtest fills ten at the open of one o'clock, 100.05 with slippage, and takes 1.0005.
    assert causes(a_fill(1, "10", "100.05", "1.0005")) == {}
    assert causes(a_fill(1, "10", "100.05", "2.0005")) == {"fee": "-1"}
    assert causes(a_fill(1, "10", "100.15", "1.0005")) == {"fill_price": "-1"}
    assert set(causes(a_fill(1, "4", "100.05", "0.4002"))) == {"partial", "fee"}
    assert set(causes(a_fill(1, "4", "100.05", "0.4002"), by_hand=True)) == {"manual", "fee"}
