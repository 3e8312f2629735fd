"""Any exchange of ccxt: Kraken stands for those that this program knows by ccxt's flags alone."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.venues.faults import HTML, Call, Fault
from tests.venues.kraken import KrakenServer
from tests.venues.labs import IMPATIENT_SECONDS, KEY, Lab
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
    VenueNews,
    VenueOrder,
    VenueStatus,
)
from traderbot.domain.orders.order import PendingAmendment
from traderbot.domain.orders.ticket import OrderKind, Side, TimeInForce
from traderbot.domain.shared.values import Currency, Money, Price, Quantity, symbol
from traderbot.infrastructure.brokers.ccxt_ids import VenueNotSafeError, traits_of
from traderbot.infrastructure.brokers.ccxt_unified import UnifiedVenue
from traderbot.infrastructure.system import SystemClock

SECRET = base64.b64encode(b"a-secret-of-nobody").decode()


def kraken(**how: Any) -> UnifiedVenue:
    fields = {
        "account": "main",
        "key": KEY,
        "secret": SECRET,
        "clock": SystemClock(),
        "timeout_seconds": 5.0,
    }
    return UnifiedVenue("kraken", **{**fields, **how})


@contextmanager
def kraken_lab() -> Iterator[Lab]:
    server = KrakenServer()
    server.book.open_account(KEY, SECRET, {"USD": Decimal(100_000), "BTC": Decimal(100)})
    with server, closing(kraken(address=server.host)) as venue:
        names = (symbol("BTC/USD"), "XBTUSD", "USD", symbol("DOGE/USD"))
        yield Lab(server, venue, kraken, *names)
    server.book.check()


@pytest.fixture
def the() -> Iterator[Lab]:
    with kraken_lab() as made:
        yield made


def server(the: Lab) -> KrakenServer:
    assert isinstance(the.server, KrakenServer)
    return the.server


def acknowledged(answer: object) -> VenueOrder:
    assert isinstance(answer, Acknowledged), answer
    return answer.order


def until(holds: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


# Which exchanges.


@pytest.mark.parametrize("id_", ["binance", "kraken", "okx", "bybit", "coinbase"])
def test_exchanges_that_can_be_asked_are_let_in(id_: str) -> None:
    traits = traits_of(id_)
    assert {OrderKind.MARKET, OrderKind.LIMIT} <= traits.kinds
    assert TimeInForce.GTC in traits.durations


@pytest.mark.parametrize(
    ("id_", "lacks"),
    [
        ("hyperliquid", "privateKey"),
        ("bitfinex", "in which steps"),
        ("kucoinfutures", "no spot market"),
        ("nowhere", "no exchange"),
    ],
)
def test_an_exchange_that_lacks_what_safety_needs_is_refused_by_name(id_: str, lacks: str) -> None:
    with pytest.raises(VenueNotSafeError, match=id_) as refused:
        UnifiedVenue(id_, account="main", key="k", secret="s", clock=SystemClock())
    assert lacks in str(refused.value)


def test_stops_are_left_out_where_they_are_listed_apart_from_orders() -> None:
    assert OrderKind.STOP in traits_of("kraken").kinds
    assert OrderKind.STOP not in traits_of("okx").kinds


def test_a_test_network_that_is_not_there_is_no_reason_to_use_the_venue_itself() -> None:
    with pytest.raises(VenueNotSafeError, match="no test network"):
        kraken(sandbox=True)


# Orders.


def test_a_symbol_has_its_steps_and_its_rules(the: Lab) -> None:
    instrument = the.venue.instrument(the.symbol)
    assert instrument is not None
    assert (instrument.tick_size, instrument.lot_size) == (Price("0.01"), Quantity("0.00000001"))
    assert the.venue.instrument(the.gone) is None
    assert isinstance(the.venue, UnifiedVenue)
    rules = the.venue.listing()
    assert set(rules) == {the.symbol, symbol("ETH/BTC")}
    assert rules[the.symbol].notional_min == Money(5, "USD")
    assert rules[the.symbol].quantity_min == Quantity("0.00001")


def test_a_price_is_the_middle_of_what_is_bid_and_asked(the: Lab) -> None:
    the.market("99", "100")
    assert isinstance(the.venue, UnifiedVenue)
    quotes = the.venue.quotes([the.symbol])
    assert quotes[the.symbol].price == Price("99.5")


@pytest.mark.parametrize("known", [True, False])
def test_an_order_is_found_by_its_name_whether_its_id_is_known_or_not(
    the: Lab,
    known: bool,
) -> None:
    order = the.order(quantity="1.5", price="90.25")
    taken = acknowledged(the.venue.submit(order))
    assert taken.status is VenueStatus.PENDING
    asked = the.named(order, taken.venue_order_id if known else None)
    found = acknowledged(the.venue.find(asked))
    assert (found.venue_order_id, found.client_order_id) == (
        taken.venue_order_id,
        order.client_order_id,
    )
    assert (found.status, found.limit_price) == (VenueStatus.WORKING, Price("90.25"))
    assert (found.quantity, found.filled, found.side) == (Quantity("1.5"), Quantity(0), Side.BUY)
    canceled = acknowledged(the.venue.cancel(asked))
    assert canceled.status is VenueStatus.CANCELED
    assert acknowledged(the.venue.find(asked)).status is VenueStatus.CANCELED
    assert acknowledged(the.venue.cancel(asked)).status is VenueStatus.CANCELED


def test_an_order_that_never_came_is_absent(the: Lab) -> None:
    assert isinstance(the.venue.find(the.order()), Absent)
    assert isinstance(the.venue.cancel(the.order()), Absent)


def test_an_order_without_a_name_that_may_be_ours_is_a_doubt(the: Lab) -> None:
    order = the.order()
    acknowledged(the.venue.submit(order))
    (theirs,) = the.theirs(order)
    the.server.book._orders[theirs.id] = replace(theirs, wish=replace(theirs.wish, client_id=""))
    assert isinstance(the.venue.find(the.order()), Unclear)
    assert isinstance(the.venue.find(the.order(quantity="7")), Absent)


def test_every_kind_it_claims_is_understood(the: Lab) -> None:
    the.market("99", "100")
    for kind in the.venue.abilities.kinds:
        limited = kind in {OrderKind.LIMIT, OrderKind.STOP_LIMIT}
        stopped = kind in {OrderKind.STOP, OrderKind.STOP_LIMIT}
        order = the.order(
            kind=kind,
            price="90" if limited else None,
            stop_price=Price("120") if stopped else None,
        )
        taken = acknowledged(the.venue.submit(order))
        (theirs,) = the.theirs(order)
        assert theirs.wish.kind.value == kind.value
        assert theirs.wish.stop_price == (Decimal(120) if stopped else None)
        found = acknowledged(the.venue.find(the.named(order, taken.venue_order_id)))
        assert found.stop_price == (Price(120) if stopped else None)
        assert found.limit_price == (Price(90) if limited else None)


@pytest.mark.parametrize("duration", [TimeInForce.IOC, TimeInForce.FOK])
def test_durations_and_post_only_are_said(the: Lab, duration: TimeInForce) -> None:
    order = the.order(duration=duration, price="90")
    acknowledged(the.venue.submit(order))
    assert the.theirs(order)[0].wish.lasting.value == duration.value
    the.market()
    denied = the.venue.submit(the.order(price="100", post_only=True))
    assert isinstance(denied, Denied)
    assert "Post only" in denied.reason


def test_trades_are_told_to_the_last_digit_with_the_names_of_their_orders(the: Lab) -> None:
    the.market()
    order = the.order(kind=OrderKind.MARKET, quantity="0.12345678")
    taken = acknowledged(the.venue.submit(order))
    fresh = the.another()
    (trade,) = fresh.trades(the.symbol)
    fresh.close()
    assert (trade.client_order_id, trade.venue_order_id) == (
        order.client_order_id,
        taken.venue_order_id,
    )
    assert (trade.quantity, trade.price) == (Quantity("0.12345678"), Price(100))
    (theirs,) = the.server.book.trades()
    assert trade.fee == Money(theirs.fee, "USD")


def test_more_trades_than_a_page_are_all_told(the: Lab) -> None:
    order = the.order(quantity="90", price="90")
    acknowledged(the.venue.submit(order))
    now = datetime.now(UTC)
    book = the.server.book
    for number in range(230):
        book.now = lambda number=number: now - timedelta(seconds=230 - number)  # type: ignore[misc]
        the.fill(order, "0.01")
    told = the.venue.trades(the.symbol, now - timedelta(hours=1))
    assert [it.trade_id for it in told] == [f"T{it:06d}" for it in range(1, 231)]


def test_what_the_account_has_is_counted_by_coin(the: Lab) -> None:
    assert the.venue.balances() == {
        Currency("USD"): Decimal(100_000),
        Currency("BTC"): Decimal(100),
    }
    assert the.venue.positions() == {the.symbol: Decimal(100)}
    assert abs(the.venue.server_time() - datetime.now(UTC)) < timedelta(seconds=5)


def test_all_orders_are_asked_back(the: Lab) -> None:
    for _ in range(3):
        acknowledged(the.venue.submit(the.order()))
    assert the.venue.cancel_all() is True
    assert the.server.book.open_orders() == []


def test_somebody_elses_order_is_listed_and_not_taken_for_ours(the: Lab) -> None:
    order = the.order(client_order_id="somebody-else")
    acknowledged(the.venue.submit(order))
    (listed,) = the.venue.open_orders()
    assert isinstance(listed, VenueOrder | ForeignOrder)
    name = listed.client_order_id if isinstance(listed, VenueOrder) else None
    assert name in {"somebody-else", None}


# Amending.


def amended(order: Any, quantity: str, price: str) -> Any:
    nothing = Money.zero(Currency("USD"))
    return replace(
        order,
        amendment=PendingAmendment(
            quantity=Quantity(quantity),
            limit_price=Price(price),
            stop_price=None,
            reserved_more=nothing,
            reserved_spare=nothing,
            closing_more=Quantity(0),
            closing_spare=Quantity(0),
        ),
    )


def test_an_order_is_changed_in_its_place(the: Lab) -> None:
    order = the.order(quantity="2", price="90")
    taken = acknowledged(the.venue.submit(order))
    the.fill(order, "0.5")
    asked = amended(the.named(order, taken.venue_order_id), "3", "91")
    changed = acknowledged(the.venue.amend(asked))
    assert changed.venue_order_id == taken.venue_order_id
    assert (changed.quantity, changed.limit_price, changed.filled) == (
        Quantity(3),
        Price(91),
        Quantity("0.5"),
    )


def test_a_change_the_venue_refuses_is_a_refusal(the: Lab) -> None:
    order = the.order(quantity="2", price="90")
    taken = acknowledged(the.venue.submit(order))
    asked = amended(the.named(order, taken.venue_order_id), "2000000", "91")
    assert isinstance(the.venue.amend(asked), Denied)
    assert the.theirs(order)[0].quantity == 2


# Failures.


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("EOrder:Insufficient funds", Denied),
        ("EGeneral:Permission denied", Denied),
        ("EAPI:Rate limit exceeded", NotSent),
        ("EAPI:Invalid nonce", NotSent),
        ("EService:Unavailable", Unclear),
        ("EGeneral:Internal error", Unclear),
        ("EOrder:Duplicate cl_ord_id", Unclear),
        ("EOrder:Words ccxt has no class for", Denied),
        ("EMystery:Words nobody has heard", Unclear),
    ],
)
def test_a_no_in_an_answer_of_200_is_read_in_the_venues_words(
    the: Lab, words: str, answer: type
) -> None:
    the.venue.instrument(the.symbol)
    the.server.faults.add(Fault.REFUSE, Call.SUBMIT, count=1, status=400, text=words)
    assert isinstance(the.venue.submit(the.order()), answer)


@pytest.mark.parametrize(
    "fault",
    [Fault.TIMEOUT_AFTER, Fault.RESET, Fault.ERROR_AFTER, Fault.GARBAGE, Fault.NO_ID],
)
def test_an_order_whose_answer_was_lost_is_unclear_and_then_found(the: Lab, fault: Fault) -> None:
    with the.impatient() as venue:
        order = the.order()
        the.server.faults.add(fault, Call.SUBMIT, count=1, seconds=IMPATIENT_SECONDS * 3)
        assert isinstance(venue.submit(order), Unclear)
        assert acknowledged(venue.find(order)).status is VenueStatus.WORKING
        assert len(the.theirs(order)) == 1


def test_a_wrong_secret_is_refused_by_the_venue(the: Lab) -> None:
    other = base64.b64encode(b"another").decode()
    with closing(kraken(address=the.server.host, secret=other)) as venue:
        assert not isinstance(venue.submit(the.order()), Acknowledged)
    assert the.server.book.orders() == []


def test_garbage_is_no_empty_account(the: Lab) -> None:
    the.venue.instrument(the.symbol)
    the.server.faults.add(Fault.GARBAGE, Call.LIST, body=HTML)
    for ask in (the.venue.open_orders, the.venue.balances, lambda: the.venue.trades(the.symbol)):
        with pytest.raises(VenueUnavailableError):
            ask()
    assert not isinstance(the.venue.find(the.order()), Absent | Acknowledged)


# The dead-man's switch, and the stream.


def test_a_silent_desk_loses_its_orders_and_a_living_one_does_not(the: Lab) -> None:
    order = the.order()
    acknowledged(the.venue.submit(order))
    assert the.venue.keep_alive(1) is True
    for _ in range(3):
        time.sleep(0.6)
        assert the.venue.keep_alive(1) is True
    assert the.theirs(order)[0].status.is_open
    until(lambda: not the.theirs(order)[0].status.is_open, 3)
    assert server(the).armed == [1, 1, 1, 1]


def test_a_switch_that_was_let_be_cancels_nothing(the: Lab) -> None:
    order = the.order()
    acknowledged(the.venue.submit(order))
    assert the.venue.keep_alive(1)
    assert the.venue.keep_alive(0)
    time.sleep(1.3)
    assert the.theirs(order)[0].status.is_open


def test_the_stream_tells_of_every_change_by_our_name(the: Lab) -> None:
    news: list[VenueNews] = []
    with the.venue.follow(news.append):
        until(lambda: any(isinstance(it, Connected) for it in news))
        the.server.until_followed()
        order = the.order()
        acknowledged(the.venue.submit(order))
        the.fill(order, "2")

        def told() -> bool:
            return any(
                isinstance(it, VenueOrder)
                and it.client_order_id == order.client_order_id
                and it.status is VenueStatus.FILLED
                for it in news
            )

        until(told)


def test_a_stream_that_breaks_is_told_and_comes_back(the: Lab) -> None:
    news: list[VenueNews] = []
    with the.venue.follow(news.append) as stream:
        until(lambda: stream.connected)
        the.server.until_followed()
        the.server.drop_streams()
        until(lambda: any(isinstance(it, Disconnected) for it in news))
        before = len(news)
        until(lambda: any(isinstance(it, Connected) for it in news[before:]))
