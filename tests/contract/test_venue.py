"""What every venue's adapter promises, with a venue behind it that keeps the truth."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from tests.venues.faults import GARBAGE, Call, Fault
from tests.venues.labs import IMPATIENT_SECONDS, KEY, SECRET, Lab, lab
from tests.venues.orders import Listing
from traderbot.application.errors import VenueUnavailableError
from traderbot.application.ports.venue import (
    Absent,
    Acknowledged,
    Connected,
    Denied,
    Disconnected,
    ForeignOrder,
    NotSent,
    Unclear,
    Venue,
    VenueNews,
    VenueOrder,
    VenueStatus,
    VenueTrade,
    WorkingOrder,
)
from traderbot.domain.orders.ticket import OrderKind, Side, TimeInForce
from traderbot.domain.shared.values import Currency, Money, Price, Quantity, Symbol
from traderbot.infrastructure.brokers import alpaca_stream, ccxt_stream

ALIVE = {VenueStatus.PENDING, VenueStatus.WORKING}
Answer = Acknowledged | Denied | Absent | NotSent | Unclear


@pytest.fixture(params=["ccxt", "alpaca"])
def the(request: pytest.FixtureRequest) -> Iterator[Lab]:
    with lab(request.param) as made:
        yield made


def listed(the: Lab) -> list[VenueOrder]:
    return [it for it in the.venue.open_orders() if isinstance(it, VenueOrder)]


def acknowledged(answer: Answer) -> VenueOrder:
    assert isinstance(answer, Acknowledged), answer
    return answer.order


# Orders.


def test_a_symbol_has_its_steps_and_an_unknown_one_has_none(the: Lab) -> None:
    instrument = the.venue.instrument(the.symbol)
    assert instrument is not None
    assert instrument.tick_size == Price("0.01")
    assert instrument.lot_size in {Quantity("0.00001"), Quantity("0.000000001")}
    assert the.venue.instrument(the.gone) is None


def test_an_order_is_taken_in_under_its_name_and_found_by_it(the: Lab) -> None:
    order = the.order(quantity="1.5", price="90.25", duration=the_day(the))
    taken = acknowledged(the.venue.submit(order))
    assert taken.status in ALIVE
    found = acknowledged(the.venue.find(order))
    assert found.venue_order_id == taken.venue_order_id
    assert (found.client_order_id, found.status) == (order.client_order_id, VenueStatus.WORKING)
    assert (found.quantity, found.filled) == (Quantity("1.5"), Quantity(0))
    assert (found.limit_price, found.side, found.symbol) == (
        Price("90.25"),
        Side.BUY,
        the.symbol,
    )
    assert abs(found.at - datetime.now(UTC)) < timedelta(seconds=5)
    assert order.client_order_id in found.raw


def test_what_is_traded_is_told_to_the_last_digit(the: Lab) -> None:
    the.market()
    order = the.order(kind=OrderKind.MARKET, quantity="0.12345", duration=the_day(the))
    acknowledged(the.venue.submit(order))
    found = acknowledged(the.venue.find(order))
    assert (found.status, found.filled) == (VenueStatus.FILLED, Quantity("0.12345"))
    (trade,) = the.venue.trades(the.symbol)
    (theirs,) = the.server.book.trades()
    assert trade.client_order_id == order.client_order_id
    assert trade.venue_order_id == found.venue_order_id
    assert (trade.quantity, trade.price) == (Quantity("0.12345"), Price(100))
    assert (trade.fee.amount, trade.side) == (theirs.fee, Side.BUY)
    assert abs(trade.at - theirs.at) < timedelta(milliseconds=1)


def the_day(the: Lab) -> TimeInForce:
    """Parts of a share only trade as day orders."""
    able = TimeInForce.DAY in the.venue.abilities.durations
    return TimeInForce.DAY if able else TimeInForce.GTC


def test_every_kind_and_duration_it_claims_is_understood(the: Lab) -> None:
    the.market()
    for kind in the.venue.abilities.kinds:
        for duration in the.venue.abilities.durations:
            immediate = duration in {TimeInForce.IOC, TimeInForce.FOK}
            if kind.waits and immediate:
                continue
            limited = kind in {OrderKind.LIMIT, OrderKind.STOP_LIMIT}
            stopped = kind in {OrderKind.STOP, OrderKind.STOP_LIMIT}
            order = the.order(
                kind=kind,
                duration=duration,
                price="90" if limited else None,
                stop_price=Price("120") if stopped else None,
                trail_bps=Decimal(150) if kind is OrderKind.TRAILING_STOP else None,
            )
            acknowledged(the.venue.submit(order))
            (theirs,) = the.theirs(order)
            assert theirs.wish.kind.value == kind.value
            assert theirs.wish.stop_price == (Decimal(120) if stopped else None)
            assert theirs.wish.trail_bps == order.ticket.trail_bps
            if limited:
                assert theirs.wish.lasting.value == duration.value
            found = acknowledged(the.venue.find(order))
            if stopped:
                assert found.stop_price == Price("120")
            assert found.limit_price == (Price("90") if limited else None)


def test_a_trailing_stop_follows_the_market_and_sells_when_it_turns(the: Lab) -> None:
    the.market("100", "101")
    order = the.order(
        kind=OrderKind.TRAILING_STOP, side=Side.SELL, trail_bps=Decimal(100), price=None
    )
    acknowledged(the.venue.submit(order))
    for bid in ("110", "109"):
        the.market(bid, "111")
        assert acknowledged(the.venue.find(order)).status is VenueStatus.WORKING
    the.market("108.9", "109")
    assert acknowledged(the.venue.find(order)).status is VenueStatus.FILLED
    assert [it.price for it in the.venue.trades(the.symbol)] == [Price("108.9")]


def test_an_order_that_only_makes_is_refused_if_it_would_take(the: Lab) -> None:
    if not the.venue.abilities.post_only:
        answer = the.venue.submit(the.order(post_only=True))
        assert isinstance(answer, Denied)
        return
    the.market()
    denied = the.venue.submit(the.order(price="100", post_only=True))
    assert isinstance(denied, Denied)
    made = acknowledged(the.venue.submit(the.order(price="99", post_only=True)))
    assert made.status in ALIVE


def test_a_cancel_is_answered_with_how_the_order_ended(the: Lab) -> None:
    order = the.order()
    taken = acknowledged(the.venue.submit(order))
    for asked in (order, the.named(order, taken.venue_order_id), order):
        assert acknowledged(the.venue.cancel(asked)).status is VenueStatus.CANCELED
    filled = the.order()
    acknowledged(the.venue.submit(filled))
    the.fill(filled, "2")
    told = acknowledged(the.venue.cancel(filled))
    assert (told.status, told.filled) == (VenueStatus.FILLED, Quantity(2))


def test_a_cancel_that_takes_its_time_is_told_as_working(the: Lab) -> None:
    the.server.book.slow_cancels = True
    order = the.order()
    acknowledged(the.venue.submit(order))
    assert acknowledged(the.venue.cancel(order)).status is VenueStatus.WORKING
    the.server.book.finish_cancel(the.theirs(order)[0])
    assert acknowledged(the.venue.find(order)).status is VenueStatus.CANCELED


def test_an_unknown_order_is_absent(the: Lab) -> None:
    order = the.order()
    for answer in (the.venue.find(order), the.venue.cancel(order)):
        assert isinstance(answer, Absent), answer
        assert answer.raw


def test_an_order_that_is_not_shown_yet_is_absent_and_then_there(the: Lab) -> None:
    order = the.order()
    acknowledged(the.venue.submit(order))
    the.server.book.hide(order.client_order_id, 1)
    assert isinstance(the.venue.find(order), Absent)
    assert acknowledged(the.venue.find(order)).status is VenueStatus.WORKING


def test_a_name_that_is_taken_is_unclear_and_never_a_refusal(the: Lab) -> None:
    order = the.order()
    acknowledged(the.venue.submit(order))
    answer = the.venue.submit(order)
    assert isinstance(answer, Unclear), answer
    assert len(the.theirs(order)) == 1


def test_the_venues_refusal_is_told_in_its_words(the: Lab) -> None:
    answer = the.venue.submit(the.order(quantity="2000"))
    assert isinstance(answer, Denied), answer
    assert answer.code in {"VENUE_REJECTED", "VENUE_FORBIDDEN"}
    assert "insufficient" in answer.reason
    assert "insufficient" in answer.raw


def test_what_cannot_be_said_to_it_is_refused_before_anything_is_sent(the: Lab) -> None:
    the.venue.instrument(the.symbol)
    the.venue.instrument(the.gone)
    before = len(the.server.seen)
    unsayable = [
        the.order(price="90.001"),
        the.order(quantity="0.0000000001"),
        the.order(symbol=the.gone),
        the.order(client_order_id=""),
        the.order(client_order_id="x" * 33),
        the.order(client_order_id="under_score"),
        the.order(duration=TimeInForce.GTD, expires_at=datetime.now(UTC)),
    ]
    for order in unsayable:
        answer = the.venue.submit(order)
        assert isinstance(answer, Denied), (order, answer)
        assert answer.code == "INVALID_ORDER"
    assert len(the.server.seen) == before


def test_a_change_nobody_asked_for_is_refused_before_anything_is_sent(the: Lab) -> None:
    the.venue.instrument(the.symbol)
    before = len(the.server.seen)
    assert isinstance(the.venue.amend(the.order()), Denied)
    assert len(the.server.seen) == before


def test_the_whole_listing_is_told_with_its_rules(the: Lab) -> None:
    rules = the.venue.listing()  # type: ignore[attr-defined]
    assert the.symbol in rules
    assert the.gone not in rules
    told = rules[the.symbol]
    assert told.tick_size == Price("0.01")
    assert told.kinds == the.venue.abilities.kinds
    if the.quote == "USDT":
        assert told.notional_min == Money(5, "USDT")
        assert (told.quantity_min, told.quantity_max) == (Quantity("0.00001"), Quantity(9000))


def test_quotes_are_the_middle_of_the_newest_prices_of_those_that_have_one(the: Lab) -> None:
    quotes = the.venue.quotes  # type: ignore[attr-defined]
    assert quotes([the.symbol]) == {}
    the.market("99", "100")
    (quote,) = quotes([the.symbol]).values()
    assert quote.price == Price("99.5")
    assert abs(quote.at - datetime.now(UTC)) < timedelta(seconds=5)


def test_cancels_do_not_wait_behind_what_is_sent(the: Lab) -> None:
    order = the.order()
    taken = acknowledged(the.venue.submit(order))
    with the.impatient() as venue:
        the.server.faults.add(Fault.TIMEOUT_BEFORE, Call.SUBMIT, seconds=IMPATIENT_SECONDS * 3)
        hanging = threading.Thread(target=venue.submit, args=[the.order()])
        hanging.start()
        time.sleep(0.1)
        before = time.monotonic()
        canceled = acknowledged(venue.cancel(the.named(order, taken.venue_order_id)))
        assert canceled.status is VenueStatus.CANCELED
        assert time.monotonic() - before < IMPATIENT_SECONDS * 0.8
        hanging.join()


def test_all_orders_are_canceled_at_once(the: Lab) -> None:
    assert the.venue.cancel_all() is True
    for _ in range(3):
        acknowledged(the.venue.submit(the.order()))
    assert the.venue.cancel_all() is True
    assert the.server.book.open_orders() == []
    acknowledged(the.venue.submit(the.order()))
    the.server.faults.add(Fault.ERROR_BEFORE, Call.CANCEL, count=1)
    assert the.venue.cancel_all() is False


def test_a_dead_mans_switch_is_not_claimed_where_there_is_none(the: Lab) -> None:
    assert the.venue.abilities.dead_man is False
    assert the.venue.keep_alive(60) is False


# Failures.


@dataclass(frozen=True)
class Failure:
    """A fault, the answer it must lead to, and whether the venue has done it."""

    fault: Fault
    how: dict[str, Any]
    answer: type[Answer]
    done: bool

    @property
    def is_silence(self) -> bool:
        return self.fault in {Fault.TIMEOUT_BEFORE, Fault.TIMEOUT_AFTER, Fault.DRIP}

    def __str__(self) -> str:
        return "-".join([self.fault, *map(str, self.how.values())])[:40]


FAILURES = [
    Failure(Fault.REFUSE, {"status": 400}, Denied, done=False),
    Failure(Fault.REFUSE, {"status": 401}, Denied, done=False),
    Failure(Fault.REFUSE, {"status": 403}, Denied, done=False),
    Failure(Fault.REFUSE, {"status": 422}, Denied, done=False),
    Failure(Fault.TOO_MANY, {}, NotSent, done=False),
    Failure(Fault.TOO_MANY, {"retry_after": 7}, NotSent, done=False),
    Failure(Fault.ERROR_BEFORE, {"status": 500}, Unclear, done=False),
    Failure(Fault.ERROR_BEFORE, {"status": 502}, Unclear, done=False),
    Failure(Fault.ERROR_BEFORE, {"status": 503}, Unclear, done=False),
    Failure(Fault.ERROR_BEFORE, {"status": 503, "code": -2010}, Unclear, done=False),
    Failure(Fault.ERROR_BEFORE, {"status": 408}, Unclear, done=False),
    Failure(Fault.ERROR_AFTER, {"status": 500}, Unclear, done=True),
    Failure(Fault.ERROR_AFTER, {"status": 502}, Unclear, done=True),
    Failure(Fault.ERROR_AFTER, {"status": 503}, Unclear, done=True),
    Failure(Fault.ERROR_AFTER, {"status": 504}, Unclear, done=True),
    Failure(Fault.TIMEOUT_BEFORE, {}, Unclear, done=False),
    Failure(Fault.TIMEOUT_AFTER, {}, Unclear, done=True),
    Failure(Fault.DRIP, {}, Unclear, done=True),
    Failure(Fault.RESET_BEFORE, {}, Unclear, done=False),
    Failure(Fault.RESET, {}, Unclear, done=True),
    *(Failure(Fault.GARBAGE, {"body": body}, Unclear, done=True) for body in GARBAGE),
    Failure(Fault.STRANGE_STATUS, {}, Unclear, done=True),
    Failure(Fault.NO_ID, {}, Unclear, done=True),
]


def asked(the: Lab, failure: Failure) -> AbstractContextManager[Venue]:
    """Give the adapter a failure is tried on: silence on one that does not wait for long."""
    return the.impatient() if failure.is_silence else nullcontext(the.venue)


@pytest.mark.parametrize("failure", FAILURES, ids=str)
def test_a_submission_that_fails_is_told_for_what_it_is_and_never_repeated(
    the: Lab, failure: Failure
) -> None:
    order = the.order()
    with asked(the, failure) as venue:
        venue.instrument(the.symbol)
        the.server.faults.add(failure.fault, Call.SUBMIT, count=1, **failure.how)
        began = time.monotonic()
        answer = venue.submit(order)
        if failure.is_silence:
            assert time.monotonic() - began < IMPATIENT_SECONDS + 2
    assert isinstance(answer, failure.answer), answer
    assert len(the.theirs(order)) == failure.done
    assert sum(it.call is Call.SUBMIT for it in the.server.seen) == 1
    if isinstance(answer, NotSent):
        assert answer.retry_after_seconds == failure.how.get("retry_after")
    # And afterwards it can be asked about.
    found = the.venue.find(order)
    assert isinstance(found, Acknowledged if failure.done else Absent), found


@pytest.mark.parametrize("failure", FAILURES, ids=str)
def test_a_cancel_that_fails_is_never_told_as_done(the: Lab, failure: Failure) -> None:
    order = the.order()
    taken = acknowledged(the.venue.submit(order))
    with asked(the, failure) as venue:
        the.server.faults.add(failure.fault, Call.CANCEL, count=1, **failure.how)
        answer = venue.cancel(the.named(order, taken.venue_order_id))
    done = the.theirs(order)[0].status.value == "canceled"
    assert done == failure.done
    assert not isinstance(answer, Absent)
    if isinstance(answer, Acknowledged):  # it asked, and was told
        assert (answer.order.status is VenueStatus.CANCELED) == done
    if failure.answer is Denied:
        assert isinstance(answer, Denied)
    assert sum(it.call is Call.CANCEL for it in the.server.seen) == 1


@pytest.mark.parametrize("failure", FAILURES, ids=str)
def test_a_question_that_fails_never_says_that_there_is_no_such_order(
    the: Lab, failure: Failure
) -> None:
    order = the.order()
    acknowledged(the.venue.submit(order))
    with asked(the, failure) as venue:
        the.server.faults.add(failure.fault, Call.QUERY, count=1, **failure.how)
        answer = venue.find(order)
    assert isinstance(answer, NotSent if failure.answer is NotSent else Unclear), answer
    assert acknowledged(the.venue.find(order)).status is VenueStatus.WORKING


def test_an_order_that_arrives_late_is_absent_first_and_then_there(the: Lab) -> None:
    order = the.order()
    with the.impatient() as venue:
        the.server.faults.add(Fault.EFFECT_LATE, Call.SUBMIT, count=1, seconds=2.0)
        assert isinstance(venue.submit(order), Unclear)
    assert isinstance(the.venue.find(order), Absent)
    _until(lambda: bool(the.theirs(order)))
    assert acknowledged(the.venue.find(order)).status is VenueStatus.WORKING


LISTS: list[Callable[[Venue, Symbol], object]] = [
    lambda venue, _: venue.open_orders(),
    lambda venue, symbol: venue.trades(symbol),
    lambda venue, _: venue.balances(),
    lambda venue, _: venue.positions(),
]
LIST_FAILURES = [it for it in FAILURES if it.fault not in {Fault.STRANGE_STATUS, Fault.NO_ID}]


@pytest.mark.parametrize("failure", LIST_FAILURES, ids=str)
def test_a_list_that_fails_is_no_empty_list(the: Lab, failure: Failure) -> None:
    the.venue.instrument(the.symbol)
    if failure.how.get("body") == "[]":
        return  # that is an empty list
    for ask in LISTS[:1] if failure.is_silence else LISTS:
        with asked(the, failure) as venue:
            the.server.faults.add(failure.fault, Call.LIST, count=1, **failure.how)
            with pytest.raises(VenueUnavailableError) as caught:
                ask(venue, the.symbol)
        assert SECRET not in str(caught.value)
        assert "signature" not in str(caught.value)


@pytest.mark.parametrize("fault", [Fault.STRANGE_STATUS, Fault.NO_ID])
def test_a_list_with_an_order_that_cannot_be_read_is_no_list(the: Lab, fault: Fault) -> None:
    acknowledged(the.venue.submit(the.order()))
    the.server.faults.add(fault, Call.LIST, count=1)
    with pytest.raises(VenueUnavailableError):
        the.venue.open_orders()


def test_a_venue_that_is_not_there_was_certainly_sent_nothing(the: Lab) -> None:
    order = the.order()
    acknowledged(the.venue.submit(order))
    the.server.stop()
    time.sleep(0.7)
    for answer in (the.venue.submit(the.order()), the.venue.cancel(order), the.venue.find(order)):
        assert isinstance(answer, NotSent), answer
    for ask in LISTS:
        with pytest.raises(VenueUnavailableError):
            ask(the.venue, the.symbol)
    with pytest.raises(VenueUnavailableError):
        the.venue.server_time()
    assert the.venue.cancel_all() is False


def test_a_venue_nothing_is_known_of_yet_is_sent_nothing_either(the: Lab) -> None:
    the.server.faults.add(Fault.ERROR_BEFORE, Call.MARKET)
    fresh = the.another()
    with closing(fresh):
        assert isinstance(fresh.submit(the.order()), NotSent)
        with pytest.raises(VenueUnavailableError):
            fresh.instrument(the.symbol)
    assert the.server.book.orders() == []


def test_whatever_goes_wrong_nothing_is_refused_here_that_lives_there(the: Lab) -> None:
    """R22: at random, and often twice in a row."""
    the.venue.instrument(the.symbol)
    random = Random(22)  # noqa: S311
    outcomes: dict[type[Answer], int] = {}
    quick = [it for it in FAILURES if not it.is_silence]
    for _ in range(150):
        the.server.faults.clear()
        failure = random.choice(quick)
        the.server.faults.add(failure.fault, Call.SUBMIT, probability=0.7, **failure.how)
        order = the.order(quantity="0.5", duration=the_day(the))
        answer = the.venue.submit(order)
        outcomes[type(answer)] = outcomes.get(type(answer), 0) + 1
        there = len(the.theirs(order))
        assert there <= 1
        if isinstance(answer, Denied | NotSent):
            assert there == 0, answer
        if isinstance(answer, Acknowledged):
            assert there == 1
    the.server.faults.clear()
    assert {Acknowledged, Unclear, Denied, NotSent} == set(outcomes)
    theirs = {it.client_id for it in the.server.book.open_orders()}
    assert {it.client_order_id for it in listed(the)} == theirs


def test_many_at_once_keep_their_answers_apart(the: Lab) -> None:
    orders = [the.order(quantity="0.5", duration=the_day(the)) for _ in range(24)]
    answers: dict[str, Answer] = {}

    def work(some: list[WorkingOrder]) -> None:
        for order in some:
            answers[order.client_order_id] = the.venue.submit(order)
            the.venue.find(order)

    threads = [threading.Thread(target=work, args=(orders[n::4],)) for n in range(4)]
    for it in threads:
        it.start()
    for it in threads:
        it.join(30)
    assert {acknowledged(it).client_order_id for it in answers.values()} == set(answers)
    assert len(the.server.book.orders()) == 24


def test_no_answer_quotes_a_key(the: Lab) -> None:
    told = [repr(the.venue), repr(vars(the.venue).keys())]
    for failure in [it for it in FAILURES if not it.is_silence][::2]:
        the.server.faults.add(failure.fault, Call.SUBMIT, Call.QUERY, count=2, **failure.how)
        order = the.order()
        told += [repr(the.venue.submit(order)), repr(the.venue.find(order))]
    assert not any(SECRET in it or KEY in it or "signature=" in it for it in told)


def test_nothing_that_is_logged_quotes_a_key(
    the: Lab, news: News, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with the.venue.follow(news):
        news.until(lambda it: it.of(Connected))
        order = two_fills_and_a_cancel(the)
        news.until(ended(order))
        the.venue.trades(the.symbol)
        the.server.faults.add(Fault.ERROR_AFTER, Call.SUBMIT, count=1)
        the.venue.submit(the.order())
    told = [f"{it.getMessage()} {it.args}" for it in caplog.records]
    assert not [it for it in told if SECRET in it or KEY in it or "signature" in it]


# Questions.


def test_it_tells_what_works_what_it_has_and_what_time_it_is(the: Lab) -> None:
    assert the.venue.open_orders() == []
    orders = [the.order(), the.order(side=Side.SELL, price="110")]
    for order in orders:
        acknowledged(the.venue.submit(order))
    told = listed(the)
    assert [it.client_order_id for it in told] == [it.client_order_id for it in orders]
    assert all(it.status is VenueStatus.WORKING for it in told)
    # Locked or not, it is there.
    assert the.venue.balances()[Currency(the.quote)] == Decimal(100_000)
    assert the.venue.positions() == {the.symbol: Decimal(100)}
    assert abs(the.venue.server_time() - datetime.now(UTC)) < timedelta(seconds=2)
    assert (the.venue.name, the.venue.account) != ("", "")


@pytest.mark.parametrize("since", [None, timedelta(minutes=1), timedelta(days=2)])
def test_trades_are_told_all_and_in_order_also_to_who_was_not_there(
    the: Lab, since: timedelta | None
) -> None:
    orders = [the.order(quantity="50") for _ in range(3)]
    for order in orders:
        acknowledged(the.venue.submit(order))
    for number in range(1050):  # more than a page of either
        the.fill(orders[number % 3], "0.01")
    began = None if since is None else datetime.now(UTC) - since
    with closing(the.another()) as fresh:
        told = fresh.trades(the.symbol, began)
    assert len({it.trade_id for it in told}) == len(told) == 1050
    assert [it.at for it in told] == sorted(it.at for it in told)
    assert {it.client_order_id for it in told} == {it.client_order_id for it in orders}
    assert sum((it.quantity for it in told), Quantity(0)) == Quantity("10.5")


def test_trades_from_some_time_on_leave_out_older_ones(the: Lab) -> None:
    order = the.order()
    acknowledged(the.venue.submit(order))
    the.fill(order, "0.5")
    time.sleep(0.02)
    border = datetime.now(UTC)
    time.sleep(0.02)
    the.fill(order, "0.7")
    assert [it.quantity for it in the.venue.trades(the.symbol, border)] == [Quantity("0.7")]
    assert the.venue.trades(the.symbol, datetime.now(UTC) + timedelta(seconds=5)) == []


def test_somebody_elses_orders_are_told_with_their_names(the: Lab) -> None:
    acknowledged(the.venue.submit(the.order(client_order_id="by-hand-1")))
    with closing(the.another()) as fresh:
        assert [it.client_order_id for it in fresh.open_orders()] == ["by-hand-1"]


# The stream.


class News:
    """What was heard, with a way to wait for it."""

    def __init__(self) -> None:
        self.all: list[VenueNews] = []

    def __call__(self, news: VenueNews) -> None:
        self.all.append(news)

    def of(self, kind: type[Any]) -> list[Any]:
        return [it for it in self.all if isinstance(it, kind)]

    def until(self, reached: Callable[[News], object], seconds: float = 8) -> None:
        deadline = time.monotonic() + seconds
        while not reached(self):
            assert time.monotonic() < deadline, self.all
            time.sleep(0.01)

    def until_there_are(self, number: int, kind: type[Any]) -> None:
        self.until(lambda it: len(it.of(kind)) == number)


@pytest.fixture
def news() -> News:
    return News()


def two_fills_and_a_cancel(the: Lab) -> WorkingOrder:
    order = the.order()
    acknowledged(the.venue.submit(order))
    the.fill(order, "0.5")
    the.fill(order, "0.25")
    acknowledged(the.venue.cancel(order))
    return order


def ended(order: WorkingOrder) -> Callable[[News], object]:
    return lambda news: [
        it
        for it in news.of(VenueOrder)
        if it.client_order_id == order.client_order_id and it.status is VenueStatus.CANCELED
    ]


def test_the_stream_tells_orders_and_trades_under_the_names_the_lists_use(
    the: Lab, news: News
) -> None:
    with the.venue.follow(news) as stream:
        news.until(lambda it: it.of(Connected))
        assert stream.connected
        order = two_fills_and_a_cancel(the)
        news.until(ended(order))
        assert stream.quiet_seconds < 5
    assert isinstance(news.all[0], Connected)
    trades = {it.trade_id: it for it in news.of(VenueTrade)}
    listed = {it.trade_id: it for it in the.venue.trades(the.symbol)}
    assert trades.keys() == listed.keys()
    for name, trade in trades.items():
        same = ("quantity", "price", "fee", "side", "venue_order_id", "client_order_id", "at")
        assert [getattr(trade, it) for it in same] == [getattr(listed[name], it) for it in same]
    assert [it.filled for it in news.of(VenueOrder)][-1] == Quantity("0.75")
    assert not stream.connected


@pytest.mark.parametrize("fault", [Fault.DOUBLED, Fault.SHUFFLED, Fault.REVERSED, Fault.FILLS_LATE])
def test_whatever_the_stream_does_to_its_order_nothing_is_missing(
    the: Lab, news: News, fault: Fault
) -> None:
    with the.venue.follow(news):
        news.until(lambda it: it.of(Connected))
        the.server.faults.add(fault, Call.STREAM, seconds=0.2)
        order = two_fills_and_a_cancel(the)
        news.until(ended(order))
        news.until(lambda it: len({trade.trade_id for trade in it.of(VenueTrade)}) == 2)
    assert sum(
        (it.quantity for it in {it.trade_id: it for it in news.of(VenueTrade)}.values()),
        Quantity(0),
    ) == Quantity("0.75")
    assert [type(it) for it in news.all if isinstance(it, Connected | Disconnected)] == [Connected]


def test_fills_can_be_told_before_the_acknowledgement(the: Lab, news: News) -> None:
    the.market()
    order = the.order(price="100")
    with the.venue.follow(news):
        news.until(lambda it: it.of(Connected))
        the.server.faults.add(Fault.LATE, Call.SUBMIT, count=1, seconds=1.5)
        answers: list[Answer] = []
        sending = threading.Thread(target=lambda: answers.append(the.venue.submit(order)))
        sending.start()
        news.until(lambda it: it.of(VenueTrade))
        assert not answers
        sending.join(20)
    (trade,) = {it.trade_id: it for it in news.of(VenueTrade)}.values()
    assert trade.client_order_id == order.client_order_id
    assert trade.venue_order_id == acknowledged(answers[0]).venue_order_id


def test_a_stream_that_breaks_says_so_and_comes_back(the: Lab, news: News) -> None:
    with the.venue.follow(news):
        for times in (1, 2):
            news.until_there_are(times, Connected)
            the.server.drop_streams()
            news.until_there_are(times, Disconnected)
        news.until(lambda it: len(it.of(Connected)) == 3)
        order = two_fills_and_a_cancel(the)
        news.until(ended(order))
    kinds = [type(it) for it in news.all if isinstance(it, Connected | Disconnected)]
    assert kinds == [Connected, Disconnected, Connected, Disconnected, Connected]


def test_a_stream_nobody_answers_says_so_once_and_goes_on_trying(the: Lab, news: News) -> None:
    the.server.faults.add(Fault.REFUSE, Call.STREAM, count=3, status=503)
    with the.venue.follow(news) as stream:
        news.until(lambda it: it.of(Disconnected))
        assert not stream.connected
        news.until(lambda it: it.of(Connected))
    assert [type(it) for it in news.all] == [Disconnected, Connected]


def test_a_silent_stream_is_no_broken_one_and_the_lists_know_better(the: Lab, news: News) -> None:
    the.server.faults.add(Fault.SILENT, Call.STREAM)
    with the.venue.follow(news) as stream:
        news.until(lambda it: it.of(Connected))
        two_fills_and_a_cancel(the)
        time.sleep(0.3)
        assert stream.quiet_seconds >= 0.2
    assert [type(it) for it in news.all] == [Connected]
    assert len(the.venue.trades(the.symbol)) == 2


def test_a_frame_that_cannot_be_read_is_told_as_a_break(the: Lab, news: News) -> None:
    with the.venue.follow(news):
        news.until(lambda it: it.of(Connected))
        the.server.faults.add(Fault.GARBLED, Call.STREAM, count=1)
        acknowledged(the.venue.submit(the.order()))
        news.until(lambda it: len(it.of(Connected)) == 2)
        order = two_fills_and_a_cancel(the)
        news.until(ended(order))
    assert len(news.of(Disconnected)) == 1


def test_a_stream_that_answers_no_ping_is_told_as_broken(
    the: Lab, news: News, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (alpaca_stream, ccxt_stream):
        monkeypatch.setattr(module, "ASK_EVERY_SECONDS", 0.3)
    the.server.faults.add(Fault.DEAF, Call.STREAM, count=1)
    with the.venue.follow(news):
        news.until(lambda it: it.of(Disconnected))
        news.until(lambda it: len(it.of(Connected)) == 2)
        time.sleep(1.5)  # and pings that are answered keep it up
    assert len(news.of(Disconnected)) == 1


def test_nobody_follows_the_venue_elsewhere(the: Lab, news: News) -> None:
    order = the.order()
    acknowledged(the.venue.submit(order))
    with lab("alpaca") as elsewhere:
        how = {"body": f"{elsewhere.server.url}/v2/orders"}
        calls = (Call.SUBMIT, Call.CANCEL, Call.QUERY, Call.LIST, Call.STREAM)
        the.server.faults.add(Fault.REDIRECT, *calls, **how)
        answers = [the.venue.submit(the.order()), the.venue.cancel(order), the.venue.find(order)]
        assert [type(it) for it in answers] == [Unclear] * 3
        for ask in LISTS:
            with pytest.raises(VenueUnavailableError):
                ask(the.venue, the.symbol)
        with the.venue.follow(news):
            news.until(lambda it: it.of(Disconnected))
        assert not elsewhere.server.seen


def test_a_listener_that_fails_is_told_that_it_missed_something(the: Lab) -> None:
    heard: list[VenueNews] = []

    def fragile(it: VenueNews) -> None:
        heard.append(it)
        if isinstance(it, VenueOrder) and not any(isinstance(old, Disconnected) for old in heard):
            msg = "it cannot"
            raise RuntimeError(msg)

    with the.venue.follow(fragile):
        _until(lambda: any(isinstance(it, Connected) for it in heard))
        acknowledged(the.venue.submit(the.order()))
        _until(lambda: sum(isinstance(it, Connected) for it in heard) == 2)
    assert any(isinstance(it, Disconnected) for it in heard)


def test_nothing_is_left_running_when_the_block_ends(the: Lab, news: News) -> None:
    before = {it.name for it in threading.enumerate()}
    with the.venue.follow(news):
        news.until(lambda it: it.of(Connected))
    assert {it.name for it in threading.enumerate()} <= before
    told = len(news.all)
    acknowledged(the.venue.submit(the.order()))
    time.sleep(0.1)
    assert len(news.all) == told


def _until(reached: Callable[[], bool], seconds: float = 8) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(("side", "sent"), [(Side.BUY, "100.5"), (Side.SELL, "98.51")])
def test_a_protected_market_order_leaves_as_a_limit_that_never_rests(
    the: Lab, side: Side, sent: str
) -> None:
    the.market("99", "100")
    order = the.order(kind=OrderKind.MARKET, side=side, quantity="1")
    limit = Price("100.505") if side is Side.BUY else Price("98.505")
    ticket = replace(order.ticket, protective_limit=limit)
    acknowledged(the.venue.submit(replace(order, ticket=ticket)))
    (theirs,) = the.theirs(order)
    assert (theirs.wish.price, theirs.wish.lasting.value) == (Decimal(sent), "ioc")
    assert theirs.filled == 1


def test_what_others_trade_without_a_name_here_hides_no_order_of_ours(the: Lab) -> None:
    order = the.order()
    taken = acknowledged(the.venue.submit(order))
    book = the.server.book
    strange = Listing(symbol="币安人生" + the.quote, base="币安人生", quote=the.quote)
    book.listings = {**book.listings, strange.symbol: strange}
    wish = replace(the.theirs(order)[0].wish, listing=strange, client_id="somebody-else")
    book.submit(KEY, wish)
    with closing(the.another()) as venue:
        told = venue.open_orders()
        assert [it.venue_order_id for it in told if isinstance(it, VenueOrder)] == [
            taken.venue_order_id
        ]
        (foreign,) = [it for it in told if isinstance(it, ForeignOrder)]
        assert "币安人生" in foreign.name
        assert venue.cancel_all() is True
        assert book.open_orders() == []
