"""The table of legal edges: complete, drawn as it is, and with a way out of every doubt."""

from __future__ import annotations

from typing import get_args

import pytest

from tools.order_edges import PAGE, page_with
from traderbot.domain.orders.events import (
    OrderAccepted,
    OrderEnded,
    OrderEvent,
    OrderFilled,
    OrderPlaced,
    OrderSubmitting,
    VenueAnswered,
)
from traderbot.domain.orders.lifecycle import EDGES, OrderStatus

S = OrderStatus
_ENDED = {S.REFUSED, S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED}


def test_the_page_draws_the_table_as_it_is() -> None:
    text = PAGE.read_text("utf-8")
    assert page_with(text) == text, "draw it again: python tools/order_edges.py"


def test_every_event_but_the_first_has_an_edge() -> None:
    assert {event for _, event in EDGES} == set(get_args(OrderEvent)) - {OrderPlaced}


@pytest.mark.parametrize("status", S)
def test_a_fill_and_a_word_of_the_venue_are_facts_everywhere(status: OrderStatus) -> None:
    assert (status, OrderFilled) in EDGES
    assert EDGES[status, VenueAnswered] == {status}


@pytest.mark.parametrize("status", [it for it in S if it.is_open])
def test_whatever_is_open_can_end_in_every_way(status: OrderStatus) -> None:
    ends = set().union(*(EDGES[status, end] for end in get_args(OrderEnded)))
    assert ends == {S.CANCELED, S.EXPIRED, S.REJECTED}


@pytest.mark.parametrize("status", sorted(_ENDED))
def test_an_end_is_final_but_for_late_fills_and_changes(status: OrderStatus) -> None:
    leads_to = set().union(*(after for (before, _), after in EDGES.items() if before is status))
    may = {S.FILLED} if status is not S.FILLED else {S.PARTIALLY_FILLED}
    assert leads_to <= {status} | may


@pytest.mark.parametrize("status", [it for it in S if it.is_doubtful])
def test_a_doubt_ends_only_by_the_venues_word(status: OrderStatus) -> None:
    """No edge leads from a doubt to a sure state but one that the venue's own word makes."""
    words = {OrderAccepted, OrderFilled, *get_args(OrderEnded)}
    for (before, event), targets in EDGES.items():
        if before is status and any(not it.is_doubtful for it in targets):
            assert event in words or event.__name__ == "SubmissionDeferred"


def test_nothing_is_sent_that_was_not_approved() -> None:
    assert {before for before, event in EDGES if event is OrderSubmitting} == {
        S.APPROVED,
        S.UNKNOWN,  # with proof that the venue has it not: test_order_machine.py
    }
