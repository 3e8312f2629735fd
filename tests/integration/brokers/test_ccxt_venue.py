"""What is Binance's alone, and what ccxt would do if it were left alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.venues.binance import BinanceServer
from tests.venues.faults import HTML, Call, Fault
from tests.venues.labs import Lab, ccxt_venue, lab
from tests.venues.orders import Top
from traderbot.application.errors import VenueUnavailableError
from traderbot.application.ports.venue import Acknowledged, Denied, NotSent, Unclear, VenueStatus
from traderbot.domain.orders.ticket import OrderKind, Side, TimeInForce
from traderbot.domain.shared.values import Currency, Money, Price, Quantity, symbol
from traderbot.infrastructure.brokers.request_budget import RequestBudget


@pytest.fixture
def the() -> Iterator[Lab]:
    with lab("ccxt") as made:
        yield made


def server(the: Lab) -> BinanceServer:
    assert isinstance(the.server, BinanceServer)
    return the.server


@pytest.mark.parametrize("seconds", [-20, 20])
def test_a_venue_whose_clock_differs_is_understood(the: Lab, seconds: int) -> None:
    server(the).skew = timedelta(seconds=seconds)
    assert isinstance(the.venue.submit(the.order()), Acknowledged)


def test_a_clock_that_runs_away_costs_one_call_that_was_not_sent(the: Lab) -> None:
    assert isinstance(the.venue.submit(the.order()), Acknowledged)
    server(the).skew = timedelta(seconds=30)
    assert isinstance(the.venue.submit(the.order()), NotSent)
    assert isinstance(the.venue.submit(the.order()), Acknowledged)


def test_a_key_that_is_revoked_is_a_refusal_and_no_ban(the: Lab) -> None:
    order = the.order()
    assert isinstance(the.venue.submit(order), Acknowledged)
    taken = the.server.book.accounts.pop("a-key-of-nobody")
    for answer in (the.venue.submit(the.order()), the.venue.cancel(order)):
        assert isinstance(answer, Denied)
        assert answer.code == "VENUE_UNAUTHORIZED"
    the.server.book.accounts[taken.key] = taken


def test_a_ban_says_how_long_it_lasts(the: Lab) -> None:
    the.venue.instrument(the.symbol)
    server(the).weight.limit, server(the).weight.patience = 0, 0
    answer = the.venue.submit(the.order())
    assert isinstance(answer, NotSent)
    assert answer.retry_after_seconds == 120


def test_an_amount_is_sent_as_it_is_or_not_at_all(the: Lab) -> None:
    # ccxt would cut it to 0.12345, and trade another quantity than was approved.
    assert isinstance(the.venue.submit(the.order(quantity="0.123456")), Denied)
    assert isinstance(the.venue.submit(the.order(quantity="0.12345")), Acknowledged)
    assert [it.quantity for it in the.server.book.orders()] == [Decimal("0.12345")]


def test_garbage_is_no_empty_account(the: Lab) -> None:
    # ccxt makes no orders, no trades and no money of it.
    the.venue.instrument(the.symbol)
    the.server.faults.add(Fault.GARBAGE, Call.LIST, body=HTML)
    for ask in (the.venue.open_orders, the.venue.balances):
        with pytest.raises(VenueUnavailableError):
            ask()


def test_a_code_that_says_nobody_knows_is_unclear_whatever_its_status(the: Lab) -> None:
    the.venue.instrument(the.symbol)
    for code in (-1000, -1001, -1006, -1007):
        the.server.faults.add(Fault.REFUSE, Call.SUBMIT, count=1, status=400, code=code)
        assert isinstance(the.venue.submit(the.order()), Unclear)


def test_a_name_is_free_again_when_its_order_has_ended(the: Lab) -> None:
    """So the venue is no help against sending twice: who asks first, and only then sends, is."""
    the.market()
    order = the.order(price="100")
    assert isinstance(the.venue.submit(order), Acknowledged)
    assert isinstance(the.venue.submit(order), Acknowledged)
    assert len(the.theirs(order)) == 2


def test_a_coin_this_program_has_no_name_for_hides_no_other(the: Lab) -> None:
    the.server.book.accounts["a-key-of-nobody"].balance("币安人生").free = Decimal(7)
    assert the.venue.balances() == {
        Currency("BTC"): Decimal(100),
        Currency("USDT"): Decimal(100_000),
    }


def test_the_fee_is_told_in_the_coin_it_was_taken_in(the: Lab) -> None:
    the.market()
    the.venue.submit(the.order(price="100", quantity="1"))
    the.venue.submit(the.order(price="99", quantity="1", side=Side.SELL))
    assert [it.fee for it in the.venue.trades(the.symbol)] == [
        Money("0.001", "BTC"),
        Money("0.099", "USDT"),
    ]


def test_two_pairs_are_canceled_together(the: Lab) -> None:
    the.server.book.set_price("ETHUSDT", Top(Decimal(9), Decimal(10)))
    from_eth = the.order(symbol=symbol("ETH/USDT"), price="5")
    assert isinstance(the.venue.submit(from_eth), Acknowledged)
    assert isinstance(the.venue.submit(the.order()), Acknowledged)
    assert the.venue.cancel_all() is True
    assert the.server.book.open_orders() == []


def test_an_order_that_expired_in_part_is_told_so(the: Lab) -> None:
    top = Top(Decimal(99), Decimal(100), ask_quantity=Decimal("0.5"))
    the.server.book.set_price(the.listed, top)
    order = the.order(price="100", duration=TimeInForce.IOC)
    answer = the.venue.submit(order)
    assert isinstance(answer, Acknowledged)
    assert (answer.order.status, answer.order.filled) == (VenueStatus.EXPIRED, Quantity("0.5"))


def test_a_budget_is_asked_first_and_learns_what_the_venue_counts(the: Lab, tmp_path: Path) -> None:
    budget = RequestBudget(tmp_path / "budget", 100, 60, reserve=20)
    venue = ccxt_venue(address=the.server.host, budget=budget)
    order = the.order()
    assert isinstance(venue.submit(order), Acknowledged)
    assert budget.left() < 80
    budget.take(budget.left() - 20)
    before = len(the.server.seen)
    answer = venue.submit(the.order())
    assert isinstance(answer, NotSent)
    assert answer.retry_after_seconds is not None
    assert len(the.server.seen) == before
    # What is kept for cancels is there for them.
    assert isinstance(venue.cancel(order), Acknowledged)
    venue.close()


def test_a_distance_it_cannot_say_is_refused_before_anything_is_sent(the: Lab) -> None:
    the.venue.instrument(the.symbol)
    before = len(the.server.seen)
    for distance in ({"trail": Price(5)}, {"trail_bps": Decimal("12.5")}):
        order = the.order(kind=OrderKind.TRAILING_STOP, price=None, **distance)
        assert isinstance(the.venue.submit(order), Denied)
    assert len(the.server.seen) == before
    far = the.order(kind=OrderKind.TRAILING_STOP, price=None, trail_bps=Decimal(5000))
    denied = the.venue.submit(far)
    assert isinstance(denied, Denied)
    assert "TRAILING_DELTA" in denied.reason


@pytest.mark.parametrize("days", [None, 3])
def test_more_trades_than_the_newest_page_are_asked_for_by_time_or_number(
    the: Lab, days: int | None
) -> None:
    orders = [the.order(quantity="90", price="90") for _ in range(3)]
    for order in orders:
        assert isinstance(the.venue.submit(order), Acknowledged)
    for number in range(2_100):
        the.fill(orders[number % 3], "0.001")
    since = None if days is None else datetime.now(UTC) - timedelta(days=days)
    fresh = the.another()
    told = fresh.trades(the.symbol, since)
    fresh.close()
    assert [it.trade_id for it in told] == [str(it) for it in range(1, 2_101)]
    assert {it.client_order_id for it in told} == {it.client_order_id for it in orders}


def test_an_account_with_few_trades_is_asked_once_however_long_ago(the: Lab) -> None:
    order = the.order()
    assert isinstance(the.venue.submit(order), Acknowledged)
    the.fill(order, "1")
    before = sum(it.path == "/api/v3/myTrades" for it in the.server.seen)
    assert len(the.venue.trades(the.symbol, datetime(2020, 1, 1, tzinfo=UTC))) == 1
    assert sum(it.path == "/api/v3/myTrades" for it in the.server.seen) == before + 1


def test_more_orders_than_a_page_lend_their_names_to_trades(the: Lab) -> None:
    first, last = the.order(), the.order()
    assert isinstance(the.venue.submit(first), Acknowledged)
    account = the.server.book.accounts["a-key-of-nobody"]
    wish = the.theirs(first)[0].wish
    for number in range(1_200):
        other = replace(wish, client_id=f"other-{number}", quantity=Decimal("0.1"))
        the.server.book.cancel(account.key, the.server.book.submit(account.key, other))
    assert isinstance(the.venue.submit(last), Acknowledged)
    the.fill(first, "0.5")
    the.fill(last, "0.5")
    fresh = the.another()
    told = fresh.trades(the.symbol, None)
    fresh.close()
    assert [it.client_order_id for it in told] == [first.client_order_id, last.client_order_id]


def test_a_cancel_by_its_own_id_never_takes_another_of_the_same_name(the: Lab) -> None:
    first = the.order()
    taken = the.venue.submit(first)
    assert isinstance(taken, Acknowledged)
    assert isinstance(the.venue.cancel(first), Acknowledged)
    assert isinstance(the.venue.submit(first), Acknowledged)  # the name is free again
    answer = the.venue.cancel(the.named(first, taken.order.venue_order_id))
    assert not isinstance(answer, Denied)
    assert [it.status.value for it in the.theirs(first)] == ["canceled", "new"]


@pytest.mark.parametrize("body", ["[]", "{}", "null", HTML])
def test_what_it_knows_of_symbols_outlives_garbage(the: Lab, body: str) -> None:
    venue = ccxt_venue(address=the.server.host)
    assert isinstance(venue.submit(the.order()), Acknowledged)
    venue._clients._learn_at = 0.0  # an hour later
    the.server.faults.add(Fault.GARBAGE, Call.MARKET, body=body)
    for _ in range(2):
        assert isinstance(venue.submit(the.order()), Acknowledged)
    assert len(venue.open_orders()) == 3
    venue.close()
