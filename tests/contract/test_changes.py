"""Changing orders where the venue makes another order of it: here it stays one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.venues.faults import Call, Fault
from tests.venues.labs import IMPATIENT_SECONDS, Lab, lab
from traderbot.application.ports.venue import (
    Acknowledged,
    Connected,
    Denied,
    Unclear,
    VenueNews,
    VenueOrder,
    VenueStatus,
    WorkingOrder,
)
from traderbot.domain.orders.order import PendingAmendment
from traderbot.domain.orders.ticket import OrderKind, Side
from traderbot.domain.shared.values import Money, Price, Quantity


@pytest.fixture(params=["ccxt", "alpaca"])
def the(request: pytest.FixtureRequest) -> Iterator[Lab]:
    with lab(request.param) as made:
        yield made


def acknowledged(answer: object) -> VenueOrder:
    assert isinstance(answer, Acknowledged), answer
    return answer.order


def sent(the: Lab, **how: str) -> WorkingOrder:
    order = the.order(**{"quantity": "10", "price": "90", **how})
    return the.named(order, acknowledged(the.venue.submit(order)).venue_order_id)


def wanting(
    order: WorkingOrder, quantity: str, price: str, stop: str | None = None
) -> WorkingOrder:
    nothing = Money.zero(order.ticket.symbol.quote)
    pending = PendingAmendment(
        quantity=Quantity(quantity),
        limit_price=Price(price),
        stop_price=None if stop is None else Price(stop),
        reserved_more=nothing,
        reserved_spare=nothing,
        closing_more=Quantity(0),
        closing_spare=Quantity(0),
    )
    return replace(order, amendment=pending)


def working(the: Lab) -> list[tuple[str, Decimal, Decimal | None]]:
    return [(it.client_id, it.quantity, it.wish.price) for it in the.server.book.open_orders()]


def fill(the: Lab, quantity: str, price: str) -> None:
    (order,) = the.server.book.open_orders()
    the.server.book.fill(order, Decimal(quantity), Decimal(price))


def changed(order: WorkingOrder) -> WorkingOrder:
    """Return the order as it is when the change is on record."""
    wanted = order.amendment
    assert wanted is not None
    ticket = replace(order.ticket, quantity=wanted.quantity, limit_price=wanted.limit_price)
    return replace(order, ticket=ticket, amendment=None)


def test_a_change_is_one_order_with_what_was_traded_before_and_after(the: Lab) -> None:
    order = sent(the)
    fill(the, "4", "90")
    after = acknowledged(the.venue.amend(wanting(order, "12", "91")))
    assert (after.quantity, after.filled, after.limit_price) == (
        Quantity(12),
        Quantity(4),
        Price(91),
    )
    assert after.client_order_id == order.client_order_id
    assert working(the) == [(f"{order.client_order_id}-r1", Decimal(8), Decimal(91))]
    fill(the, "8", "91")
    found = acknowledged(the.venue.find(changed(wanting(order, "12", "91"))))
    assert (found.status, found.filled) == (VenueStatus.FILLED, Quantity(12))
    told = the.venue.trades(the.symbol)
    assert [(it.quantity, it.client_order_id) for it in told] == [
        (Quantity(4), order.client_order_id),
        (Quantity(8), order.client_order_id),
    ]


def test_a_change_asked_for_twice_is_made_once(the: Lab) -> None:
    order = wanting(sent(the), "5", "89")
    for _ in range(3):
        acknowledged(the.venue.amend(order))
    assert working(the) == [(f"{order.client_order_id}-r1", Decimal(5), Decimal(89))]


def test_changes_follow_each_other_and_a_fresh_program_finds_the_newest(the: Lab) -> None:
    order = sent(the)
    for number, price in enumerate(("91", "92", "93"), 1):
        order = wanting(changed(order) if order.amendment else order, "10", price)
        acknowledged(the.venue.amend(order))
        assert working(the)[0][0] == f"{order.client_order_id}-r{number}"
    fresh = the.another()
    found = acknowledged(fresh.find(changed(order)))
    assert (found.status, found.limit_price) == (VenueStatus.WORKING, Price(93))
    (listed,) = fresh.open_orders()
    assert listed.client_order_id == order.client_order_id
    canceled = acknowledged(the.another().cancel(changed(order)))
    assert canceled.status is VenueStatus.CANCELED
    assert working(the) == []
    fresh.close()


def test_a_changed_order_is_asked_back_in_its_newest_form(the: Lab) -> None:
    order = wanting(sent(the), "10", "91")
    acknowledged(the.venue.amend(order))
    assert acknowledged(the.venue.cancel(changed(order))).status is VenueStatus.CANCELED
    assert working(the) == []
    assert acknowledged(the.venue.find(changed(order))).status is VenueStatus.CANCELED


@pytest.mark.parametrize("fault", [Fault.TIMEOUT_AFTER, Fault.RESET, Fault.ERROR_AFTER])
def test_a_change_whose_answer_was_lost_is_unclear_and_then_seen(the: Lab, fault: Fault) -> None:
    with the.impatient() as venue:
        order = wanting(sent(the), "10", "91")
        the.server.faults.add(fault, Call.AMEND, count=1, seconds=IMPATIENT_SECONDS * 3)
        assert isinstance(venue.amend(order), Unclear)
        assert acknowledged(venue.amend(order)).limit_price == Price(91)
        assert len(working(the)) == 1


@pytest.mark.parametrize("fault", [Fault.TIMEOUT_BEFORE, Fault.RESET_BEFORE, Fault.ERROR_BEFORE])
def test_a_change_that_never_came_stays_asked_for(the: Lab, fault: Fault) -> None:
    with the.impatient() as venue:
        order = wanting(sent(the), "10", "91")
        the.server.faults.add(fault, Call.AMEND, count=1, seconds=IMPATIENT_SECONDS * 3)
        assert isinstance(venue.amend(order), Unclear)
        assert working(the) == [(order.client_order_id, Decimal(10), Decimal(90))]
        acknowledged(venue.amend(order))
        assert working(the) == [(f"{order.client_order_id}-r1", Decimal(10), Decimal(91))]


def test_a_change_the_venue_refuses_leaves_the_order_as_it_was(the: Lab) -> None:
    order = sent(the)
    the.server.faults.add(Fault.REFUSE, Call.AMEND, count=1, status=400)
    assert isinstance(the.venue.amend(wanting(order, "10", "91")), Denied)
    assert working(the) == [(order.client_order_id, Decimal(10), Decimal(90))]


def test_what_was_filled_or_canceled_meanwhile_is_not_brought_back(the: Lab) -> None:
    filled, canceled = sent(the), sent(the, quantity="3")
    book = the.server.book
    book.fill(the.theirs(filled)[0], Decimal(10), Decimal(90))
    book.cancel(the.theirs(canceled)[0].account, the.theirs(canceled)[0])
    for order in (filled, canceled):
        assert isinstance(the.venue.amend(wanting(order, "12", "91")), Denied)
    assert working(the) == []


def test_no_change_takes_back_what_is_traded(the: Lab) -> None:
    order = sent(the)
    fill(the, "4", "90")
    assert isinstance(the.venue.amend(wanting(order, "4", "90")), Denied)
    assert len(working(the)) == 1


def test_a_stop_and_its_limit_are_moved(the: Lab) -> None:
    order = the.order(
        kind=OrderKind.STOP_LIMIT,
        side=Side.SELL,
        quantity="10",
        price="79",
        stop_price=Price(80),
    )
    order = the.named(order, acknowledged(the.venue.submit(order)).venue_order_id)
    after = acknowledged(the.venue.amend(wanting(order, "10", "84", "85")))
    assert (after.limit_price, after.stop_price) == (Price(84), Price(85))


def test_the_stream_never_tells_that_a_changed_order_was_canceled(the: Lab) -> None:
    news: list[VenueNews] = []
    with the.venue.follow(news.append):
        until(lambda: any(isinstance(it, Connected) for it in news))
        the.server.until_followed()
        order = wanting(sent(the), "10", "91")
        acknowledged(the.venue.amend(order))
        acknowledged(the.venue.cancel(changed(order)))
        until(lambda: any(status is VenueStatus.CANCELED for status in states(news)))
        assert len([it for it in states(news) if it is VenueStatus.CANCELED]) == 1
        assert states(news)[-1] is VenueStatus.CANCELED


def test_another_program_hears_no_end_of_an_order_that_was_only_changed(the: Lab) -> None:
    news: list[VenueNews] = []
    other = the.another()
    with other.follow(news.append):
        until(lambda: any(isinstance(it, Connected) for it in news))
        the.server.until_followed()
        order = wanting(sent(the), "10", "91")
        acknowledged(the.venue.amend(order))
        until(lambda: len(states(news)) >= 3)
        assert VenueStatus.CANCELED not in states(news)
    other.close()


def states(news: list[VenueNews]) -> list[VenueStatus]:
    return [it.status for it in news if isinstance(it, VenueOrder)]


def until(holds: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)
