from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import NOON, ORDER_ID, a_bar, a_ticket
from traderbot.application.ports.venue import WorkingOrder
from traderbot.domain.market.bars import Bar
from traderbot.domain.orders.ticket import OrderKind, Side
from traderbot.domain.shared.values import Money, Price, Quantity
from traderbot.infrastructure.brokers.paper_venue import Costs, PaperVenue, fill_price

FREE = Costs(fee_bps=Decimal(0), slippage_bps=Decimal(0))


def working(
    side: str = "buy", limit_price: str | None = None, *, quantity: str = "10"
) -> WorkingOrder:
    ticket = a_ticket(side=side, quantity=quantity, limit_price=limit_price)
    return WorkingOrder(order_id=ORDER_ID, ticket=ticket, remaining=ticket.quantity, placed_at=NOON)


def next_bar(**prices: Any) -> Bar:
    return a_bar(at=NOON, **prices)


def test_a_market_order_fills_at_the_open_of_the_next_bar() -> None:
    venue = PaperVenue(FREE)
    venue.submit(working())
    (filled,) = venue.on_bar(next_bar(open="101", high="110", low="99", close="105"))
    assert filled.fill.price == Price("101")
    assert filled.fill.quantity == Quantity("10")
    assert filled.fill.at == NOON


def test_no_order_fills_on_a_bar_that_opened_before_it_was_placed() -> None:
    earlier = a_bar(at=NOON - timedelta(minutes=1))
    assert fill_price(working(), earlier, FREE) is None


def test_a_bar_of_another_symbol_fills_nothing() -> None:
    assert fill_price(working(), a_bar(at=NOON, symbol_code="MSFT"), FREE) is None


@pytest.mark.parametrize(
    ("side", "opened", "expected"),
    [
        ("buy", "100.01", "100.07"),  # 5 bps worse is 100.060005
        ("sell", "99.99", "99.94"),  # 5 bps worse is 99.940005
        ("buy", "100.00", "100.05"),  # on a tick exactly
    ],
)
def test_slippage_moves_the_price_against_the_order_to_the_next_worse_tick(
    side: str, opened: str, expected: str
) -> None:
    bar = next_bar(open=opened, high="110", low="90", close="100")
    assert fill_price(working(side), bar, Costs(slippage_bps=Decimal(5))) == Price(expected)


def test_the_fee_is_its_share_of_the_notional_to_the_last_digit() -> None:
    venue = PaperVenue(Costs(fee_bps=Decimal("7.5"), slippage_bps=Decimal(0)))
    venue.submit(working())
    (filled,) = venue.on_bar(next_bar(open="101.01", high="110", low="99", close="105"))
    assert filled.fill.fee == Money("0.757575", "USD")


@pytest.mark.parametrize(
    ("side", "limit", "bar", "expected"),
    [
        ("buy", "100", ("105", "106", "99", "101"), "100"),  # touched on the way down
        ("buy", "100", ("98", "101", "97", "99"), "98"),  # opened better than asked
        ("buy", "100", ("101", "105", "100.01", "102"), None),
        ("sell", "100", ("95", "101", "94", "96"), "100"),
        ("sell", "100", ("103", "104", "99", "101"), "103"),
        ("sell", "100", ("95", "99.99", "94", "96"), None),
    ],
)
def test_a_limit_order_fills_at_its_limit_or_better(
    side: str, limit: str, bar: tuple[str, str, str, str], expected: str | None
) -> None:
    opened, high, low, close = bar
    found = fill_price(
        working(side, limit), next_bar(open=opened, high=high, low=low, close=close), Costs()
    )
    assert found == (Price(expected) if expected else None)


@given(st.integers(1, 10**6), st.integers(0, 500))
def test_slippage_never_helps_and_never_costs_more_than_its_share_and_a_tick(
    cents: int, bps: int
) -> None:
    opened = Decimal(cents) / 100
    text = f"{opened:f}"
    bar = next_bar(open=text, high=text, low=text, close=text)
    costs = Costs(slippage_bps=Decimal(bps))
    bought, sold = fill_price(working("buy"), bar, costs), fill_price(working("sell"), bar, costs)
    assert bought is not None
    assert sold is not None
    bound = opened * bps / 10_000 + Decimal("0.01")
    assert opened <= bought.value <= opened + bound
    assert max(Decimal("0.01"), opened - bound) <= sold.value <= max(opened, Decimal("0.01"))


def test_a_fill_is_told_until_it_is_recorded_and_named_after_its_order() -> None:
    venue = PaperVenue(FREE)
    venue.submit(working())
    venue.submit(working())
    (filled,) = venue.on_bar(next_bar())
    assert filled.fill.id == f"paper:{ORDER_ID}:1"
    assert venue.on_bar(next_bar()) == [filled]  # until somebody has recorded it
    venue.forget(ORDER_ID)
    assert venue.on_bar(next_bar()) == []


def test_a_canceled_order_fills_no_more() -> None:
    venue = PaperVenue(FREE)
    venue.submit(working())
    venue.forget(ORDER_ID)
    venue.forget(ORDER_ID)
    assert venue.on_bar(next_bar()) == []


def test_the_kinds_of_order_are_what_the_ticket_says() -> None:
    assert working().ticket.kind is OrderKind.MARKET
    assert working("sell", "5").ticket.side is Side.SELL
