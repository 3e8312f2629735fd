"""Claims on a position belong to a side: a position that turned owes nothing to those before."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tests.builders import a_portfolio, booked, released, reserved, trade
from traderbot.domain.orders.ticket import Side
from traderbot.domain.portfolio.position import Position
from traderbot.domain.shared.values import Quantity, symbol

AAPL = symbol("AAPL")


def test_a_claim_of_sells_takes_nothing_from_buys_once_the_position_turned() -> None:
    portfolio = trade(a_portfolio(), "buy", "10", "100")
    claim = replace(reserved("0 USD", closing="10"), side=Side.SELL)
    portfolio = portfolio.apply(claim)
    assert portfolio.position_in(AAPL).closable(Side.SELL) == Quantity(0)
    portfolio = trade(portfolio, "sell", "15", "100")  # a late fill of an order canceled long ago
    turned = portfolio.position_in(AAPL)
    assert (turned.net, turned.closable(Side.BUY)) == (Decimal(-5), Quantity(5))
    assert (turned.claimed_by(Side.SELL), turned.claimed_by(Side.BUY)) == (
        Quantity(10),
        Quantity(0),
    )
    given_back = portfolio.apply(replace(released("0 USD", closing="10"), side=Side.SELL))
    assert not given_back.position_in(AAPL).claimed


def test_a_fill_uses_the_claim_of_its_own_side() -> None:
    portfolio = trade(a_portfolio(), "sell", "10", "100")
    portfolio = portfolio.apply(replace(reserved("0 USD", closing="6"), side=Side.BUY))
    assert portfolio.position_in(AAPL).closable(Side.BUY) == Quantity(4)
    event = booked(portfolio, side="buy", quantity="4", closing_used="4")
    held = portfolio.apply(event).position_in(AAPL)
    assert (held.claimed, held.claimed_by(Side.BUY)) == (Quantity(2), Quantity(2))
    assert held.closable(Side.BUY) == Quantity(4)


def test_older_logs_that_name_no_side_read_as_what_they_meant() -> None:
    short = trade(a_portfolio(), "sell", "10", "100").apply(reserved("0 USD", closing="6"))
    assert short.position_in(AAPL).claimed_by(Side.BUY) == Quantity(6)
    long = trade(a_portfolio(), "buy", "10", "100").apply(reserved("0 USD", closing="6"))
    assert long.position_in(AAPL).claimed_by(Side.SELL) == Quantity(6)
    turned = trade(long, "sell", "20", "100").apply(released("0 USD", closing="6"))
    assert not turned.position_in(AAPL).claimed


@given(
    steps=st.lists(st.tuples(st.booleans(), st.sampled_from(Side), st.integers(1, 9)), max_size=20)
)
def test_the_sides_never_take_from_each_other(steps: list[tuple[bool, Side, int]]) -> None:
    position = Position.flat(AAPL)
    claims = {Side.BUY: 0, Side.SELL: 0}
    for more, side, quantity in steps:
        if more:
            position = position.claim(side, Quantity(quantity))
            claims[side] += quantity
        elif claims[side] >= quantity:
            position = position.unclaim(side, Quantity(quantity))
            claims[side] -= quantity
        assert {each: int(position.claimed_by(each).value) for each in Side} == claims
        assert int(position.claimed.value) == sum(claims.values())
