"""What a fill uses up of what its order holds, also while a change of the order is on its way."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import NOON, a_fill, accepted, an_approval, an_order
from traderbot.domain.orders.amendment import Amendment
from traderbot.domain.orders.events import OrderFilled
from traderbot.domain.orders.order import Order
from traderbot.domain.shared.values import Price, Quantity


def working(side: str = "buy", limit_price: str = "100") -> Order:
    """Return an order of ten at a venue, with 1000 USD set aside."""
    order = an_order(side=side, limit_price=limit_price, reserved="1000 USD")
    return order.apply(accepted())


def asked(order: Order, quantity: str, limit_price: str, reserved: str) -> Order:
    """Return the order after a change was asked for; `reserved` is what the rest would need."""
    wanted = Amendment(quantity=Quantity(quantity), limit_price=Price(limit_price))
    for event in order.request_amend(wanted, an_approval(reserved=reserved), at=NOON):
        order = order.apply(event)
    return order


def traded(order: Order, quantity: str, price: str = "100", fill_id: str = "1") -> Order:
    for event in order.record_fill(a_fill(fill_id=fill_id, quantity=quantity, price=price)):
        order = order.apply(event)
    return order


def refused(order: Order) -> Order:
    for event in order.refuse_amend("no", at=NOON):
        order = order.apply(event)
    return order


def amended(order: Order) -> Order:
    for event in order.amend(at=NOON):
        order = order.apply(event)
    return order


def left(order: Order) -> str:
    return str(order.reserved)


def test_a_fill_before_a_refused_change_leaves_the_rest_what_it_needs() -> None:
    order = asked(working(), "20", "100", "2000 USD")
    assert left(order) == "2000 USD"
    order = traded(order, "4")
    assert left(order) == "1600 USD"  # 400 of its own; what is for the change waits
    assert left(refused(order)) == "600 USD"
    assert left(amended(order)) == "1600 USD"


def test_the_last_fill_uses_everything_whatever_was_asked_for_beside() -> None:
    assert left(traded(asked(working(), "20", "100", "2000 USD"), "10")) == "0 USD"


@pytest.mark.parametrize(("quantity", "price"), [("12", "100"), ("4", "110")])
def test_a_fill_that_only_the_change_allows_uses_what_was_set_aside_for_it(
    quantity: str, price: str
) -> None:
    order = traded(asked(working(), "20", "110", "2200 USD"), quantity, price)
    assert left(order) == f"{2200 - 110 * int(quantity)} USD"


def test_a_short_sale_below_its_limit_proves_a_change_too() -> None:
    order = asked(working(side="sell"), "20", "90", "2000 USD")
    assert left(traded(order, "4", "95")) == "1600 USD"
    assert left(traded(order, "4", "99")) == "1600 USD"
    assert left(traded(order, "4", "100")) == "1600 USD"


def test_what_was_to_close_more_waits_for_the_venue_as_well() -> None:
    order = an_order(side="sell", limit_price="100", reserved="0 USD", closing="10")
    order = order.apply(accepted())
    wanted = Amendment(quantity=Quantity(20), limit_price=Price(100))
    approval = an_approval(reserved="0 USD", closing="20")
    for event in order.request_amend(wanted, approval, at=NOON):
        order = order.apply(event)
    order = traded(order, "4")
    assert str(order.closing) == "16"
    assert str(refused(order).closing) == "6"


@given(
    quantities=st.lists(st.integers(1, 6), min_size=1, max_size=8),
    larger=st.integers(11, 40),
    answer=st.sampled_from([refused, amended]),
    after=st.integers(0, 7),
)
def test_an_order_always_holds_what_the_rest_of_it_may_cost(
    quantities: list[int], larger: int, answer: object, after: int
) -> None:
    order = asked(working(), str(larger), "100", f"{larger * 100} USD")
    for number, quantity in enumerate(quantities):
        if order.remaining.value <= quantity:  # the last of it: then nothing stays set aside
            break
        (event,) = order.record_fill(a_fill(fill_id=f"f{number}", quantity=str(quantity)))
        assert isinstance(event, OrderFilled)
        assert event.reservation_used <= order.reserved
        order = order.apply(event)
        if number == after:
            order = (refused if answer is refused else amended)(order)
        if order.status.is_open:
            assert order.reserved.amount >= Decimal(100) * order.remaining.value
