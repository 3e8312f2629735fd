"""What stops trading by itself: each condition, and the near miss that must not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.builders import (
    BOT_RUN_ID,
    NOON,
    a_fill,
    a_portfolio,
    a_ticket,
    after,
    an_order,
    later,
    trade,
)
from traderbot.domain.orders.order import Doubt, Order
from traderbot.domain.orders.ticket import Check
from traderbot.domain.portfolio.trading_memory import Traded
from traderbot.domain.risk.exposure import Circumstances, Exposure, Pace
from traderbot.domain.risk.limits import LIVE, Limits
from traderbot.domain.risk.review import measure
from traderbot.domain.risk.trading_state import ScopeKind, TradingState
from traderbot.domain.risk.triggers import (
    Stop,
    after_refusal,
    clock_unsafe,
    database_errors,
    gate_failed,
    handlers_behind,
    loss_streak,
    loss_trigger,
    negative_cash,
    overfilled,
    pool_exhausted,
    reconciliation_differs,
    reject_streak,
    stream_silent,
    unresolved,
)
from traderbot.domain.shared.values import USD, Price, symbol

SECOND, MICROSECOND = timedelta(seconds=1), timedelta(microseconds=1)
HALT, REDUCE = TradingState.HALTED, TradingState.REDUCING


def said(stop: Stop | None) -> tuple[TradingState, ScopeKind, str] | None:
    return None if stop is None else (stop.state, stop.scope, stop.cause)


def exposure(cash: str, lost: str, *, of_bot: bool = False, **within: Any) -> Exposure:
    portfolio = trade(a_portfolio(cash=cash), "buy", "100", "100")
    portfolio = trade(portfolio, "sell", "100", str(100 - Decimal(lost) / 100))
    around = Circumstances(at=NOON, pace=Pace((), 0) if of_bot else None)
    return measure(a_ticket(), portfolio, Price(100), Limits(**within), around)


def refused(code: str, where: Exposure) -> tuple[TradingState, ScopeKind, str] | None:
    return said(after_refusal([Check(code, "1", "2")], where))


# --- from the gate ----------------------------------------------------------------------------


def test_a_loss_reduces_and_a_larger_one_halts() -> None:
    limits: dict[str, Any] = {
        "daily_loss_reduce": Decimal("0.02"),
        "daily_loss_halt": Decimal("0.03"),
    }
    for lost, state in (("1500", REDUCE), ("1500.0000000000000001", HALT)):
        # 51500 less 1500 are 50000, and 3 % of it 1500
        stop = refused("DAILY_LOSS_MAX", exposure("51500 USD", lost, **limits))
        assert stop == (state, ScopeKind.PORTFOLIO, "DAILY_LOSS_MAX")


@pytest.mark.parametrize(
    ("code", "of_bot", "expected"),
    [
        ("DRAWDOWN_MAX", False, (HALT, ScopeKind.PORTFOLIO, "DRAWDOWN_MAX")),
        ("CHILD_EXCEEDS_PARENT", False, (HALT, ScopeKind.PORTFOLIO, "CHILD_EXCEEDS_PARENT")),
        ("STRATEGY_REPEAT_MAX", True, (HALT, ScopeKind.BOT, "STRATEGY_REPEAT_MAX")),
        ("PRICE_COLLAR_CUMULATIVE", True, (REDUCE, ScopeKind.BOT, "PRICE_COLLAR_CUMULATIVE")),
        (
            "PRICE_COLLAR_CUMULATIVE",
            False,
            (REDUCE, ScopeKind.PORTFOLIO, "PRICE_COLLAR_CUMULATIVE"),
        ),
        ("ORDER_NOTIONAL_MAX", False, None),
        ("INSUFFICIENT_FUNDS", True, None),
        ("MESSAGE_RATE", False, None),
        ("TRADING_HALTED", False, None),
    ],
)
def test_some_refusals_stop_more_than_the_order(
    code: str, of_bot: bool, expected: tuple[TradingState, ScopeKind, str] | None
) -> None:
    assert refused(code, exposure("100000 USD", "0", of_bot=of_bot)) == expected


def test_of_several_refusals_the_strictest_counts() -> None:
    where = exposure("100000 USD", "0", of_bot=True)
    checks = [Check("PRICE_COLLAR_CUMULATIVE", "1", "2"), Check("DRAWDOWN_MAX", "1", "2")]
    assert said(after_refusal(checks, where)) == (HALT, ScopeKind.PORTFOLIO, "DRAWDOWN_MAX")


def test_a_gate_that_raises_halts_the_portfolio() -> None:
    assert said(gate_failed(ZeroDivisionError())) == (HALT, ScopeKind.PORTFOLIO, "GATE_FAILED")


# --- from what venues say ---------------------------------------------------------------------


def _filled(quantity: str) -> Order:
    order = an_order(quantity="10")
    return after(order, order.record_fill(a_fill(quantity=quantity)))


def test_more_traded_than_asked_halts_and_all_of_it_does_not() -> None:
    assert overfilled(_filled("10")) is None
    assert said(overfilled(_filled("10.000000000000000001"))) == (
        HALT,
        ScopeKind.PORTFOLIO,
        "OVERFILL",
    )


def test_cash_below_zero_halts_and_none_left_does_not() -> None:
    assert negative_cash(trade(a_portfolio(cash="1000 USD"), "buy", "10", "100"), USD) is None
    short = trade(a_portfolio(cash="999.999999999999999999 USD"), "buy", "10", "100")
    assert said(negative_cash(short, USD)) == (HALT, ScopeKind.PORTFOLIO, "NEGATIVE_CASH")


def _rejected(seconds: int) -> Order:
    order = an_order()
    at = NOON + timedelta(seconds=seconds)
    return after(order, order.reject("NO", "no", at=at))


@pytest.mark.parametrize(
    ("first", "count", "is_too_much"), [(1, 5, True), (0, 5, False), (1, 4, False)]
)
def test_five_refusals_of_the_venue_in_a_minute_reduce(
    first: int, count: int, is_too_much: bool
) -> None:
    orders = [_rejected(first), *(_rejected(59) for _ in range(count - 1)), an_order()]
    found = said(reject_streak(orders, LIVE, NOON + timedelta(seconds=60)))
    assert found == ((REDUCE, ScopeKind.PORTFOLIO, "REJECT_STREAK") if is_too_much else None)
    assert reject_streak(orders, Limits(), NOON) is None


def _doubtful(since: timedelta) -> Order:
    order = an_order()
    order = after(order, order.submit("paper", "main", at=NOON))
    order = after(order, order.lose_sight("timeout", at=NOON))
    return replace(order, doubt=Doubt(since=NOON - since))


@pytest.mark.parametrize(
    ("count", "age", "is_too_much"),
    [
        (4, timedelta(seconds=60), False),
        (5, timedelta(0), True),
        (1, timedelta(seconds=60) + MICROSECOND, True),
        (0, timedelta(0), False),
    ],
)
def test_orders_nobody_knows_the_state_of_reduce(
    count: int, age: timedelta, is_too_much: bool
) -> None:
    orders = [an_order(), *(_doubtful(age) for _ in range(count))]
    found = said(unresolved(orders, NOON))
    assert found == ((REDUCE, ScopeKind.PORTFOLIO, "UNRESOLVED_ORDERS") if is_too_much else None)


def test_fills_may_lose_too_much() -> None:
    limits = Limits(
        daily_loss_reduce=Decimal("0.02"),
        daily_loss_halt=Decimal("0.03"),
        drawdown_max=Decimal("0.04"),
    )
    for cash, lost, expected in (
        ("51000 USD", "1000", None),
        ("51000 USD", "1000.0000000000000001", (REDUCE, "DAILY_LOSS_MAX")),
        ("51500 USD", "1500", (REDUCE, "DAILY_LOSS_MAX")),
        ("51500 USD", "1500.0000000000000001", (HALT, "DAILY_LOSS_MAX")),
        ("52000 USD", "2000", (HALT, "DAILY_LOSS_MAX")),
        ("52000 USD", "2000.0000000000000001", (HALT, "DRAWDOWN_MAX")),
    ):
        portfolio = exposure(cash, lost).portfolio
        stop = loss_trigger(portfolio, USD, limits, NOON)
        assert (None if stop is None else (stop.state, stop.cause)) == expected
        assert loss_trigger(portfolio, USD, Limits(), NOON) is None


def test_a_profit_given_back_is_a_drawdown() -> None:
    portfolio = trade(a_portfolio(cash="10000 USD"), "buy", "100", "100")
    portfolio = trade(portfolio, "sell", "50", "200")  # 5000 booked, and 5000 floating
    portfolio = trade(portfolio, "sell", "50", "100", at=later(60 * 24))  # 5000 given back
    limits = Limits(drawdown_max=Decimal("0.3"))
    stop = loss_trigger(portfolio, USD, limits, later(60 * 24))
    assert said(stop) == (HALT, ScopeKind.PORTFOLIO, "DRAWDOWN_MAX")
    assert loss_trigger(portfolio, USD, limits, later(60 * 24 * 32)) is None


@pytest.mark.parametrize(
    ("count", "age", "is_too_much"),
    [
        (4, timedelta(hours=24) - MICROSECOND, True),
        (4, timedelta(hours=24), False),
        (3, timedelta(0), False),
    ],
)
def test_four_losses_in_24_bars_reduce_the_bot(
    count: int, age: timedelta, is_too_much: bool
) -> None:
    lost = Traded(NOON - age, symbol("AAPL"), Decimal(1), True, BOT_RUN_ID)
    won = replace(lost, lost=False)
    by_hand = replace(lost, bot_run_id=None)
    fills = [*[lost] * count, *[won] * 9, *[by_hand] * 9]
    found = said(loss_streak(fills, BOT_RUN_ID, timedelta(hours=1), LIVE, NOON))
    assert found == ((REDUCE, ScopeKind.BOT, "LOSS_STREAK") if is_too_much else None)
    assert loss_streak(fills, BOT_RUN_ID, timedelta(hours=1), Limits(), NOON) is None


# --- for the trading desk ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stop", "expected"),
    [
        (clock_unsafe(SECOND), None),
        (clock_unsafe(-SECOND), None),
        (clock_unsafe(SECOND + MICROSECOND), (REDUCE, ScopeKind.SYSTEM, "CLOCK_UNSAFE")),
        (clock_unsafe(-5 * SECOND), (REDUCE, ScopeKind.SYSTEM, "CLOCK_UNSAFE")),
        (clock_unsafe(-5 * SECOND - MICROSECOND), (HALT, ScopeKind.SYSTEM, "CLOCK_UNSAFE")),
        (stream_silent(30 * SECOND, 1), None),
        (stream_silent(60 * SECOND, 0), None),
        (stream_silent(30 * SECOND + MICROSECOND, 1), (REDUCE, ScopeKind.VENUE, "STREAM_SILENT")),
        (database_errors(10, 100), None),
        (database_errors(11, 100), (REDUCE, ScopeKind.SYSTEM, "DATABASE_ERRORS")),
        (database_errors(19, 19), None),
        (handlers_behind(10 * SECOND), None),
        (handlers_behind(10 * SECOND + MICROSECOND), (REDUCE, ScopeKind.SYSTEM, "HANDLERS_BEHIND")),
        (pool_exhausted(10 * SECOND), None),
        (pool_exhausted(10 * SECOND + MICROSECOND), (REDUCE, ScopeKind.SYSTEM, "POOL_EXHAUSTED")),
        (reconciliation_differs(Decimal(1), 2), None),
        (reconciliation_differs(Decimal(100), 1), None),
        (reconciliation_differs(Decimal("-1.01"), 2), (HALT, ScopeKind.VENUE, "RECONCILIATION")),
    ],
)
def test_each_condition_and_its_near_miss(
    stop: Stop | None, expected: tuple[TradingState, ScopeKind, str] | None
) -> None:
    assert said(stop) == expected
