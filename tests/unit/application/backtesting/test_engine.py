"""Beside the plain case: exits, shorts, shared cash, and strategies that fail."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.walks import walk
from traderbot.application.backtesting.engine import OPERATOR
from traderbot.application.backtesting.windows import TapeWatcher
from traderbot.application.commands.record_fill import RecordFill
from traderbot.backtesting import (
    UNLIMITED,
    AtEnd,
    BacktestResult,
    BacktestSpec,
    FillModel,
    InvalidBacktestError,
    Sizing,
    SizingRule,
    Slippage,
    SlippageKind,
    Tape,
    Trader,
    heard_of,
    run,
)
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.orders.ticket import Fill, Side
from traderbot.domain.shared.ids import FillId
from traderbot.domain.shared.values import USD, Money, Price, Quantity, currency, symbol
from traderbot.domain.strategies.further import Wanted
from traderbot.domain.strategies.signal_strategy import SignalStrategy
from traderbot.domain.strategies.watching import WindowWatcher
from traderbot.strategies import BaseStrategy

START = datetime(2024, 1, 1, tzinfo=UTC)
TEN = Sizing(rule=SizingRule.FIXED, amount=Decimal(10))
FREE = FillModel(
    maker_fee_bps=Decimal(0), taker_fee_bps=Decimal(0), slippage=Slippage(SlippageKind.NONE)
)


class Says(BaseStrategy):
    """Says what it is told to, by the number of the bar."""

    name = "SAYS"
    window = 1000

    def __init__(self, script: Mapping[int, str]) -> None:
        self.script = script

    def parameters(self) -> Mapping[str, str]:
        return {"script": repr(self.script)}

    def execute(self, ticker_data: Any, context: Any) -> Any:
        del context
        signal = self.script.get(len(ticker_data["closes"]) - 1, "HOLD")
        return {"signal": signal, "confidence": 1.0, "reason": "it is written"}


class Does(Says):
    """Does something on one bar."""

    name = "DOES"

    def __init__(self, on: int, what: Callable[[], Any]) -> None:
        super().__init__({1: "BUY"})
        self.on, self.what = on, what

    def parameters(self) -> Mapping[str, str]:
        return {"on": str(self.on)}

    def execute(self, ticker_data: Any, context: Any) -> Any:
        if len(ticker_data["closes"]) - 1 == self.on:
            return self.what()
        return super().execute(ticker_data, context)


def bars(prices: Sequence[str], code: str = "AAPL", volume: str = "1000") -> Tape:
    """Return hourly bars, each `open high low close` in one text."""
    rows = [each.split() for each in prices]
    columns = {
        name: [row[place] for row in rows]
        for place, name in enumerate(("open", "high", "low", "close"))
    }
    at = [START + timedelta(hours=number) for number in range(len(rows))]
    return Tape.of_columns(
        symbol(code), Timeframe.H1, at, {**columns, "volume": [volume] * len(rows)}
    )


def flat(count: int, price: str = "100") -> list[str]:
    return [f"{price} {price} {price} {price}"] * count


def spec(tape: Tape, strategy: BaseStrategy, sizing: Sizing = TEN, **more: Any) -> BacktestSpec:
    given = {"cash": (Money("10000", "USD"),), "model": FREE, "limits": UNLIMITED, **more}
    trader = Trader(strategy=strategy, tape=tape, sizing=sizing)
    return BacktestSpec(traders=(trader,), **given)


def figures(result: BacktestResult) -> list[tuple[str, str, str, str]]:
    """Return side, quantity, entry and exit of each closed trade."""
    return [
        (it.side.value, str(it.quantity), str(it.entry_price), str(it.exit_price))
        for it in result.trades
    ]


def test_a_stop_that_the_market_opens_beyond_fills_at_the_open() -> None:
    tape = bars([*flat(4), "90 91 89 90", *flat(3, "90")])
    sizing = replace(TEN, stop_loss=Decimal("0.05"))
    result = run(spec(tape, Says({1: "BUY"}), sizing))
    assert figures(result) == [("buy", "10", "100", "90")]
    assert str(result.final_equity) == "9900 USD"


def test_a_stop_that_the_market_reaches_fills_at_the_stop() -> None:
    tape = bars([*flat(4), "99 99 94 96", *flat(3, "96")])
    result = run(spec(tape, Says({1: "BUY"}), replace(TEN, stop_loss=Decimal("0.05"))))
    assert figures(result) == [("buy", "10", "100", "95")]


def test_a_take_profit_fills_at_its_limit_and_takes_its_stop_along() -> None:
    tape = bars([*flat(4), "101 111 101 105", *flat(3, "80")])
    sizing = replace(TEN, stop_loss=Decimal("0.05"), take_profit=Decimal("0.1"))
    result = run(spec(tape, Says({1: "BUY"}), sizing))
    assert figures(result) == [("buy", "10", "100", "110")]
    assert {it.status for it in result.orders} == {"filled", "canceled"}


def test_when_one_bar_reaches_both_the_stop_is_what_happens() -> None:
    tape = bars([*flat(4), "100 120 90 100", *flat(3)])
    sizing = replace(TEN, stop_loss=Decimal("0.05"), take_profit=Decimal("0.1"))
    result = run(spec(tape, Says({1: "BUY"}), sizing))
    assert figures(result) == [("buy", "10", "100", "95")]


def test_a_sell_signal_takes_the_exits_back_before_it_sells() -> None:
    tape = bars(flat(10))
    sizing = replace(TEN, stop_loss=Decimal("0.05"), take_profit=Decimal("0.1"))
    result = run(spec(tape, Says({1: "BUY", 5: "SELL"}), sizing))
    assert figures(result) == [("buy", "10", "100", "100")]
    assert sorted(it.status for it in result.orders) == [
        "canceled",
        "canceled",
        "filled",
        "filled",
    ]
    assert not result.open_units


def test_an_order_that_takes_a_tenth_of_each_bar_fills_over_several() -> None:
    tape = bars([*flat(2), "100 100 100 100", "101 101 101 101", *flat(3, "102")], volume="50")
    model = replace(FREE, participation=Decimal("0.1"))
    result = run(spec(tape, Says({1: "BUY"}), model=model))
    bought = [(str(it.quantity), str(it.price)) for it in result.traded]
    assert bought == [("5", "100"), ("5", "101")]
    assert result.open_units == {"AAPL": Decimal(10)}


def test_an_order_meets_no_bar_that_opens_before_its_latency_is_over() -> None:
    tape = bars([*flat(2), *flat(1, "100"), *flat(1, "101"), *flat(2, "102")])
    model = replace(FREE, latency=timedelta(minutes=30))
    result = run(spec(tape, Says({1: "BUY"}), model=model))
    assert [str(it.price) for it in result.traded] == ["101"]


def test_a_sell_signal_opens_a_short_position_where_that_is_wanted() -> None:
    tape = bars([*flat(3), *flat(3, "90"), *flat(2, "80")])
    result = run(spec(tape, Says({1: "SELL", 5: "BUY"}), replace(TEN, short=True)))
    assert figures(result) == [("sell", "10", "100", "80")]
    assert result.trades[0].profit == Decimal(200)
    assert str(result.final_equity) == "10200 USD"


def test_borrowing_costs_by_the_close_of_every_bar() -> None:
    tape = bars(flat(6))
    result = run(spec(tape, Says({1: "SELL"}), replace(TEN, short=True), borrow_bps=Decimal(876)))
    # 1,000 dollars at 8.76 % a year are a cent an hour, and it is borrowed for four bars.
    assert str(result.borrowed) == "0.04 USD"
    assert str(result.final_equity) == "9999.96 USD"


def test_a_margin_call_ends_the_run_and_says_why() -> None:
    tape = bars([*flat(3), *flat(3, "150"), *flat(4, "190"), *flat(3, "100")])
    sizing = Sizing(rule=SizingRule.FIXED, amount=Decimal(45), short=True)
    result = run(spec(tape, Says({1: "SELL"}), sizing, cash=(Money("5000", "USD"),)))
    assert result.ended.startswith("margin call: equity")
    assert len(result.at) == 7
    assert result.open_units == {"AAPL": Decimal(-45)}


def test_cash_below_zero_is_the_end() -> None:
    tape = bars([*flat(2), *flat(5, "200")])
    sizing = Sizing(rule=SizingRule.FIXED, amount=Decimal(99))
    result = run(spec(tape, Says({1: "BUY"}), sizing))
    assert result.ended.startswith("insolvent: -9800 USD")
    assert len(result.at) == 3


def test_two_assets_share_one_cash() -> None:
    first, second = bars(flat(6)), bars(flat(6, "50"), code="MSFT")
    both = BacktestSpec(
        traders=(
            Trader(strategy=Says({1: "BUY"}), tape=first, sizing=replace(TEN, amount=Decimal(60))),
            Trader(strategy=Says({1: "BUY"}), tape=second, sizing=replace(TEN, amount=Decimal(90))),
        ),
        cash=(Money("10000", "USD"),),
        model=FREE,
        limits=UNLIMITED,
    )
    result = run(both)
    # 6,000 are set aside for the one; 4,500 for the other are more than what is left.
    assert result.open_units == {"AAPL": Decimal(60)}
    (refused,) = result.rejected
    assert [it.code for it in refused.reasons] == ["INSUFFICIENT_FUNDS"]
    assert result.blocked == {"INSUFFICIENT_FUNDS": 1}


def test_what_is_held_at_the_end_is_closed_at_the_last_open_if_that_is_asked_for() -> None:
    tape = bars([*flat(4), "110 120 110 120"])
    sizing = replace(TEN, stop_loss=Decimal("0.05"))
    result = run(spec(tape, Says({1: "BUY"}), sizing, at_end=AtEnd.CLOSE))
    assert figures(result) == [("buy", "10", "100", "110")]


def hang() -> None:
    while True:
        time.sleep(0.01)


def fail() -> None:
    msg = "no idea"
    raise ValueError(msg)


@pytest.mark.parametrize(
    ("what", "code", "reason"),
    [
        (fail, "STRATEGY_FAILED", "ValueError: no idea"),
        (hang, "STRATEGY_HANGS", "no answer within 0.2 seconds"),
        (lambda: "BUY", "STRATEGY_ANSWER", "execute returned 'BUY'"),
        (lambda: {"signal": "MAYBE", "confidence": 1, "reason": ""}, "STRATEGY_ANSWER", "'MAYBE'"),
    ],
    ids=["raises", "hangs", "no dictionary", "another signal"],
)
def test_a_strategy_that_gives_no_answer_is_stopped_and_the_others_go_on(
    what: Callable[[], Any], code: str, reason: str
) -> None:
    first, second = bars(flat(8)), bars(flat(8), code="MSFT")
    both = replace(
        spec(first, Does(4, what)),
        traders=(
            Trader(strategy=Does(4, what), tape=first, sizing=TEN),
            Trader(strategy=Says({5: "BUY"}), tape=second, sizing=TEN),
        ),
    )
    result = run(both, seconds=0.2)
    (stopped,) = result.stopped
    assert stopped.bar_at == START + timedelta(hours=4)
    assert reason in stopped.reason
    assert stopped.code == code
    assert result.open_units == {"AAPL": Decimal(10), "MSFT": Decimal(10)}
    (bot,) = (it for it in result.played.room.bots.states.values() if it.symbol.code == "AAPL")
    assert bot.status.value == "stopped"
    assert bot.decisions == 4


def test_a_strategy_that_fails_alone_is_stopped_with_its_reason() -> None:
    result = run(spec(bars(flat(8)), Does(4, fail)))
    assert [it.code for it in result.stopped] == ["STRATEGY_FAILED"]
    assert [it.side for it in result.traded] == [Side.BUY]


class Daily(SignalStrategy):
    """Buys while the last known daily close is above 100."""

    name = "DAILY"
    also = (Wanted("daily", timeframe="1d"),)
    lookback = 1

    def signals(self, features: Any) -> Any:
        return [1 if value > 100 else 0 for value in features["daily.close"]]


def test_a_further_series_is_seen_when_it_is_known_and_not_before() -> None:
    hours = bars(flat(60))
    days = Tape.of_columns(
        symbol("AAPL"),
        Timeframe.D1,
        [START, START + timedelta(days=1)],
        {
            **{name: [100, 101] for name in ("open", "close")},
            "high": [102, 102],
            "low": [99, 99],
            "volume": [1, 1],
        },
    )
    trader = Trader(strategy=Daily(), tape=hours, sizing=TEN, further={"daily": heard_of(days)})
    result = run(replace(spec(hours, Says({})), traders=(trader,)))
    # The second day closes with hour 47; what is decided then trades at the next open.
    assert result.traded[0].at == START + timedelta(hours=48)


def test_a_further_series_that_is_missing_is_named() -> None:
    with pytest.raises(InvalidBacktestError, match="DAILY wants the further series daily"):
        Trader(strategy=Daily(), tape=bars(flat(5)))


def test_a_fee_in_a_third_currency_is_booked_where_it_was_paid() -> None:
    result = run(spec(bars(flat(5)), Says({4: "BUY"})))
    room = result.played.room
    (order,) = room.orders.states.values()
    fill = Fill(
        id=FillId("paper:main:elsewhere"),
        at=START,
        quantity=Quantity(10),
        price=Price(100),
        fee=Money("0.002", "BNB"),
    )
    room.run(RecordFill(order_id=order.id, fill=fill, venue="paper"), OPERATOR)
    portfolio = room.portfolios.states[order.ticket.portfolio_id]
    assert str(portfolio.cash_in(USD).total) == "9000 USD"
    assert str(portfolio.cash_in(currency("BNB")).total) == "-0.002 BNB"


class Remembers(BaseStrategy):
    """Keeps what it was shown."""

    name = "REMEMBERS"

    def __init__(self, window: int | None = None) -> None:
        self.window = window
        self.shown: list[Any] = []

    def execute(self, ticker_data: Any, context: Any) -> Any:
        del context
        self.shown.append({**ticker_data})
        for name in ("opens", "closes", "ats"):
            ticker_data[name].reverse()  # whoever spoils its lists spoils no other call
        return {"signal": "HOLD", "confidence": 0.0, "reason": ""}


@pytest.mark.parametrize("window", [1, 3, 40, None])
def test_a_strategy_is_shown_what_a_bot_would_show_it(window: int | None) -> None:
    hours = walk(30)
    context: Any = {"timeframe": "1h", "user_id": "", "bot_run_id": ""}
    played, live = Remembers(window), Remembers(window)
    for strategy, watcher in (
        (played, TapeWatcher(played, hours, context)),
        (live, WindowWatcher(live, "WALK", context)),
    ):
        for row in hours.rows:
            assert watcher.signal(row) == watcher.look(row).result["signal"] == "HOLD"
            watcher.keep(row)
        assert len(strategy.shown) == 60
    assert played.shown == live.shown


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"traders": ()}, "at least one strategy"),
        ({"cash": ()}, "cash to begin with"),
        ({"cash": (Money("0", "USD"),)}, "cash is above zero"),
        ({"cash": (Money("1", "USD"), Money("2", "USD"))}, "each currency once"),
        ({"cash": (Money("1", "EUR"),)}, "no cash in USD"),
        ({"borrow_bps": Decimal(-1)}, "borrow_bps is not below 0"),
    ],
)
def test_what_contradicts_itself_is_refused(wrong: Mapping[str, Any], reason: str) -> None:
    with pytest.raises(InvalidBacktestError, match=reason):
        replace(spec(bars(flat(5)), Says({})), **wrong)


def test_an_allocation_is_a_share() -> None:
    with pytest.raises(InvalidBacktestError, match="at most 1"):
        Trader(strategy=Says({}), tape=bars(flat(5)), allocation=Decimal(2))
