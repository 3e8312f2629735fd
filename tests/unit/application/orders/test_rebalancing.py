"""Rebalancing: the plan first, then all of its orders or none, and only if it is still the plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.builders import limits
from tests.unit.application.orders.trader import USD, Trader, trading
from traderbot.application.commands.halting import HaltTrading
from traderbot.application.commands.rebalance import (
    PlanChangedError,
    PlanRefusedError,
    Rebalance,
    RebalancingView,
    Target,
)
from traderbot.application.errors import NoReferencePriceError
from traderbot.domain.risk.trading_state import Scope, ScopeKind
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import symbol

CLOSES = {"IBM": "150", "AAPL": "200", "MSFT": "400", "BTC/EUR": "50000"}


@pytest.fixture
def trader() -> Iterator[Trader]:
    with trading(closes=CLOSES) as one:
        yield one


def _rebalance(trader: Trader, plan: str | None = None, **targets: str) -> RebalancingView:
    wanted = tuple(Target(symbol(code), Decimal(weight)) for code, weight in targets.items())
    command = Rebalance(
        owner_id=trader.owned.owner, portfolio_id=trader.owned.id, targets=wanted, plan=plan
    )
    return trader.desk.run(command)


def _buy(trader: Trader, code: str, quantity: str, price: str) -> None:
    order = trader.place(symbol_code=code, quantity=quantity, limit_price=price)
    trader.fill(order, quantity, price=price)


def test_a_plan_shows_the_orders_and_records_nothing(trader: Trader) -> None:
    before, events = trader.portfolio(), trader.orders()
    plan = _rebalance(trader, IBM="0.3", AAPL="0.2")
    assert [(it.side, it.quantity, it.symbol, it.reference) for it in plan.orders] == [
        ("buy", "100", "AAPL", "200"),
        ("buy", "200", "IBM", "150"),
    ]
    assert {it.verdict for it in plan.orders} == {"approved"}
    assert plan.weights == {"AAPL": "0.2", "IBM": "0.3"}
    assert (plan.executed, plan.working, plan.unreached) == (False, 0, ())
    assert (trader.portfolio(), trader.orders()) == (before, events)


def test_a_plan_is_carried_out_by_its_digest(trader: Trader) -> None:
    plan = _rebalance(trader, IBM="0.3", AAPL="0.2")
    done = _rebalance(trader, plan.digest, IBM="0.3", AAPL="0.2")
    assert done.executed
    assert {it.order_id for it in done.orders} == {it.order_id for it in trader.orders()}
    assert {it.status for it in trader.orders()} == {"approved"}
    bare = tuple(replace(it, order_id=None) for it in done.orders)
    assert replace(done, orders=bare, executed=False) == plan


def test_carried_out_and_filled_there_is_nothing_more_to_do(trader: Trader) -> None:
    plan = _rebalance(trader, IBM="0.3", AAPL="0.2")
    _rebalance(trader, plan.digest, IBM="0.3", AAPL="0.2")
    for order in trader.orders():
        trader.fill(order, order.quantity, price=CLOSES[order.symbol])
    again = _rebalance(trader, IBM="0.3", AAPL="0.2")
    assert (again.orders, again.unreached) == ((), ())


def test_a_plan_that_is_another_one_by_now_is_not_carried_out(trader: Trader) -> None:
    plan = _rebalance(trader, IBM="0.3")
    trader.desk.deposit(trader.owned, "1000 USD")
    with pytest.raises(PlanChangedError):
        _rebalance(trader, plan.digest, IBM="0.3")
    assert trader.orders() == []


def test_carried_out_once_it_is_not_carried_out_again(trader: Trader) -> None:
    plan = _rebalance(trader, IBM="0.3")
    _rebalance(trader, plan.digest, IBM="0.3")
    with pytest.raises(PlanChangedError):
        _rebalance(trader, plan.digest, IBM="0.3")
    assert len(trader.orders()) == 1


def test_when_the_gate_refuses_one_order_none_is_placed(trader: Trader) -> None:
    plan = _rebalance(trader, IBM="0.3", AAPL="0.2")
    trader.desk.run(HaltTrading(scope=Scope(ScopeKind.SYSTEM), reason="a test"))
    refused = _rebalance(trader, IBM="0.3", AAPL="0.2")
    assert {it.verdict for it in refused.orders} == {"refused"}
    assert refused.orders[0].reasons[0].code == "TRADING_HALTED"
    assert refused.is_refused
    assert refused.digest != plan.digest
    with pytest.raises(PlanRefusedError, match="buy 100 AAPL: TRADING_HALTED"):
        _rebalance(trader, refused.digest, IBM="0.3", AAPL="0.2")
    assert trader.orders() == []


def test_one_refused_order_is_enough() -> None:
    within = replace(
        limits(order_notional_fraction="1", order_notional_max="1000000", fee_bps="0"),
        symbols=("IBM",),
    )
    with trading(within=within, closes=CLOSES) as trader:
        plan = _rebalance(trader, IBM="0.3", AAPL="0.2")
        assert [it.verdict for it in plan.orders] == ["refused", "approved"]
        with pytest.raises(PlanRefusedError):
            _rebalance(trader, plan.digest, IBM="0.3", AAPL="0.2")
        assert trader.orders() == []
        assert trader.portfolio().cash_in(USD).reserved.amount == 0


def test_a_buy_that_needs_the_money_of_a_sell_waits_for_it() -> None:
    with trading(cash="30000 USD", closes=CLOSES) as trader:
        _buy(trader, "IBM", "199", "150")
        plan = _rebalance(trader, IBM="0.1", AAPL="0.8")
        assert [(it.side, it.symbol, it.verdict) for it in plan.orders] == [
            ("sell", "IBM", "approved"),
            ("buy", "AAPL", "later"),
        ]
        assert plan.orders[1].reasons[0].code == "INSUFFICIENT_FUNDS"
        done = _rebalance(trader, plan.digest, IBM="0.1", AAPL="0.8")
        assert [it.order_id is None for it in done.orders] == [False, True]
        sell = trader.orders()[-1]
        trader.fill(sell, sell.quantity, price="150")
        then = _rebalance(trader, IBM="0.1", AAPL="0.8")
        assert [(it.side, it.symbol, it.verdict) for it in then.orders] == [
            ("buy", "AAPL", "approved")
        ]


def test_what_one_order_may_not_reach_is_said() -> None:
    with trading(within=limits(), closes=CLOSES) as trader:
        plan = _rebalance(trader, IBM="0.4")
        ((missing,), (order,)) = plan.unreached, plan.orders
        assert (missing.symbol, missing.why, missing.target) == ("IBM", "ORDER_LIMIT", "0.4")
        assert order.verdict == "approved"
        assert Decimal(order.notional) <= 10_000


def test_nothing_is_sold_because_it_was_forgotten(trader: Trader) -> None:
    _buy(trader, "MSFT", "10", "400")
    with pytest.raises(InvalidValueError, match="MSFT=0 sells it"):
        _rebalance(trader, IBM="0.3")
    plan = _rebalance(trader, IBM="0.3", MSFT="0")
    assert [(it.side, it.symbol, it.quantity) for it in plan.orders] == [
        ("sell", "MSFT", "10"),
        ("buy", "IBM", "200"),
    ]


def test_what_is_in_another_currency_is_left_alone(trader: Trader) -> None:
    trader.desk.deposit(trader.owned, "100000 EUR")
    _buy(trader, "BTC/EUR", "1", "50000")
    assert [it.symbol for it in _rebalance(trader, IBM="0.3").orders] == ["IBM"]
    with pytest.raises(InvalidValueError, match="not in EUR, USD"):
        _rebalance(trader, **{"IBM": "0.3", "BTC/EUR": "0.1"})


def test_a_short_position_has_to_be_closed_first(trader: Trader) -> None:
    order = trader.place(symbol_code="MSFT", side="sell", quantity="10", limit_price="400")
    trader.fill(order, "10", price="400")
    with pytest.raises(InvalidValueError, match="MSFT is held short"):
        _rebalance(trader, IBM="0.3", MSFT="0")


def test_a_symbol_without_a_price_makes_no_plan(trader: Trader) -> None:
    with pytest.raises(NoReferencePriceError, match="GOOG"):
        _rebalance(trader, GOOG="0.3")


def test_a_plan_has_at_least_one_target(trader: Trader) -> None:
    with pytest.raises(InvalidValueError, match="at least one target"):
        _rebalance(trader)


def test_orders_that_work_already_are_told_of(trader: Trader) -> None:
    trader.place(symbol_code="IBM", quantity="1", limit_price="100")
    assert _rebalance(trader, IBM="0.3").working == 1
