"""What the venue's books say otherwise: recorded once, told of once, and gone when it is gone."""

from __future__ import annotations

import json
from decimal import Decimal

from tests.crash.floor import Floor, floor
from tests.venues.in_process import KEY
from tests.venues.orders import Kind, Top, Wish
from tests.venues.orders import Side as TheirSide


def types(on: Floor) -> list[str]:
    """Return the types of the venue's stream."""
    lines = [it for it in on.store.log() if it.stream.startswith("venue-")]
    return [json.loads(it.body)["type"] for it in lines]


def foreign(on: Floor) -> None:
    """Have somebody else use the account."""
    wish = Wish(
        listing=on.venue.book.listings["AAPL"],
        side=TheirSide.BUY,
        kind=Kind.LIMIT,
        quantity=Decimal(3),
        client_id="somebody-else",
        price=Decimal(100),
    )
    on.venue.book.submit(KEY, wish)


def test_an_order_we_did_not_send_is_found_told_of_and_left_alone() -> None:
    with floor() as on:
        foreign(on)
        on.go_on(10)
        assert [it.kind.value for it in on.alarms] == ["foreign_order"]
        assert "venue.difference_found" in types(on)
        assert on.venue.book.open_orders(KEY)
        before = on.events()
        on.start()
        on.go_on(40)
        assert on.events() == before
        assert len(on.alarms) == 2, "each desk tells of it once"


def test_what_was_there_before_us_is_no_difference() -> None:
    with floor() as on:
        on.venue.book.accounts[KEY].balance("AAPL").free = Decimal(7)
        on.venue.book.set_price("AAPL", Top(Decimal(99), Decimal(100)))
        on.go_on(2)
        order = on.place(quantity="5", limit_price="101")
        on.go_on(70)
        assert on.now(order).status == "filled"
        assert not on.alarms
        assert types(on) == ["venue.baseline_recorded"]


def test_what_somebody_else_traded_is_a_difference_until_it_is_made_up_for() -> None:
    with floor() as on:
        on.venue.book.set_price("AAPL", Top(Decimal(99), Decimal(100)))
        on.go_on(2)
        on.place(quantity="5", limit_price="101")
        on.go_on(40)
        on.venue.book.accounts[KEY].balance("AAPL").free += 2
        on.go_on(100)
        assert [it.kind.value for it in on.alarms] == ["position"]
        assert "2 AAPL more" in on.alarms[0].sentence
        on.venue.book.accounts[KEY].balance("AAPL").free -= 2
        on.go_on(40)
        assert types(on)[-2:] == ["venue.difference_found", "venue.difference_ended"]


def test_nothing_is_sent_before_the_books_were_compared() -> None:
    with floor() as on:
        order = on.place()
        on.venue.book.accounts[KEY].balance("AAPL").free = Decimal(0)
        assert not on.desk.may_send
        on.desk.look()
        assert on.desk.may_send
        on.desk.look()
        assert on.now(order).status == "accepted"


def test_an_order_asked_back_gives_up_what_it_set_aside_when_the_venue_says_so() -> None:
    with floor() as on:
        on.go_on(2)
        order = on.place(quantity="5", limit_price="90")
        on.go_on(2)
        on.writing.cancel(on.now(order))
        assert (on.now(order).status, on.now(order).reserved) == ("pending_cancel", "450.45")
        on.go_on(2)
        assert (on.now(order).status, on.now(order).reserved) == ("canceled", "0")
        (dollars,) = on.writing.portfolio_now(on.owned).balances
        assert (dollars.free, dollars.reserved) == ("100000000", "0")
