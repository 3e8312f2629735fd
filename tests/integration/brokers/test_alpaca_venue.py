"""What is Alpaca's alone."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from threading import Event

import pytest

from tests.venues.faults import Call, Fault
from tests.venues.labs import Lab, lab
from tests.venues.orders import Top
from traderbot.application.ports.venue import (
    Acknowledged,
    Connected,
    Denied,
    Disconnected,
    VenueNews,
    VenueOrder,
    VenueStatus,
    VenueTrade,
)
from traderbot.domain.orders.ticket import TimeInForce
from traderbot.domain.shared.values import USD, Price, Quantity, Symbol, symbol
from traderbot.infrastructure.brokers import alpaca_stream

BITCOIN: Symbol = symbol("BTC/USD")


@pytest.fixture
def the() -> Iterator[Lab]:
    with lab("alpaca") as made:
        yield made


def test_coins_are_traded_and_held_under_their_pair(the: Lab) -> None:
    the.server.book.set_price("BTC/USD", Top(Decimal(20_000), Decimal(20_001)))
    instrument = the.venue.instrument(BITCOIN)
    assert instrument is not None
    assert (instrument.tick_size, instrument.lot_size) == (Price("0.01"), Quantity("0.000000001"))
    order = the.order(symbol=BITCOIN, price="20001", quantity="0.000100001")
    assert isinstance(the.venue.submit(order), Acknowledged)
    assert the.venue.positions() == {the.symbol: Decimal(100), BITCOIN: Decimal("0.000100001")}
    assert [it.quantity for it in the.venue.trades(BITCOIN)] == [Quantity("0.000100001")]
    assert the.venue.trades(the.symbol) == []


def test_part_of_a_share_is_a_day_order(the: Lab) -> None:
    denied = the.venue.submit(the.order(quantity="0.5"))
    assert isinstance(denied, Denied)
    assert "DAY" in denied.reason
    taken = the.venue.submit(the.order(quantity="0.5", duration=TimeInForce.DAY))
    assert isinstance(taken, Acknowledged)


def test_the_acknowledgement_tells_of_no_fill_and_the_question_does(the: Lab) -> None:
    the.market()
    order = the.order(price="100")
    taken = the.venue.submit(order)
    assert isinstance(taken, Acknowledged)
    assert (taken.order.status, taken.order.filled) == (VenueStatus.PENDING, Quantity(0))
    found = the.venue.find(order)
    assert isinstance(found, Acknowledged)
    assert found.order.status is VenueStatus.FILLED


def test_what_was_sold_short_is_below_zero(the: Lab) -> None:
    account = the.server.book.accounts["a-key-of-nobody"]
    account.margin = True
    account.balance("MSFT").free = Decimal(-3)
    assert the.venue.positions()[symbol("MSFT")] == Decimal(-3)
    assert the.venue.balances() == {USD: Decimal(100_000)}


def test_a_fill_whose_trade_cannot_be_read_is_told_as_a_break(
    the: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alpaca_stream, "PAUSES", (0.0, 0.05))
    heard: list[VenueNews] = []
    back = Event()

    def hear(news: VenueNews) -> None:
        heard.append(news)
        if isinstance(news, Connected) and any(isinstance(it, Disconnected) for it in heard):
            back.set()

    with the.venue.follow(hear):
        the.server.until_followed()
        order = the.order()
        assert isinstance(the.venue.submit(order), Acknowledged)
        the.server.faults.add(Fault.ERROR_BEFORE, Call.LIST)
        the.fill(order, "1")
        assert back.wait(10)
    assert not any(isinstance(it, VenueTrade) for it in heard)
    the.server.faults.clear()
    assert len(the.venue.trades(the.symbol)) == 1


def test_trades_that_are_shown_late_are_waited_for(
    the: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alpaca_stream, "PAUSES", (0.0, 0.05, 0.05, 0.05))
    heard: list[VenueNews] = []
    traded = Event()

    def hear(news: VenueNews) -> None:
        heard.append(news)
        if isinstance(news, VenueTrade):
            traded.set()

    with the.venue.follow(hear):
        the.server.until_followed()
        order = the.order()
        assert isinstance(the.venue.submit(order), Acknowledged)
        the.server.faults.add(Fault.ERROR_BEFORE, Call.LIST, count=2)
        the.fill(order, "1")
        assert traded.wait(10)
    assert not any(isinstance(it, Disconnected) for it in heard)


def test_a_burst_of_fills_is_not_looked_up_one_by_one(the: Lab) -> None:
    heard: list[VenueNews] = []
    ended = Event()

    def hear(news: VenueNews) -> None:
        heard.append(news)
        if isinstance(news, VenueOrder) and news.status is VenueStatus.FILLED:
            ended.set()

    with the.venue.follow(hear):
        the.server.until_followed()
        order = the.order(quantity="50")
        assert isinstance(the.venue.submit(order), Acknowledged)
        for _ in range(50):
            the.fill(order, "1")
        assert ended.wait(20)
    assert len({it.trade_id for it in heard if isinstance(it, VenueTrade)}) == 50
    assert sum(it.call is Call.LIST for it in the.server.seen) <= 25
    assert not any(isinstance(it, Disconnected) for it in heard)


def test_many_unknown_orders_are_asked_for_together(the: Lab) -> None:
    orders = [the.order() for _ in range(40)]
    for order in orders:
        assert isinstance(the.venue.submit(order), Acknowledged)
        the.fill(order, "2")
    before = len(the.server.seen)
    fresh = the.another()
    told = fresh.trades(the.symbol, None)
    fresh.close()
    assert [it.client_order_id for it in told] == [it.client_order_id for it in orders]
    assert len(the.server.seen) - before <= 3
