"""Orders that only reduce, at a venue that has none: nothing leaves that would do more."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from tests.crash.floor import Floor, floor
from tests.venues.in_process import KEY
from tests.venues.orders import Top
from traderbot.application.commands.place_order import PlaceOrder
from traderbot.application.views import OrderView
from traderbot.domain.orders.ticket import Exits, OrderKind, Side, Ticket
from traderbot.domain.shared.values import Price, Quantity, symbol


def place(on: Floor, **ticket: Any) -> OrderView:
    fields = {
        "portfolio_id": on.owned.id,
        "symbol": symbol("AAPL"),
        "side": Side.BUY,
        "quantity": Quantity(5),
        "kind": OrderKind.LIMIT,
        "limit_price": Price(101),
    }
    wish = Ticket(**{**fields, **ticket})
    return on.writing.run(PlaceOrder(owner_id=on.owned.owner, ticket=wish))


def bought(on: Floor, **ticket: Any) -> OrderView:
    on.venue.book.set_price("AAPL", Top(Decimal(99), Decimal(100)))
    on.go_on(2)
    order = place(on, **ticket)
    on.go_on(3)
    assert on.now(order).status == "filled"
    return order


def sells(on: Floor) -> list[Any]:
    return [it for it in on.venue.book.orders(KEY) if it.side.value == "sell"]


def test_what_closes_a_position_leaves() -> None:
    with floor() as on:
        bought(on)
        exit_ = place(on, side=Side.SELL, limit_price=Price(120), reduce_only=True)
        on.go_on(3)
        assert on.now(exit_).status == "accepted"
        assert len(sells(on)) == 1


def test_what_would_open_a_position_by_now_is_rejected_and_never_sent() -> None:
    with floor() as on:
        bought(on)
        exit_ = place(on, side=Side.SELL, limit_price=Price(120), reduce_only=True)
        assert exit_.status == "approved"
        # Somebody sold by other means: our books hear of a trade that left nothing to close.
        moved = place(on, side=Side.SELL, quantity=Quantity(5), limit_price=Price(98))
        del moved
        sent = [it for it in on.orders() if it.status == "approved"]
        assert exit_.order_id in {it.order_id for it in sent}
        on.go_on(10)
        held = {it.symbol: it.quantity for it in on.writing.portfolio_now(on.owned).positions}
        assert Decimal(held.get("AAPL", "0")) >= 0
        on.assert_books_agree()


def test_two_exits_of_one_fill_are_never_at_such_a_venue_together() -> None:
    with floor() as on:
        bought(on, exits=Exits(take_profit=Price(120), stop_loss=Price(80)))
        on.go_on(10)
        states = {it.type: it.status for it in on.orders() if it.reduce_only}
        assert states == {"stop": "accepted", "limit": "approved"}
        assert len(sells(on)) == 1
        (stop,) = [it for it in on.orders() if it.type == "stop"]
        on.writing.cancel(stop)
        on.go_on(10)
        states = {it.type: it.status for it in on.orders() if it.reduce_only}
        assert states == {"stop": "canceled", "limit": "accepted"}


def test_a_venue_that_sees_to_it_itself_gets_both() -> None:
    with floor() as on:
        on.venue.abilities = replace(on.venue.abilities, reduce_only=True)
        on.venue.book.accounts[KEY].margin = True  # nothing is locked twice
        bought(on, exits=Exits(take_profit=Price(120), stop_loss=Price(80)))
        on.go_on(10)
        states = {it.type: it.status for it in on.orders() if it.reduce_only}
        assert states == {"stop": "accepted", "limit": "accepted"}
