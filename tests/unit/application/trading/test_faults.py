"""Many orders through every way a venue fails: at the end its book is ours, and nothing is twice."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest

from tests.unit.application.trading.floor import Floor, floor
from tests.venues.faults import Call, Fault
from tests.venues.in_process import KEY
from tests.venues.orders import Top

_MARKET = Top(Decimal("99.9"), Decimal("100.1"))
_OF_CALLS = [
    Fault.REFUSE,
    Fault.TOO_MANY,
    Fault.ERROR_BEFORE,
    Fault.ERROR_AFTER,
    Fault.TIMEOUT_BEFORE,
    Fault.TIMEOUT_AFTER,
    Fault.EFFECT_LATE,
    Fault.RESET_BEFORE,
    Fault.RESET,
    Fault.GARBAGE,
    Fault.STRANGE_STATUS,
    Fault.NO_ID,
    Fault.LATE,
]
_OF_STREAMS = [
    Fault.DOUBLED,
    Fault.SHUFFLED,
    Fault.REVERSED,
    Fault.LOST,
]


def trade(on: Floor, orders: int, random: Random) -> None:
    """Place orders of every kind, cancel some, move the market, let the venue be late."""
    for number in range(orders):
        side = random.choice(["buy", "sell"]) if number > orders // 3 else "buy"
        price = str(random.choice([99, 100, 101]))
        order = on.place(side=side, quantity=str(random.randint(1, 9)), limit_price=price)
        on.go_on(1)
        if random.random() < 0.2 and on.now(order).status in {"approved", "accepted", "unknown"}:
            on.writing.cancel(on.now(order))
        if random.random() < 0.1:
            on.venue.do_late()
        if random.random() < 0.3:
            middle = Decimal(random.choice(["99.5", "100", "100.5"]))
            on.venue.book.set_price("AAPL", Top(middle - Decimal("0.1"), middle + Decimal("0.1")))


@pytest.mark.parametrize("fault", _OF_CALLS)
def test_whatever_a_call_does_the_books_agree_when_the_venue_is_well_again(fault: Fault) -> None:
    with floor(seed=7) as on:
        on.venue.book.set_price("AAPL", _MARKET)
        on.go_on(2)
        for call in (Call.SUBMIT, Call.CANCEL, Call.QUERY, Call.LIST):
            probability = 0.4 if call is Call.SUBMIT else 0.2
            if call in {Call.QUERY, Call.LIST} and fault is Fault.REFUSE:
                continue
            on.venue.faults.add(fault, call, probability=probability)
        trade(on, 60, Random(11))
        on.venue.faults.clear()
        on.venue.do_late()
        on.go_on(120)
        on.assert_books_agree()
        assert not [it for it in on.orders() if it.status in {"submitting", "unknown"}]
        before = on.events()
        on.start().look()
        on.go_on(60)
        assert on.events() == before, "a second reconciliation recorded something"


@pytest.mark.parametrize("fault", _OF_STREAMS)
def test_whatever_a_stream_does_the_books_agree(fault: Fault) -> None:
    with floor(seed=3) as on:
        on.venue.book.set_price("AAPL", _MARKET)
        on.go_on(2)
        on.venue.faults.add(fault, Call.STREAM)
        trade(on, 60, Random(5))
        on.venue.faults.clear()
        on.go_on(60)
        on.assert_books_agree()


def test_what_ends_in_doubt_at_the_venue_is_never_a_rejection_here() -> None:
    with floor() as on:
        on.go_on(2)
        on.venue.faults.add(Fault.TIMEOUT_AFTER, Call.SUBMIT, Call.QUERY, Call.LIST)
        on.venue.faults.add(Fault.LOST, Call.STREAM)
        order = on.place()
        on.go_on(30)
        assert on.now(order).status == "unknown"
        on.go_on(120)
        assert on.now(order).status == "unconfirmed"
        assert [it.kind.value for it in on.alarms] == ["unconfirmed"]
        on.venue.faults.clear()
        on.go_on(60)
        assert on.now(order).status == "accepted"
        assert len(on.venue.book.orders(KEY)) == 1
