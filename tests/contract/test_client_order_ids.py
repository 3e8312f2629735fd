"""A client order id names one order of a portfolio, whoever asks for it at the same time."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from tests.builders import NOON, ORDER_ID
from tests.stores import Desk, Owned, Store
from traderbot.application.commands.place_order import PlaceOrder
from traderbot.application.ports.unit_of_work import ClientOrderIdTakenError
from traderbot.application.ports.views import OrderFilter
from traderbot.application.views import OrderView
from traderbot.domain.orders.events import OrderPlaced


def _named(owned: Owned, name: str, *, quantity: str = "1") -> PlaceOrder:
    wish = owned.order(quantity=quantity)
    return replace(wish, ticket=replace(wish.ticket, client_order_id=name))


def test_a_name_is_given_once_in_a_portfolio(desk: Desk) -> None:
    owned = desk.portfolio()
    first = desk.run(_named(owned, "monday-1"))
    with pytest.raises(ClientOrderIdTakenError, match="has an order monday-1 already"):
        desk.run(_named(owned, "monday-1"))
    assert desk.run(_named(owned, "monday-2")).client_order_id == "monday-2"
    assert desk.views.orders(OrderFilter(client_order_id="monday-1")).items == (first,)


def test_another_portfolio_may_use_the_same_name(desk: Desk) -> None:
    owned = desk.portfolio()
    other = desk.second_portfolio(owned.owner)
    placed = [desk.run(_named(each, "monday-1")) for each in (owned, other)]
    found = desk.views.orders(OrderFilter(owner_id=owned.owner, client_order_id="monday-1"))
    assert list(found.items) == placed[::-1]
    which = OrderFilter(portfolio_id=other.id, client_order_id="monday-1")
    assert desk.views.orders(which).items == (placed[1],)


def test_a_refused_and_a_canceled_order_keep_their_names(desk: Desk) -> None:
    owned = desk.portfolio()
    assert desk.run(_named(owned, "much", quantity="10000")).status == "refused"
    desk.cancel(desk.run(_named(owned, "gone")))
    for name in ("much", "gone"):
        with pytest.raises(ClientOrderIdTakenError):
            desk.run(_named(owned, name))


def test_a_name_asked_for_twice_in_one_batch_fails_nobody_else(desk: Desk) -> None:
    owned = desk.portfolio()
    names = ["one", "two", "one", "three", "two"]
    answers = desk.together([partial(desk.run, _named(owned, name)) for name in names])
    made = [it.client_order_id for it in answers if isinstance(it, OrderView)]
    assert made == ["one", "two", "three"]
    assert [type(it) for it in answers if not isinstance(it, OrderView)] == [
        ClientOrderIdTakenError
    ] * 2


def test_a_name_is_not_used_up_by_a_command_that_failed(desk: Desk) -> None:
    owned = desk.portfolio()
    with pytest.raises(ClientOrderIdTakenError):
        desk.do(
            lambda unit: [
                unit.orders.record(f"0192f0c1-0000-7000-8000-00000000000{n}", [_placed(owned)])
                for n in range(2)
            ]
        )
    assert desk.run(_named(owned, "twice")).status == "approved"


def test_another_process_finds_the_name_taken(store: Store) -> None:
    here, there = store.desk(), store.desk()
    owned = here.portfolio()
    here.run(_named(owned, "monday-1"))
    with pytest.raises(ClientOrderIdTakenError):
        there.run(_named(owned, "monday-1"))


def test_asked_again_with_its_key_an_order_with_a_name_is_answered_again(desk: Desk) -> None:
    owned = desk.portfolio()
    once = desk.run(_named(owned, "monday-1"), key="a")
    assert desk.run(_named(owned, "monday-1"), key="a") == once


def _placed(owned: Owned) -> OrderPlaced:
    command = _named(owned, "twice")
    return OrderPlaced(order_id=ORDER_ID, at=NOON, owner_id=command.owner_id, ticket=command.ticket)
