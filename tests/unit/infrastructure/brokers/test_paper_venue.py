"""What the paper venue says when its books cannot be kept or read, and what it does not ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.builders import NOON
from tests.unit.domain.simulation.floor import a_ticket, bar, order_id
from traderbot.application.errors import (
    DatabaseUnavailableError,
    OutcomeUnknownError,
    VenueUnavailableError,
)
from traderbot.application.ports.paper_desk import BookAfter, PaperBooks, PaperDesk, RecordedTrade
from traderbot.application.ports.venue import Unclear, WorkingOrder
from traderbot.domain.orders.order import PendingAmendment
from traderbot.domain.orders.ticket import OrderKind, TimeInForce
from traderbot.domain.shared.values import USD, Money, Quantity, symbol
from traderbot.domain.simulation.book import Book, Submission, book_id
from traderbot.domain.simulation.events import PaperEvent
from traderbot.domain.simulation.fill_model import FillModel, SlippageKind
from traderbot.infrastructure.brokers.paper_venue import Costs, PaperVenue
from traderbot.infrastructure.repeatable import ReplayClock

AAPL = symbol("AAPL")
CLOCK = ReplayClock(NOON)


def an_order(wish: str = "buy 10") -> WorkingOrder:
    ticket = a_ticket(wish)
    return WorkingOrder(
        order_id=order_id(1), ticket=ticket, remaining=ticket.quantity, placed_at=NOON
    )


class Broken(PaperDesk, PaperBooks):
    """An office whose database answers nothing."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def _fail(self, *_: Any, **__: Any) -> Any:
        raise self.error

    submit = cancel = amend = meet = pass_time = heads = events = trades = _fail


class Counting(PaperDesk, PaperBooks):
    """An office with one order in its books, that counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        order = an_order("buy 10 stop 120")
        submission = Submission(
            order_id=order.order_id, client_order_id="x", ticket=order.ticket, placed_at=NOON
        )
        self.kept = Book.submit(None, submission, timedelta(0))
        self.id = book_id(order.ticket.portfolio_id, AAPL)

    def heads(self) -> Mapping[str, int]:
        self.asked.append("heads")
        return {self.id: len(self.kept)}

    def events(self, book_id: str, after: int = 0) -> Sequence[tuple[datetime, PaperEvent]]:
        self.asked.append(f"events {book_id == self.id} {after}")
        return [(NOON, event) for event in self.kept[after:]]

    def trades(self, book_id: str, since: datetime | None = None) -> Sequence[RecordedTrade]:
        del book_id, since
        return []

    def meet(self, *_: Any, **__: Any) -> BookAfter:
        self.asked.append("meet")
        return BookAfter(Book.from_events(self.kept), ())

    def _never(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError

    submit = cancel = amend = pass_time = _never


@pytest.mark.parametrize("error", [DatabaseUnavailableError("away"), OutcomeUnknownError("broke")])
def test_when_its_books_cannot_be_kept_nobody_knows_and_nothing_is_denied(error: Exception) -> None:
    office = Broken(error)
    venue = PaperVenue(office, office, CLOCK)
    nothing = Money.zero(USD)
    amendment = PendingAmendment(
        quantity=Quantity(5),
        limit_price=None,
        stop_price=None,
        reserved_more=nothing,
        reserved_spare=nothing,
        closing_more=Quantity(0),
        closing_spare=Quantity(0),
    )
    amended = replace(an_order(), amendment=amendment)
    answers = [
        venue.submit(an_order()),
        venue.cancel(an_order()),
        venue.amend(amended),
        venue.find(an_order()),
    ]
    assert all(isinstance(answer, Unclear) for answer in answers)
    assert venue.cancel_all() is False


def test_when_its_books_cannot_be_read_it_is_unavailable() -> None:
    office = Broken(DatabaseUnavailableError("away"))
    venue = PaperVenue(office, office, CLOCK)
    for ask in (
        venue.open_orders,
        venue.positions,
        venue.balances,
        lambda: venue.trades(AAPL),
        lambda: venue.working(AAPL),
        lambda: venue.on_bar(bar("100", "105", "95", "102")),
    ):
        with pytest.raises(VenueUnavailableError):
            ask()
    assert venue.server_time() == NOON


def test_it_trades_every_kind_of_order_and_every_symbol() -> None:
    venue = PaperVenue(Counting(), Counting(), CLOCK, account="second")
    assert (venue.name, venue.account) == ("paper", "second")
    assert venue.abilities.kinds == set(OrderKind)
    assert venue.abilities.durations == set(TimeInForce)
    assert venue.instrument(AAPL) is not None


def test_idle_bars_cost_neither_a_command_nor_a_question() -> None:
    office = Counting()
    venue = PaperVenue(office, office, CLOCK, monotonic=lambda: 0.0)
    venue.on_bar(bar("100", "105", "95", "102"))
    assert office.asked == ["heads", "events True 0"]
    for hour in range(1, 100):
        venue.on_bar(bar("100", "105", "95", "102", hour=hour))
    venue.on_bar(replace(bar("80", "85", "75", "82"), symbol=symbol("MSFT")))
    assert office.asked == ["heads", "events True 0"]
    venue.on_bar(bar("100", "121", "95", "102", hour=100))
    assert office.asked[-1] == "meet"


def test_what_others_did_is_looked_for_again_and_again_but_not_on_every_bar() -> None:
    office, now = Counting(), 0.0
    venue = PaperVenue(office, office, CLOCK, monotonic=lambda: now)
    for _ in range(10):
        venue.working(AAPL)
    now = 0.06
    venue.working(AAPL)
    assert office.asked.count("heads") == 2


def test_costs_are_a_model_with_one_fee_and_a_slippage_in_basis_points() -> None:
    model = Costs(fee_bps=Decimal(12), slippage_bps=Decimal(3)).model
    assert model.name == "maker 12 taker 12 bps, slippage bps 3"
    assert Costs(slippage_bps=Decimal(0)).model.slippage.kind is SlippageKind.NONE
    assert Costs().model == FillModel()
