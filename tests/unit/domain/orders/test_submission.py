"""What a hostile venue and an unlucky process may not bring about."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.builders import after, an_order, approved, later, placed
from traderbot.domain.orders.errors import OrderNotSubmittableError
from traderbot.domain.orders.order import Order


def in_doubt() -> Order:
    """Return an order that was sent once, and that its venue has proven not to have."""
    order = an_order()
    order = after(order, order.submit("binance", "main", at=later(1)))
    order = after(order, order.lose_sight("503", at=later(2)))
    order = after(order, order.note_not_found(at=later(3)))
    return after(order, order.note_not_found(at=later(4)))


def test_an_answer_to_an_earlier_try_says_nothing_of_this_one() -> None:
    order = after(in_doubt(), in_doubt().submit("binance", "main", at=later(5)))
    assert order.attempts == 2
    assert order.defer("it never left", at=later(6), attempt=1) == ()
    assert order.lose_sight("time-out", at=later(6), attempt=1) == ()
    assert order.defer("it never left", at=later(6), attempt=2) != ()


def test_an_order_in_doubt_leaves_for_no_other_account_and_no_other_venue() -> None:
    for venue, account in (("binance", "other"), ("alpaca", "main")):
        with pytest.raises(OrderNotSubmittableError):
            in_doubt().submit(venue, account, at=later(5))


def test_what_was_asked_back_is_not_sent_again() -> None:
    order = after(in_doubt(), in_doubt().request_cancel("asked", at=later(5)))
    with pytest.raises(OrderNotSubmittableError):
        order.submit("binance", "main", at=later(6))


def test_an_order_approved_for_one_venue_is_sent_to_no_other() -> None:
    order = Order.from_events([placed(), replace(approved(), venue="binance")])
    with pytest.raises(OrderNotSubmittableError):
        order.submit("alpaca", "main", at=later(1))
    assert order.submit("binance", "main", at=later(1)) != ()


def test_what_a_venue_says_is_text_that_every_database_takes() -> None:
    (heard,) = an_order().hear("binance", "find", "odd", "a\0b\ud800c", at=later(1))
    assert heard.raw == "a\ufffdb?c"  # type: ignore[union-attr]
