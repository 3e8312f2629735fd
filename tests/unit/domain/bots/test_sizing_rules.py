"""The rules by which a bot finds a quantity, each with its numbers worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import a_portfolio, limits, trade
from traderbot.domain.bots.sizing import Sized, size
from traderbot.domain.bots.sizing_rule import Sizing, SizingRule
from traderbot.domain.market.instrument import default_instrument
from traderbot.domain.orders.ticket import Exits, Side
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.risk.limits import Limits
from traderbot.domain.risk.sizing.kelly import TradeRecord
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Price, Quantity, symbol

WIDE = limits(order_notional_max="99999999999999999999", order_notional_fraction="1", fee_bps="0")
AAPL = symbol("AAPL")


def rule(kind: str, amount: str, **more: Any) -> Sizing:
    distances: dict[str, Any] = {
        name: Decimal(text) if isinstance(text, str) and name != "indicator" else text
        for name, text in more.items()
    }
    return Sizing(rule=SizingRule(kind), amount=Decimal(amount), **distances)


def sized(
    sizing: Sizing,
    signal: str = "BUY",
    *,
    close: str = "100",
    portfolio: Portfolio | None = None,
    within: Limits = WIDE,
    indicators: Mapping[str, str] | None = None,
) -> Sized:
    return size(
        signal,
        AAPL,
        Price(close),
        Decimal(1),
        portfolio=portfolio or a_portfolio(cash="10000 USD"),
        limits=within,
        sizing=sizing,
        indicators=indicators or {},
    )


def test_a_fixed_rule_takes_its_units_whatever_the_equity_is() -> None:
    found = sized(rule("fixed", "10"))
    assert (found.side, found.quantity, found.exits) == (Side.BUY, Quantity(10), None)
    assert found.arithmetic == {"units": "10", "quantity": "10"}


def test_a_share_is_cut_to_what_the_gate_lets_pass() -> None:
    within = limits(order_notional_max="99999", order_notional_fraction="0.2")
    assert sized(rule("share", "0.5"), within=within).quantity == Quantity(20)


def test_by_risk_being_stopped_out_costs_that_share_of_the_equity() -> None:
    # One percent of 10,000 are 100 dollars; a stop five percent below 100 costs 5 a share.
    found = sized(rule("risk", "0.01", stop_loss="0.05"))
    assert found.quantity == Quantity(20)
    assert found.exits == Exits(stop_loss=Price(95))


def test_by_volatility_what_moves_twice_as_much_is_held_half() -> None:
    by = rule("volatility", "0.1", indicator="volatility")
    assert sized(by, indicators={"volatility": "0.2"}).quantity == Quantity(50)
    assert sized(by, indicators={"volatility": "0.4"}).quantity == Quantity(25)


def test_without_the_indicator_there_is_no_volatility_to_size_by() -> None:
    by = rule("volatility", "0.1", indicator="volatility")
    for text in ({}, {"volatility": "nan"}, {"volatility": "0.0"}, {"volatility": "-1"}):
        assert sized(by, indicators=text).blocking_code == "NO_VOLATILITY"


def test_by_kelly_a_record_says_how_much_may_be_lost() -> None:
    record = TradeRecord(wins=60, losses=40, won=Decimal(60), lost=Decimal(40))
    # Even odds and 60 % won: the full fraction is 0.2, a half of it 0.1, capped at 0.02.
    found = sized(rule("kelly", "0.5", stop_loss="0.05", record=record))
    assert found.quantity == Quantity(40)
    few = TradeRecord(wins=2, losses=1, won=Decimal(2), lost=Decimal(1))
    blocked = sized(rule("kelly", "0.5", stop_loss="0.05", record=few))
    assert blocked.blocking_code == "NOT_ENOUGH_EVIDENCE"


def test_a_sell_signal_opens_a_short_position_only_where_that_is_wanted() -> None:
    assert sized(rule("fixed", "10"), "SELL").blocking_code == "NO_POSITION"
    found = sized(rule("fixed", "10", short=True, stop_loss="0.05", take_profit="0.1"), "SELL")
    assert (found.side, found.quantity) == (Side.SELL, Quantity(10))
    assert found.exits == Exits(take_profit=Price(90), stop_loss=Price(105))


def test_a_short_position_is_closed_by_a_buy_and_not_added_to() -> None:
    by = rule("fixed", "10", short=True)
    held = trade(a_portfolio(cash="10000 USD"), "sell", "7", "100")
    found = sized(by, "BUY", portfolio=held)
    assert (found.side, found.quantity, found.exits) == (Side.BUY, Quantity(7), None)
    assert sized(by, "SELL", portfolio=held).blocking_code == "ALREADY_SHORT"


@given(
    entry=st.decimals("0.01", "9999", places=2),
    distance=st.decimals("0.001", "0.999", places=3),
    side=st.sampled_from(Side),
)
def test_exits_lie_on_a_tick_and_never_nearer_than_asked(
    entry: Decimal, distance: Decimal, side: Side
) -> None:
    by = rule("fixed", "1", stop_loss=str(distance), take_profit=str(distance))
    exits = by.exits_for(side, Price(entry), default_instrument(AAPL))
    assert exits is not None
    assert exits.stop_loss is not None
    assert exits.take_profit is not None
    low, high = sorted([exits.stop_loss.value, exits.take_profit.value])
    assert low % Decimal("0.01") == high % Decimal("0.01") == 0
    assert low <= entry * (1 - distance) or low == Decimal("0.01")
    assert high >= entry * (1 + distance)
    assert (exits.stop_loss.value < exits.take_profit.value) is (side is Side.BUY)


@pytest.mark.parametrize(
    ("kind", "amount", "more", "reason"),
    [
        ("fixed", "0", {}, "above 0"),
        ("share", "1.5", {}, "at most 1"),
        ("risk", "0.01", {}, "needs stop_loss"),
        ("risk", "0.01", {"stop_loss": "1"}, "below 1"),
        ("volatility", "0.1", {}, "needs the name of the indicator"),
        ("kelly", "0.5", {"stop_loss": "0.1"}, "needs a record"),
        ("share", "0.1", {"take_profit": "0"}, "above 0"),
    ],
)
def test_a_rule_without_its_numbers_is_refused(
    kind: str, amount: str, more: Any, reason: str
) -> None:
    with pytest.raises(InvalidValueError, match=reason):
        rule(kind, amount, **more)
