from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from tests.builders import PORTFOLIO_ID, a_ticket
from traderbot.domain.orders.errors import InvalidTicketError
from traderbot.domain.orders.ticket import OrderKind, Side, Ticket, TimeInForce
from traderbot.domain.shared.values import Price, Quantity, symbol


def test_a_market_order_has_no_limit_price() -> None:
    assert a_ticket().kind is OrderKind.MARKET
    with pytest.raises(InvalidTicketError, match="a market order has none"):
        replace(a_ticket(), limit_price=Price("100"))


def test_a_limit_order_has_a_limit_price() -> None:
    assert a_ticket(limit_price="99.5").limit_price == Price("99.5")
    with pytest.raises(InvalidTicketError, match="a limit order has a limit price"):
        replace(a_ticket(limit_price="99.5"), limit_price=None)


def test_nobody_orders_nothing() -> None:
    with pytest.raises(InvalidTicketError, match="above zero"):
        a_ticket(quantity="0")


def test_the_smallest_quantity_can_be_ordered() -> None:
    assert a_ticket(quantity="0.000000000000000001").quantity


def test_an_order_is_good_till_canceled_unless_it_says_otherwise() -> None:
    ticket = Ticket(
        portfolio_id=PORTFOLIO_ID,
        symbol=symbol("AAPL"),
        side=Side.BUY,
        quantity=Quantity("1"),
        kind=OrderKind.MARKET,
    )
    assert ticket.time_in_force is TimeInForce.GTC


def test_a_ticket_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        a_ticket().quantity = Quantity("11")  # type: ignore[misc]


@pytest.mark.parametrize("wrong", ["BUY", "buy ", "Buy", "short", "", "b"])
def test_there_are_two_sides_and_one_way_to_write_each(wrong: str) -> None:
    assert [Side("buy"), Side("sell")] == list(Side)
    with pytest.raises(ValueError, match="not a valid Side"):
        Side(wrong)
