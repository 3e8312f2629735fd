"""What the paper venue promises as a venue, with its books in each kind of database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.builders import NOON
from tests.stores import MemoryStore, SqlStore, Store
from tests.unit.domain.simulation.floor import a_ticket as a_wish
from tests.unit.domain.simulation.floor import bar, depth, order_id
from traderbot.application.paper_desk import WritingPaperDesk
from traderbot.application.ports.bar_venue import BarNews, StopReached
from traderbot.application.ports.paper_desk import PaperBooks
from traderbot.application.ports.venue import (
    Absent,
    Acknowledged,
    Connected,
    Denied,
    VenueNews,
    VenueOrder,
    VenueStatus,
    VenueTrade,
    WorkingOrder,
)
from traderbot.domain.orders.order import PendingAmendment
from traderbot.domain.shared.ids import PortfolioId
from traderbot.domain.shared.values import USD, Money, Price, Quantity, currency, symbol
from traderbot.domain.simulation.fill_model import FillModel, Slippage, SlippageKind
from traderbot.infrastructure.brokers.paper_books import MemoryPaperBooks, SqlPaperBooks
from traderbot.infrastructure.brokers.paper_venue import PaperVenue
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.repeatable import ReplayClock

AAPL = symbol("AAPL")
PLAIN = bar("100", "105", "95", "102")
OTHER = PortfolioId("0192f0c1-0000-7000-8000-0000000000bb")
FREE = FillModel(slippage=Slippage(SlippageKind.NONE))
CAPPED = replace(FREE, participation=Decimal("0.01"))


class Paper:
    """A paper venue in a database, and more of them: of other processes, or after a restart."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = ReplayClock(NOON)
        self.writer = store.desk(clock=self.clock).writer
        self.venue = self.another()

    def another(self, model: FillModel = FREE, **more: Any) -> PaperVenue:
        """Return a venue that knows nothing but what is in the database."""
        return PaperVenue(WritingPaperDesk(self.writer), self.books(), self.clock, model, **more)

    def books(self) -> PaperBooks:
        if isinstance(self.store, SqlStore):
            return SqlPaperBooks(self.store.reader, EventCodec())
        assert isinstance(self.store, MemoryStore)
        return MemoryPaperBooks(self.store.memory, EventCodec())

    @property
    def events(self) -> int:
        return len(self.store.log())


@pytest.fixture
def paper(store: Store) -> Paper:
    return Paper(store)


def an_order(
    wish: str, number: int = 1, *, portfolio: str | None = None, **more: Any
) -> WorkingOrder:
    at: datetime = more.pop("at", NOON)
    ticket = a_wish(wish, **more)
    if portfolio:
        ticket = replace(ticket, portfolio_id=PortfolioId(portfolio))
    return WorkingOrder(
        order_id=order_id(number),
        ticket=ticket,
        remaining=ticket.quantity,
        placed_at=at,
        client_order_id=order_id(number).replace("-", ""),
    )


def acknowledged(answer: object) -> VenueOrder:
    assert isinstance(answer, Acknowledged), answer
    return answer.order


def told(news: Sequence[BarNews]) -> list[str]:
    """Return news in short."""
    said = []
    for it in news:
        if isinstance(it, VenueTrade):
            said.append(f"{it.side.value} {it.quantity} at {it.price}")
        elif isinstance(it, StopReached):
            said.append(f"stop reached at {it.price}")
        else:
            said.append(it.status.value)
    return said


def test_an_order_is_taken_in_under_its_name_and_found_by_it(paper: Paper) -> None:
    order = an_order("buy 10 limit 90")
    taken = acknowledged(paper.venue.submit(order))
    found = acknowledged(paper.venue.find(order))
    assert found == taken
    assert found.client_order_id == order.client_order_id
    assert (found.status, found.filled, found.quantity) == (
        VenueStatus.WORKING,
        Quantity(0),
        Quantity(10),
    )
    assert found.limit_price == Price(90)
    assert paper.venue.open_orders() == [found]


def test_an_order_sent_twice_is_there_once(paper: Paper) -> None:
    order = an_order("buy 10 limit 90")
    first = acknowledged(paper.venue.submit(order))
    before = paper.events
    assert acknowledged(paper.venue.submit(order)) == first
    assert acknowledged(paper.another().submit(order)) == first
    assert paper.events == before


def test_an_order_sent_again_after_it_ended_is_told_as_it_ended(paper: Paper) -> None:
    order = an_order("buy 10")
    paper.venue.submit(order)
    paper.venue.on_bar(PLAIN)
    told_ = acknowledged(paper.another().submit(order))
    assert (told_.status, told_.filled) == (VenueStatus.FILLED, Quantity(10))


def test_an_order_nobody_sent_is_absent(paper: Paper) -> None:
    for answer in (paper.venue.find(an_order("buy 1")), paper.venue.cancel(an_order("buy 1"))):
        assert isinstance(answer, Absent)
        assert answer.raw
    paper.venue.submit(an_order("buy 1", 2))
    assert isinstance(paper.venue.find(an_order("buy 1")), Absent)


def test_an_order_that_comes_too_late_is_denied_and_stays_so(paper: Paper) -> None:
    order = an_order("buy 1 limit 9", good="gtd", expires_at=NOON)
    denied = paper.venue.submit(order)
    assert isinstance(denied, Denied)
    assert denied.code == "EXPIRED"
    again = paper.venue.submit(order)
    assert isinstance(again, Denied)
    assert acknowledged(paper.venue.find(order)).status is VenueStatus.REJECTED


def test_an_order_partly_traded_elsewhere_is_denied(paper: Paper) -> None:
    answer = paper.venue.submit(replace(an_order("buy 9"), filled=Quantity(4)))
    assert isinstance(answer, Denied)
    assert "send the rest as an order" in answer.reason


def test_a_restart_loses_nothing_and_answers_for_orders_nobody_heard_of(paper: Paper) -> None:
    working, filled = an_order("buy 10 limit 90"), an_order("buy 5", 2)
    canceled, partly = an_order("sell 3 limit 200", 3), an_order("buy 30", 4)
    capped = paper.another(CAPPED)
    for order in (working, filled, canceled, partly):
        capped.submit(order)
    capped.cancel(canceled)
    capped.on_bar(PLAIN)  # ten of it for all: five and five
    restarted = paper.another(CAPPED)
    assert [
        acknowledged(restarted.find(it)).status.value for it in (working, filled, canceled)
    ] == [
        "working",
        "filled",
        "canceled",
    ]
    rest = acknowledged(restarted.find(partly))
    assert (rest.status, rest.filled) == (VenueStatus.WORKING, Quantity(5))
    assert {it.client_order_id for it in restarted.open_orders()} == {
        working.client_order_id,
        partly.client_order_id,
    }
    assert restarted.trades(AAPL) == capped.trades(AAPL)
    assert restarted.positions() == {AAPL: Decimal(10)}


def test_a_bar_shown_twice_trades_once_here_and_after_a_restart(paper: Paper) -> None:
    paper.venue.submit(an_order("buy 10"))
    assert told(paper.venue.on_bar(PLAIN)) == ["buy 10 at 100"]
    before = paper.events
    assert paper.venue.on_bar(PLAIN) == []
    assert paper.another().on_bar(PLAIN) == []
    assert paper.events == before


def test_a_restart_in_the_middle_of_a_feed_gives_the_same_log(paper: Paper) -> None:
    bars = [
        bar("100", "102", "99", "101"),
        bar("101", "104", "100", "103", hour=1),
        bar("103", "103.5", "100", "101", hour=2),
        bar("101", "102", "98", "100", hour=3),
    ]
    for number in (1, 2):
        portfolio = OTHER if number == 2 else None
        paper.venue.submit(an_order("sell 10 trail 5", number, portfolio=portfolio))
    venue = paper.venue
    for each in bars:
        venue.on_bar(each)
        venue = paper.another()
    both = [paper.books().events(id_) for id_ in sorted(paper.books().heads())]
    one, other = ([event for _, event in events][1:] for events in both)
    assert [type(it) for it in one] == [type(it) for it in other]
    trades = venue.trades(AAPL)
    assert [(it.quantity, it.price) for it in trades] == [(Quantity(10), Price(99))] * 2


def test_trades_bear_the_same_names_for_ever(paper: Paper) -> None:
    capped = paper.another(CAPPED)
    capped.submit(an_order("buy 15"))
    first = [*capped.on_bar(PLAIN), *capped.on_bar(bar("101", "105", "95", "102", hour=1))]
    assert [it.trade_id for it in first if isinstance(it, VenueTrade)] == [
        f"{order_id(1)}:1",
        f"{order_id(1)}:2",
    ]
    assert paper.another().trades(AAPL) == first


def test_trades_since_an_instant_are_those_recorded_since(paper: Paper) -> None:
    paper.venue.submit(an_order("buy 10"))
    paper.clock.move_to(NOON + timedelta(hours=1))
    paper.venue.on_bar(PLAIN)
    # The bar's trade happened at noon; nobody could have known before one.
    assert len(paper.venue.trades(AAPL, NOON + timedelta(minutes=59))) == 1
    assert paper.venue.trades(AAPL, NOON + timedelta(hours=2)) == []
    assert paper.venue.trades(symbol("MSFT")) == []


def test_a_cancel_is_answered_with_how_the_order_ended(paper: Paper) -> None:
    order, filled = an_order("buy 10 limit 90"), an_order("buy 10", 2)
    paper.venue.submit(order)
    paper.venue.submit(filled)
    paper.venue.on_bar(PLAIN)
    for _ in range(2):
        assert acknowledged(paper.venue.cancel(order)).status is VenueStatus.CANCELED
    assert acknowledged(paper.venue.cancel(filled)).status is VenueStatus.FILLED


def test_an_order_is_amended_and_says_how_it_is_now(paper: Paper) -> None:
    order = an_order("buy 10 limit 90")
    paper.venue.submit(order)
    amended = acknowledged(paper.venue.amend(replace(order, amendment=wanted("8", "91"))))
    assert (amended.quantity, amended.limit_price) == (Quantity(8), Price(91))
    before = paper.events
    assert acknowledged(paper.venue.amend(replace(order, amendment=wanted("8", "91")))) == amended
    assert paper.events == before


def test_what_cannot_be_amended_is_denied_or_absent(paper: Paper) -> None:
    order = an_order("buy 10")
    assert isinstance(paper.venue.amend(order), Denied)
    change = replace(order, amendment=wanted("8", None))
    assert isinstance(paper.venue.amend(change), Absent)
    paper.venue.submit(order)
    paper.venue.on_bar(PLAIN)
    denied = paper.venue.amend(change)
    assert isinstance(denied, Denied)
    assert denied.code == "NOT_WORKING"


def test_balances_and_positions_follow_from_what_was_paid_in_and_traded(paper: Paper) -> None:
    venue = paper.another(funds=lambda: {USD: Decimal(5000)})
    venue.submit(an_order("buy 10"))
    venue.submit(an_order("buy 1", 2, symbol_code="BTC/USDT"))
    venue.on_bar(PLAIN)
    venue.on_bar(replace(PLAIN, symbol=symbol("BTC/USDT")))
    assert venue.positions() == {AAPL: Decimal(10), symbol("BTC/USDT"): Decimal(1)}
    assert venue.balances() == {
        USD: Decimal(5000) - Decimal(1000) - Decimal(1),
        currency("USDT"): Decimal("-100.1"),
        currency("BTC"): Decimal(1),
    }
    assert venue.fees()[USD] == Money("1", "USD")


def test_each_portfolio_trades_as_if_it_were_alone(paper: Paper) -> None:
    capped = paper.another(CAPPED)
    capped.submit(an_order("buy 10"))
    capped.submit(an_order("buy 10", 2, portfolio=OTHER))
    capped.submit(an_order("sell 5", 3, portfolio=OTHER, reduce_only=True))
    # The other one's book has traded all that it may of the bar; what reduces waits.
    assert told(capped.on_bar(PLAIN)) == ["buy 10 at 100"] * 2
    assert capped.positions() == {AAPL: Decimal(20)}
    assert told(capped.on_bar(bar("101", "105", "95", "102", hour=1))) == ["sell 5 at 101"]


def test_all_orders_can_be_asked_back_at_once(paper: Paper) -> None:
    for number in range(1, 4):
        paper.venue.submit(an_order("buy 10 limit 90", number))
    paper.venue.submit(an_order("buy 10 limit 90", 4, portfolio=OTHER, symbol_code="MSFT"))
    assert paper.venue.cancel_all()
    assert paper.venue.open_orders() == []
    assert paper.venue.on_bar(bar("80", "85", "75", "82")) == []


def test_it_claims_no_dead_mans_switch(paper: Paper) -> None:
    assert not paper.venue.abilities.dead_man
    assert not paper.venue.keep_alive(30)


def test_the_clock_ends_orders_where_no_bar_comes(paper: Paper) -> None:
    order = an_order("buy 10 limit 90", good="day")
    paper.venue.submit(order)
    assert paper.venue.on_clock() == []
    paper.clock.move_to(NOON + timedelta(hours=12))
    assert told(paper.venue.on_clock()) == ["expired"]
    assert acknowledged(paper.venue.find(order)).status is VenueStatus.EXPIRED


def test_it_trades_against_quotes_and_order_books_too(paper: Paper) -> None:
    paper.venue.submit(an_order("buy 10"))
    paper.venue.submit(an_order("sell 10 stop 98", 2))
    assert told(paper.venue.on_depth(depth("99x9", "100x4 101x9"))) == [
        "buy 4 at 100",
        "buy 6 at 101",
    ]
    assert told(paper.venue.on_depth(depth("97", "98", second=1))) == [
        "stop reached at 97",
        "sell 10 at 97",
    ]


def test_whoever_follows_hears_of_trades_and_ends_once(paper: Paper) -> None:
    heard: list[VenueNews] = []
    with paper.venue.follow(heard.append) as stream:
        assert stream.connected
        assert not stream.quiet_seconds
        paper.venue.submit(an_order("buy 10"))
        paper.venue.submit(an_order("buy 1 limit 9", 2))
        paper.venue.on_bar(PLAIN)
        paper.venue.cancel(an_order("buy 1 limit 9", 2))
    paper.venue.submit(an_order("buy 10", 3, at=NOON + timedelta(hours=1)))
    paper.venue.on_bar(bar("100", "105", "95", "102", hour=1))
    assert isinstance(heard[0], Connected)
    assert told([it for it in heard if isinstance(it, VenueTrade | VenueOrder)]) == [
        "buy 10 at 100",
        "canceled",
    ]


def test_what_another_process_took_in_is_traded_here(paper: Paper) -> None:
    now = 0.0
    here = paper.another(monotonic=lambda: now)
    there = paper.another()
    assert here.on_bar(bar("100", "105", "95", "102", hour=-1)) == []
    there.submit(an_order("buy 10"))
    now = 1.0
    assert here.working(AAPL) == [order_id(1)]
    assert told(here.on_bar(PLAIN)) == ["buy 10 at 100"]
    assert acknowledged(there.find(an_order("buy 10"))).status is VenueStatus.FILLED


def test_an_order_nobody_counts_on_is_forgotten(paper: Paper) -> None:
    order = an_order("buy 10")
    paper.venue.submit(order)
    for _ in range(2):
        paper.venue.forget(order.order_id, AAPL)
    assert paper.venue.working(AAPL) == []
    assert acknowledged(paper.venue.find(order)).status is VenueStatus.CANCELED


@pytest.mark.parametrize(
    "market",
    [
        lambda venue: venue.on_bar(replace(PLAIN, symbol=symbol("MSFT"))),
        lambda venue: venue.on_bar(bar("100", "105", "95", "102", hour=-1)),
        lambda venue: venue.on_depth(depth("", "")),
    ],
)
def test_a_market_that_changes_nothing_costs_no_event(
    paper: Paper, market: Callable[[PaperVenue], Sequence[BarNews]]
) -> None:
    paper.venue.submit(an_order("buy 10"))
    before = paper.events
    assert market(paper.venue) == []
    assert paper.events == before


def test_an_order_lives_on_three_events(paper: Paper) -> None:
    paper.venue.submit(an_order("buy 10"))
    paper.venue.on_bar(PLAIN)
    assert paper.events == 3
    for hour in range(1, 9):
        paper.venue.submit(an_order("buy 10", hour + 1, at=NOON + timedelta(hours=hour)))
        paper.venue.on_bar(bar("100", "105", "95", "102", hour=hour))
    assert paper.events == 3 + 8 * 2


def wanted(quantity: str, limit: str | None) -> PendingAmendment:
    nothing = Money.zero(USD)
    return PendingAmendment(
        quantity=Quantity(quantity),
        limit_price=Price(limit) if limit else None,
        stop_price=None,
        reserved_more=nothing,
        reserved_spare=nothing,
        closing_more=Quantity(0),
        closing_spare=Quantity(0),
    )
