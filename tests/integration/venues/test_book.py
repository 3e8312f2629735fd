"""The truth the venue servers keep must itself be true."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.venues.book import Book, BookError
from tests.venues.orders import Fees, Kind, Lasting, Listing, Order, Side, Status, Top, What, Wish

BTC = Listing(symbol="BTCUSDT", base="BTC", quote="USDT")


def a_book(*, ids_are_unique_for_ever: bool = False, slow_cancels: bool = False) -> Book:
    book = Book(
        [BTC],
        fees=Fees(rate=Decimal("0.001")),
        ids_are_unique_for_ever=ids_are_unique_for_ever,
        slow_cancels=slow_cancels,
    )
    book.open_account("key", "secret", {"USDT": Decimal(10_000), "BTC": Decimal(2)})
    return book


def a_wish(
    client_id: str = "one", side: Side = Side.BUY, price: str | None = "100", **how: object
) -> Wish:
    limit = None if price is None else Decimal(price)
    fields: dict[str, object] = {
        "listing": BTC,
        "side": side,
        "kind": Kind.MARKET if price is None else Kind.LIMIT,
        "quantity": Decimal(1),
        "client_id": client_id,
        "price": limit,
        **how,
    }
    return Wish(**fields)  # type: ignore[arg-type]


def test_a_resting_order_fills_at_its_own_price_and_a_taking_one_at_the_markets() -> None:
    book = a_book()
    resting = book.submit("key", a_wish("resting", price="100"))
    book.set_price("BTCUSDT", Top(Decimal(90), Decimal(91)))
    taking = book.submit("key", a_wish("taking", price="100"))
    prices = [it.price for it in book.trades()]
    assert prices == [Decimal(100), Decimal(91)]
    assert [it.maker for it in book.trades()] == [True, False]
    assert book.by_id("key", resting.id) == book.by_client_id("key", "resting")
    assert taking.status is Status.FILLED
    book.check()


def test_a_market_order_takes_what_there_is_and_the_rest_expires() -> None:
    book = a_book()
    book.set_price("BTCUSDT", Top(Decimal(99), Decimal(100), ask_quantity=Decimal("0.4")))
    order = book.submit("key", a_wish(price=None))
    assert (order.status, order.filled) == (Status.EXPIRED, Decimal("0.4"))
    assert [it.what for it in book] == [What.NEW, What.FILL, What.EXPIRED]
    book.check()


def test_fill_or_kill_takes_all_or_nothing() -> None:
    book = a_book()
    book.set_price("BTCUSDT", Top(Decimal(99), Decimal(100), ask_quantity=Decimal("0.4")))
    order = book.submit("key", a_wish(lasting=Lasting.FOK))
    assert (order.status, order.filled) == (Status.EXPIRED, Decimal(0))


def test_a_stop_wakes_when_the_market_reaches_it() -> None:
    book = a_book()
    book.set_price("BTCUSDT", Top(Decimal(99), Decimal(100)))
    wish = a_wish(side=Side.SELL, price=None, kind=Kind.STOP, stop_price=Decimal(95))
    order = book.submit("key", wish)
    assert order.status is Status.NEW
    book.set_price("BTCUSDT", Top(Decimal(94), Decimal("94.5")))
    assert [(it.quantity, it.price) for it in book.trades()] == [(Decimal(1), Decimal(94))]
    with pytest.raises(BookError, match="already reached"):
        book.submit("key", a_wish("two", Side.SELL, None, kind=Kind.STOP, stop_price=Decimal(95)))
    book.check()


def test_a_trailing_stop_follows_the_market_in_one_direction_only() -> None:
    book = a_book()
    book.set_price("BTCUSDT", Top(Decimal(100), Decimal(101)))
    selling = book.submit("key", a_wish("s", Side.SELL, None, kind=Kind.TRAILING, trail=Decimal(5)))
    buying = book.submit("key", a_wish("b", price=None, kind=Kind.TRAILING, trail_bps=Decimal(500)))
    for bid, ask in ((104, 105), (102, 103), (98, 99)):
        book.set_price("BTCUSDT", Top(Decimal(bid), Decimal(ask)))
    assert [(it.order_id, it.price) for it in book.trades()] == [(selling.id, Decimal(98))]
    assert book.orders()[1].stop == Decimal("103.95")
    book.set_price("BTCUSDT", Top(Decimal(103), Decimal(104)))
    assert book.trades()[-1].order_id == buying.id
    book.check()


def test_an_order_that_may_only_make_is_refused_if_it_would_take() -> None:
    book = a_book()
    book.set_price("BTCUSDT", Top(Decimal(99), Decimal(100)))
    with pytest.raises(BookError, match="trade at once"):
        book.submit("key", a_wish(post_only=True))
    assert book.submit("key", a_wish(price="99", post_only=True)).status is Status.NEW


def test_an_id_is_free_again_when_its_order_is_closed_or_never() -> None:
    as_binance, as_alpaca = a_book(), a_book(ids_are_unique_for_ever=True)
    for book in (as_binance, as_alpaca):
        order = book.submit("key", a_wish())
        with pytest.raises(BookError, match="already"):
            book.submit("key", a_wish())
        book.cancel("key", order)
    second = as_binance.submit("key", a_wish())
    assert as_binance.by_client_id("key", "one") == second
    with pytest.raises(BookError, match="already"):
        as_alpaca.submit("key", a_wish())


def test_an_order_can_be_hidden_and_a_cancel_can_be_slow() -> None:
    book = a_book(slow_cancels=True)
    order = book.submit("key", a_wish())
    book.hide("one", 2)
    found = [book.by_client_id("key", "one") is not None for _ in range(3)]
    assert found == [False, False, True]
    book.cancel("key", order)
    book.fill(order, Decimal("0.5"), Decimal(100))
    book.finish_cancel(order)
    ended = book.by_id("key", order.id)
    assert ended is not None
    assert (ended.status, ended.filled) == (Status.CANCELED, Decimal("0.5"))
    book.fill(order, Decimal("0.1"), Decimal(100), whatever_its_state=True)
    assert book.orders()[0].status is Status.CANCELED
    book.check()


def test_nobody_spends_what_they_do_not_have() -> None:
    book = a_book()
    book.submit("key", a_wish(price="9500"))
    with pytest.raises(BookError, match="is free"):
        book.submit("key", a_wish("two", price="9500"))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("price"), st.integers(80, 120), st.integers(0, 30)),
        st.tuples(st.just("limit"), st.sampled_from(Side), st.integers(80, 120)),
        st.tuples(st.just("market"), st.sampled_from(Side), st.integers(1, 30)),
        st.tuples(st.just("fill"), st.integers(0, 20), st.integers(1, 10)),
        st.tuples(st.just("cancel"), st.integers(0, 20), st.just(0)),
    ),
    max_size=40,
)


@given(steps=STEPS)
def test_whatever_happens_nothing_is_lost_and_nothing_is_made(
    steps: list[tuple[str, object, int]],
) -> None:
    book = a_book()
    for number, (what, first, second) in enumerate(steps):
        try:
            _do(book, number, what, first, second)
        except BookError:
            continue
        finally:
            book.check()
    bought = [it for it in book.trades() if _order(book, it.order_id).side is Side.BUY]
    sold = [it for it in book.trades() if _order(book, it.order_id).side is Side.SELL]
    fees = {
        asset: sum((it.fee for it in book.trades() if it.fee_asset == asset), Decimal(0))
        for asset in ("BTC", "USDT")
    }
    account = book.accounts["key"]
    assert account.balance("BTC").total == (
        2 + sum(it.quantity for it in bought) - sum(it.quantity for it in sold) - fees["BTC"]
    )
    assert account.balance("USDT").total == (
        10_000 - sum(it.notional for it in bought) + sum(it.notional for it in sold) - fees["USDT"]
    )


def _do(book: Book, number: int, what: str, first: object, second: int) -> None:
    orders = book.open_orders()
    match what, first:
        case "price", int(bid):
            size = Decimal(second) / 10 or None
            book.set_price("BTCUSDT", Top(Decimal(bid), Decimal(bid + 1), size, size))
        case "limit", Side() as side:
            book.submit("key", a_wish(str(number), side, str(second), quantity=Decimal("0.7")))
        case "market", Side() as side:
            book.submit("key", a_wish(str(number), side, None, quantity=Decimal(second) / 10))
        case "fill", int(which) if orders:
            order = orders[which % len(orders)]
            book.fill(order, min(Decimal(second) / 10, order.remaining), Decimal(100))
        case "cancel", int(which) if orders:
            book.cancel("key", orders[which % len(orders)])
        case _:
            pass


def _order(book: Book, number: int) -> Order:
    found = book.by_id("key", number)
    assert found is not None
    return found
