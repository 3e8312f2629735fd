"""Orders through every way a venue fails: at the end its book is ours, and nothing is twice.

A few for each way; the whole number is `make fault-matrix`.
"""

from __future__ import annotations

import pytest

from tests.crash.faults import OF_CALLS, OF_STREAMS, through
from tests.crash.floor import floor
from tests.venues.faults import Call, Fault
from tests.venues.in_process import KEY


@pytest.mark.parametrize("fault", [*OF_CALLS, *OF_STREAMS])
def test_whatever_a_venue_does_the_books_agree_when_it_is_well_again(fault: Fault) -> None:
    assert through(fault, orders=40, seed=7).second_pass == 0


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
        assert {it.kind.value for it in on.alarms} == {"unconfirmed", "venue_away"}
        on.venue.faults.clear()
        on.go_on(60)
        assert on.now(order).status == "accepted"
        assert len(on.venue.book.orders(KEY)) == 1
