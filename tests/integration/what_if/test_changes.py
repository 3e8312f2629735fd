"""Another fee, limit or parameter, and something left out: each answer is worked out twice."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.audit.story import Story
from tests.integration.what_if.conftest import Mixed
from tests.integration.what_if.trading import (
    IN_FORCE,
    Traded,
    ask,
    beginnings,
    change,
    events_of,
    trade,
)
from traderbot.application.ports.what_if import BadQuestionError, PortfolioChange, WhatIfAnswer
from traderbot.bootstrap import Traderbot
from traderbot.domain.orders.lifecycle import OrderStatus
from traderbot.domain.shared.ids import PortfolioId
from traderbot.domain.shared.instants import instant_text

Placed = tuple[str, dict[str, Any]]  # when, and the whole ticket as it is recorded


def placed_in(url: str) -> dict[str, Placed]:
    """Return what was placed, by order."""
    return {
        event["data"]["order_id"]: (event["occurred_at"], event["data"]["ticket"])
        for event in events_of(url)
        if event["type"] == "order.placed"
    }


def figures(portfolio: PortfolioChange, side: str) -> dict[str, str]:
    (usd,) = portfolio.currencies
    return {
        name: getattr(getattr(usd, name), side) for name in ("cash", "realised", "fees", "equity")
    }


def test_a_doubled_fee_costs_exactly_the_same_again(traded: Traded) -> None:
    # Sizes follow cash, which fees reduce: the fee is added up from the log where none has changed.
    answer = ask(traded.url, json.dumps({"change": {"fee_bps": "20"}}))
    fills = [event["data"] for event in events_of(traded.url) if event["type"] == "order.filled"]
    assert [it.fact.quantity for it in answer.trades.different] == [
        it["fill"]["quantity"] for it in fills
    ]
    same = [it for it in answer.trades.different if it.fact.quantity == it.hypothesis.quantity]
    assert same
    for each in same:
        assert each.hypothesis.price == each.fact.price
        notional = Decimal(each.fact.price) * Decimal(each.fact.quantity)
        assert Decimal(each.fact.fee) == notional * Decimal("0.001")
        assert Decimal(each.hypothesis.fee) == notional * Decimal("0.002")
    (portfolio,) = answer.portfolios
    (usd,) = portfolio.currencies
    assert Decimal(usd.fees.hypothesis or "") == sum(
        Decimal(it.hypothesis.notional) * Decimal("0.002") for it in answer.trades.different
    )


def test_on_the_last_orders_a_doubled_fee_takes_exactly_itself_from_the_profit(
    sqlite_traded: Traded,
) -> None:
    url = sqlite_traded.url
    placed = [i for i, event in enumerate(events_of(url)) if event["type"] == "order.placed"]
    answer = ask(url, json.dumps({"from": placed[-1], "change": {"fee_bps": "20"}}))
    later = [it for it in events_of(url)[placed[-1] :] if it["type"] == "order.filled"]
    assert later
    extra = sum(Decimal(it["data"]["fill"]["fee"]["amount"]) for it in later)
    (portfolio,) = answer.portfolios
    (usd,) = portfolio.currencies
    assert all(it.fact.quantity == it.hypothesis.quantity for it in answer.trades.different)
    assert Decimal(usd.fees.difference or "") == extra
    assert Decimal(usd.equity.difference or "") == -extra
    assert usd.realised.difference == "0"  # fees are no part of it


@pytest.mark.parametrize(
    ("question", "again"),
    [
        ({"parameters": {"rsi_period": "10"}}, {"parameters": {"rsi_period": "10"}}),
        (
            {"limits": {"order_notional_max": "5000"}},
            {"terms": change(limits={"order_notional_max": "5000"}).of(IN_FORCE)},
        ),
        (
            {"fee_bps": "25", "slippage_bps": "0"},
            {"terms": change(fee_bps="25", slippage_bps="0").of(IN_FORCE)},
        ),
        (
            {"limits": {"order_notional_fraction": "0.01", "market_order_cushion": "0.5"}},
            {
                "terms": change(
                    limits={"order_notional_fraction": "0.01", "market_order_cushion": "0.5"}
                ).of(IN_FORCE)
            },
        ),
    ],
    ids=["a parameter", "a limit", "the costs", "a share"],
)
def test_the_hypothesis_is_what_a_run_under_it_really_does(
    traded: Traded, tmp_path: Path, question: dict[str, Any], again: dict[str, Any]
) -> None:
    answer = ask(traded.url, json.dumps({"change": question}))
    fresh = trade(f"sqlite:///{tmp_path / 'fresh.db'}", **again)
    assert hypothetical(answer, traded.url) == list(placed_in(fresh.url).values())
    with Traderbot.open(fresh.url) as bot:
        views = bot.application.views
        page = views.trades(None, PortfolioId(fresh.portfolio), limit=200)
    assert answer.trades.hypothesis == len(page.items)
    assert figures(answer.portfolios[0], "hypothesis") == figures(
        ask(fresh.url, in_force=again.get("terms", IN_FORCE)).portfolios[0], "fact"
    )
    assert figures(answer.portfolios[0], "fact") == figures(ask(traded.url).portfolios[0], "fact")


def hypothetical(answer: WhatIfAnswer, url: str) -> list[Placed]:
    """Return what is placed in the hypothesis: what is in the log, less and more what changed."""
    placed = placed_in(url)
    for gone in answer.orders.only_in_fact:
        del placed[gone.order_id]
    for each in (*answer.orders.only_in_hypothesis, *answer.orders.different):
        order = each.hypothesis
        assert order is not None
        ticket = {
            "kind": order.type,
            "limit_price": order.limit_price,
            "portfolio_id": order.portfolio_id,
            "quantity": order.quantity,
            "side": order.side,
            "symbol": order.symbol,
            "time_in_force": order.time_in_force,
        }
        placed[each.order_id] = (instant_text(order.placed_at), ticket)
    return sorted(placed.values(), key=lambda it: (it[0], it[1]["symbol"]))


def test_a_lower_limit_refuses_first_the_first_order_above_it(story: tuple[str, Story]) -> None:
    url, told = story
    lower = {"limits": {"order_notional_max": "2000"}, "drop": [told.bots_order]}
    answer = ask(url, json.dumps({"change": lower}))
    changes = {it.order_id: it for it in answer.orders.different}
    coins = changes[told.coins]
    assert coins.fact is not None
    assert coins.hypothesis is not None
    assert (coins.fact.status, coins.hypothesis.status) == ("filled", "refused")
    assert coins.why == ("refused: ORDER_NOTIONAL_MAX, limit 2000 USDT, value 3000.025 USDT",)
    # 1,000, 90 and 150.75 were below it; of the one that was refused, the limit is another now.
    assert changes.keys() == {told.coins, told.refused}
    assert [it for it in changes[told.refused].why if "limit 2000 USD, value 100000 USD" in it]
    gone = {it.order_id for it in answer.trades.only_in_fact}
    assert gone == {told.coins, told.bots_order}


def test_what_follows_from_what_is_left_out_is_left_out_too(story: tuple[str, Story]) -> None:
    url, told = story
    opened = next(
        event
        for event in events_of(url)
        if event["type"] == "portfolio.opened"
        and event["data"]["portfolio_id"] == told.bobs_portfolio
    )
    answer = ask(url, json.dumps({"change": {"drop": [opened["command_id"]]}}))
    assert [it.order_id for it in answer.orders.only_in_fact] == [told.bobs_order]
    assert answer.orders.only_in_fact[0].why == (
        f"NOT_FOUND: there is no portfolio {told.bobs_portfolio}",
    )
    assert [(it.wish, it.code) for it in answer.refused] == [("PlaceOrder", "NOT_FOUND")]
    (bobs,) = [it for it in answer.portfolios if it.portfolio_id == told.bobs_portfolio]
    assert bobs.currencies[0].cash.hypothesis is None
    assert bobs.currencies[0].cash.difference == "-5000"


def test_money_that_is_not_there_cannot_be_paid_out(story: tuple[str, Story]) -> None:
    url, told = story
    deposit = next(
        it
        for it in events_of(url)
        if it["type"] == "portfolio.cash_deposited" and it["data"]["amount"]["currency"] == "USDT"
    )
    answer = ask(url, json.dumps({"change": {"drop": [deposit["command_id"]]}}))
    (coins,) = [it for it in answer.orders.different if it.order_id == told.coins]
    assert coins.hypothesis is not None
    assert coins.hypothesis.status == OrderStatus.REFUSED
    assert any("INSUFFICIENT_FUNDS" in it for it in coins.why)


def test_left_out_orders_are_gone_with_their_fills(mixed: Mixed) -> None:
    url, (limit_order, _) = mixed.traded.url, mixed.diversions.by_hand
    answer = ask(url, json.dumps({"change": {"drop": [limit_order]}}))
    (gone,) = answer.orders.only_in_fact
    assert gone.order_id == limit_order
    assert [it.order_id for it in answer.trades.only_in_fact] == [limit_order]
    filled = next(
        event
        for event in events_of(url)
        if event["type"] == "order.filled" and event["data"]["order_id"] == limit_order
    )
    with pytest.raises(BadQuestionError, match=r"change\.drop\[0\]: the paper venue's own fill"):
        ask(url, json.dumps({"change": {"drop": [filled["command_id"]]}}))


def test_a_refused_order_that_would_pass_stays_open_and_is_named(mixed: Mixed) -> None:
    raised = {"limits": {"order_notional_max": "90000", "order_notional_fraction": "0.9"}}
    answer = ask(mixed.traded.url, json.dumps({"change": raised}))
    too_much, passes = mixed.diversions.refused
    changes = {it.order_id: it for it in answer.orders.different}
    passed = changes[passes].hypothesis
    assert passed is not None
    assert passed.status == "approved"
    assert [it for it in answer.unanswered if passes in it]
    assert not [it for it in answer.unanswered if too_much in it]


def test_ids_and_bots_that_are_not_there_are_named(traded: Traded) -> None:
    nobody = "0192f0c1-0000-7000-8000-000000000003"
    with pytest.raises(BadQuestionError, match=r"change\.drop\[0\]: no order or command"):
        ask(traded.url, json.dumps({"change": {"drop": [nobody]}}))
    bot = {"parameters": {"rsi_period": "9"}, "bot": nobody}
    with pytest.raises(BadQuestionError, match=r"change\.bot: there is no bot run"):
        ask(traded.url, json.dumps({"change": bot}))
    with pytest.raises(BadQuestionError, match=r"change\.parameters: .* RSI_CROSS: period"):
        ask(traded.url, json.dumps({"change": {"parameters": {"period": "9"}}}))


def test_one_bots_parameters_are_one_bots(traded: Traded) -> None:
    bot = {"parameters": {"rsi_period": "9"}, "bot": traded.runs["GOOG"]}
    answer = ask(traded.url, json.dumps({"change": bot}))
    new = {it.hypothesis.symbol for it in answer.orders.only_in_hypothesis if it.hypothesis}
    gone = {it.fact.symbol for it in answer.orders.only_in_fact if it.fact}
    assert new | gone == {"GOOG"}
    assert all(it.why for it in (*answer.orders.only_in_hypothesis, *answer.orders.only_in_fact))


@given(place=st.integers(0, 10_000), period=st.integers(2, 30), fee=st.integers(0, 100))
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_before_the_fork_stays_as_it_was(
    sqlite_traded: Traded, place: int, period: int, fee: int
) -> None:
    url = sqlite_traded.url
    places = beginnings(url)
    start = places[place % len(places)]
    otherwise = {"fee_bps": str(fee), "parameters": {"rsi_period": str(period)}}
    answer = ask(url, json.dumps({"from": start, "change": otherwise}))
    assert answer.parts_at is None or answer.parts_at.index >= start
    log = events_of(url)[:start]
    before = {it["data"]["order_id"] for it in log if it["type"] == "order.placed"}
    assert not before & {it.order_id for it in answer.orders.only_in_fact}
    for each in answer.orders.different:
        if each.order_id in before:  # it was open at the fork: only what became of it may change
            assert not each.changed.keys() & {"quantity", "side", "symbol", "placed_at"}
    booked = {it["data"]["fill_id"] for it in log if it["type"] == "portfolio.fill_booked"}
    assert not booked & {it.fill_id for it in answer.trades.only_in_fact}
    assert not booked & {it.fact.fill_id for it in answer.trades.different}
