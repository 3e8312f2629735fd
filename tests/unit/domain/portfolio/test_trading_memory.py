"""What a portfolio remembers for the gate: as much as was agreed, and exactly that."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tests.builders import NOON, a_portfolio, booked, later, released, reserved, trade
from traderbot.domain.portfolio.trading_memory import WORKING
from traderbot.domain.shared.ids import OrderId
from traderbot.domain.shared.values import USD, symbol

APPLE = symbol("AAPL")


def _id(number: int) -> OrderId:
    return OrderId(f"order-{number}")


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["open", "end", "fill"]))))
def test_what_works_is_what_was_opened_and_has_not_ended(steps: list[tuple[int, str]]) -> None:
    portfolio, working = a_portfolio(), set()
    for number, step in steps:
        id_ = _id(number)
        if step == "open" and id_ not in working:
            portfolio = portfolio.apply(replace(reserved("10 USD"), order_id=id_))
            working.add(id_)
        elif step == "end" and id_ in working:
            portfolio = portfolio.apply(replace(released("10 USD"), order_id=id_))
            working.remove(id_)
        elif step == "fill" and id_ in working:
            event = booked(portfolio, quantity="1", price="10", used="10 USD")
            portfolio = portfolio.apply(replace(event, order_id=id_))
            working.remove(id_)
    assert set(portfolio.memory.working) == working
    assert portfolio.memory.set_aside(APPLE) == 10 * len(working)


def test_it_looks_back_only_so_far() -> None:
    portfolio = a_portfolio(cash="1000000 USD")
    for number in range(300):
        event = replace(reserved("1 USD"), order_id=_id(number), at=later(number))
        portfolio = portfolio.apply(event)
        fill = booked(portfolio, quantity="1", price="1", at=later(60 * 24 * number))
        portfolio = portfolio.apply(replace(fill, order_id=_id(1000 + number)))
    memory = portfolio.memory
    assert (len(memory.working), len(memory.sent), len(memory.fills)) == (WORKING, 128, 64)
    assert len(memory.sizes[APPLE].traded) == 100
    assert len(memory.profit_in(USD).highs) == 30
    assert memory.sent[-1].order_id == _id(299)
    assert memory.set_aside(APPLE) is None, "more work than are remembered"


def test_two_fills_of_one_order_are_one_size() -> None:
    portfolio = a_portfolio()
    for number, quantity in ((1, "2"), (1, "3"), (2, "7")):
        fill = booked(portfolio, quantity=quantity)
        portfolio = portfolio.apply(replace(fill, order_id=_id(number)))
    assert portfolio.memory.sizes[APPLE].traded == (Decimal(5), Decimal(7))


@given(st.lists(st.tuples(st.sampled_from(["buy", "sell"]), st.integers(1, 9), st.integers(1, 99))))
def test_profit_is_what_came_in_and_what_is_held_less_what_went_out(
    trades: list[tuple[str, int, int]],
) -> None:
    portfolio, cash, held, price = a_portfolio(), 0, 0, 0
    for side, quantity, price in trades:
        portfolio = trade(portfolio, side, str(quantity), str(price))
        sign = 1 if side == "buy" else -1
        cash, held = cash - sign * quantity * price, held + sign * quantity
    assert portfolio.memory.profit_in(USD).total == cash + held * price


def test_a_day_begins_with_what_was_there_at_midnight() -> None:
    portfolio = trade(a_portfolio(), "buy", "10", "100")
    portfolio = trade(portfolio, "sell", "5", "110")  # 50 booked, 50 floating
    tomorrow = later(60 * 24)
    profit = portfolio.memory.profit_in(USD)
    assert profit.opening_of(NOON.toordinal()) == 0
    assert profit.opening_of(tomorrow.toordinal()) == 100
    portfolio = trade(portfolio, "sell", "5", "90", at=tomorrow)
    profit = portfolio.memory.profit_in(USD)
    assert profit.opening_of(tomorrow.toordinal()) == 100
    assert profit.total == 0
    assert profit.peak(tomorrow.toordinal()) == 100
