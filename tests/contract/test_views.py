"""What every read side promises: filters, owners, and pages without gaps or repetitions."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from threading import Event
from typing import Any, TypeVar

import pytest

from tests.builders import NOON, ORDER_ID, PORTFOLIO_ID, a_fill, later
from tests.stores import Desk, Owned, Store, until
from traderbot.application.commands.bots import StartBot
from traderbot.application.commands.portfolios import Deposit
from traderbot.application.commands.users import DeactivateUser
from traderbot.application.errors import DatabaseUnavailableError
from traderbot.application.ports.views import PAGE_LIMIT, BadCursorError, OrderFilter, Views
from traderbot.application.views import OrderView, Page, PortfolioView
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.orders.lifecycle import OrderStatus
from traderbot.domain.orders.ticket import Side
from traderbot.domain.shared.decimals import exact
from traderbot.domain.shared.ids import BotRunId, OrderId, PortfolioId, UserId
from traderbot.domain.shared.values import Money, symbol
from traderbot.infrastructure.persistence.database import reader_engine
from traderbot.infrastructure.persistence.views import SqlViews
from traderbot.infrastructure.repeatable import ReplayClock, SeededIds

T = TypeVar("T")
STRANGER = UserId("0192f0c1-0000-7000-8000-0000000000ff")


def pages(ask: Callable[..., Page[T]], *what: Any, **how: Any) -> Iterator[Page[T]]:
    """Turn pages until there are no more."""
    page = ask(*what, **how)
    yield page
    while page.next_cursor is not None:
        page = ask(*what, cursor=page.next_cursor, **how)
        yield page


def everything(ask: Callable[..., Page[T]], *what: Any, **how: Any) -> list[T]:
    return [item for page in pages(ask, *what, **how) for item in page.items]


@dataclass(frozen=True)
class Market:
    """Two traders with orders of every kind, one placed each minute from NOON on."""

    desk: Desk
    mine: Owned
    theirs: Owned
    orders: list[OrderView]  # oldest first, as they are now

    @property
    def views(self) -> Views:
        return self.desk.views


@pytest.fixture
def market(store: Store) -> Market:
    clock = ReplayClock(NOON)
    desk = store.desk(clock=clock, ids=SeededIds("market", clock))
    mine, theirs = desk.portfolio(), desk.portfolio(email="b@example.org")
    second = desk.second_portfolio(mine.owner)
    orders = []
    wishes = product((mine, theirs, second), ("AAPL", "IBM"), ("buy", "sell"), range(4))
    for minute, (owned, code, side, fate) in enumerate(wishes):
        clock.move_to(later(minute))
        quantity = "1000000" if fate == 3 else "2"
        order = desk.place(owned, symbol_code=code, side=side, quantity=quantity)
        if fate == 1:
            order = desk.cancel(order)
        if fate == 2:
            fill = a_fill(fill_id=f"fill-{minute}", quantity="1", price="101", at=later(minute))
            order = desk.fill(order, fill)
        orders.append(order)
    return Market(desk, mine, theirs, orders)


# Orders ------------------------------------------------------------------------------------------

FILTERS: list[tuple[dict[str, Any], Callable[[OrderView], bool]]] = [
    ({}, lambda _: True),
    ({"status": OrderStatus.REFUSED}, lambda it: it.status == "refused"),
    ({"status": OrderStatus.PARTIALLY_FILLED}, lambda it: it.status == "partially_filled"),
    ({"status": OrderStatus.FILLED}, lambda _: False),
    ({"symbol": symbol("IBM")}, lambda it: it.symbol == "IBM"),
    ({"symbol": symbol("TSLA")}, lambda _: False),
    ({"side": Side.SELL}, lambda it: it.side == "sell"),
    ({"placed_from": later(5)}, lambda it: it.placed_at >= later(5)),
    ({"placed_until": later(5)}, lambda it: it.placed_at < later(5)),
    (
        {"placed_from": later(5), "placed_until": later(30), "side": Side.BUY},
        lambda it: later(5) <= it.placed_at < later(30) and it.side == "buy",
    ),
    (
        {"symbol": symbol("AAPL"), "side": Side.BUY, "status": OrderStatus.CANCELED},
        lambda it: (it.symbol, it.side, it.status) == ("AAPL", "buy", "canceled"),
    ),
    ({"bot_run_id": BotRunId(str(STRANGER))}, lambda _: False),
]


def test_orders_are_filtered_and_newest_first(market: Market) -> None:
    for owner in (None, market.mine.owner, market.theirs.owner, STRANGER):
        for fields, keep in FILTERS:
            wanted = [
                it for it in market.orders if keep(it) and owner in (None, UserId(it.owner_id))
            ]
            which = OrderFilter(owner_id=owner, **fields)
            found = everything(market.views.orders, which, limit=7)
            assert found == wanted[::-1], which


def test_orders_of_one_portfolio(market: Market) -> None:
    which = OrderFilter(owner_id=market.mine.owner, portfolio_id=market.mine.id)
    found = market.views.orders(which).items
    assert list(found) == market.orders[15::-1]
    foreign = OrderFilter(owner_id=market.theirs.owner, portfolio_id=market.mine.id)
    assert market.views.orders(foreign).items == ()


def test_an_order_is_shown_to_its_owner_and_to_operators_alone(market: Market) -> None:
    order = market.orders[0]
    id_ = OrderId(order.order_id)
    assert market.views.order(market.mine.owner, id_) == order
    assert market.views.order(None, id_) == order
    assert market.views.order(market.theirs.owner, id_) is None
    assert market.views.order(None, ORDER_ID) is None


@pytest.mark.parametrize("limit", [1, 2, 16, 47, 48, 49])
def test_pages_of_any_size_show_every_order_once(market: Market, limit: int) -> None:
    shown = list(pages(market.views.orders, OrderFilter(), limit=limit))
    assert [len(page.items) for page in shown[:-1]] == [limit] * (len(shown) - 1)
    assert len(shown) == -(-len(market.orders) // limit)
    assert [it for page in shown for it in page.items] == market.orders[::-1]


def test_a_page_is_never_larger_than_the_limit_of_pages(desk: Desk) -> None:
    owned = desk.portfolio("1000000 USD")
    for _ in range(PAGE_LIMIT + 1):
        desk.place(owned, quantity="1")
    page = desk.views.orders(OrderFilter(), limit=PAGE_LIMIT * 10)
    assert len(page.items) == PAGE_LIMIT
    rest = desk.views.orders(OrderFilter(), limit=PAGE_LIMIT * 10, cursor=page.next_cursor)
    assert (len(rest.items), rest.next_cursor) == (1, None)


def test_pages_have_no_gaps_or_repetitions_while_orders_arrive(desk: Desk) -> None:
    owned = desk.portfolio("10000000 USD")
    before = [desk.place(owned, quantity="1").order_id for _ in range(40)]
    stop = Event()

    def keep_placing() -> int:
        placed = 0
        while not stop.is_set():
            desk.place(owned, quantity="1")
            placed += 1
        return placed

    with ThreadPoolExecutor(3) as pool:
        busy = [pool.submit(keep_placing) for _ in range(3)]
        try:
            for _ in range(5):
                which = OrderFilter(owner_id=owned.owner)
                found = everything(desk.views.orders, which, limit=7)
                ids = [it.order_id for it in found]
                assert ids == sorted(set(ids), reverse=True)
                assert ids[-40:] == before[::-1]
        finally:
            stop.set()
        assert sum(future.result() for future in busy) > 0


# Cursors -----------------------------------------------------------------------------------------

LISTS: dict[str, Callable[[Views, Any, str | None], Page[Any]]] = {
    "users": lambda views, limit, cursor: views.users(limit=limit, cursor=cursor),
    "portfolios": lambda views, limit, cursor: views.portfolios(None, limit=limit, cursor=cursor),
    "orders": lambda views, limit, cursor: views.orders(OrderFilter(), limit=limit, cursor=cursor),
    "trades": lambda views, limit, cursor: views.trades(None, limit=limit, cursor=cursor),
    "bot_runs": lambda views, limit, cursor: views.bot_runs(None, limit=limit, cursor=cursor),
}


def _opaque(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _mangled(cursor: str) -> Iterator[str]:
    yield from ("", "=", "a", "ä", "\x00", "null", "[]", cursor + "=", cursor + "A=", cursor[1:])
    yield from (cursor[4:], cursor.swapcase(), cursor + "\n", " " + cursor, "A" * 10_000)
    yield from map(_opaque, ("", "|", "||", "1", ORDER_ID.upper(), f"{ORDER_ID} ", f"'{ORDER_ID}'"))
    yield from map(_opaque, (f"{NOON}|{ORDER_ID}|x", f"2025-01-02T12:00:00.000000Z|{ORDER_ID}"))
    yield _opaque(f"2025-01-02T12:00:00.000000Z|{ORDER_ID}|\x00")
    yield _opaque("0000-00-00T00:00:00.000000Z|x|y")


@pytest.mark.parametrize("name", LISTS)
def test_a_cursor_of_somebody_elses_making_is_refused(name: str, market: Market) -> None:
    ask = LISTS[name]
    cursor = ask(market.views, 1, None).next_cursor or _opaque(ORDER_ID)
    for bad in _mangled(cursor):
        with pytest.raises(BadCursorError):
            ask(market.views, 1, bad)


@pytest.mark.parametrize("name", LISTS)
def test_a_cursor_of_another_list_is_refused_or_harmless(name: str, market: Market) -> None:
    for other, ask in LISTS.items():
        cursor = ask(market.views, 1, None).next_cursor
        if cursor is None or (name == "trades") is (other == "trades"):
            continue
        with pytest.raises(BadCursorError):
            LISTS[name](market.views, 1, cursor)


def test_a_cursor_opens_nobody_elses_list(market: Market) -> None:
    cursor = market.views.orders(OrderFilter(owner_id=market.mine.owner), limit=1).next_cursor
    found = market.views.orders(OrderFilter(owner_id=market.theirs.owner), cursor=cursor)
    assert {it.owner_id for it in found.items} == {market.theirs.owner}
    assert market.views.orders(OrderFilter(owner_id=STRANGER), cursor=cursor).items == ()


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("limit", [0, -1])
def test_a_page_has_at_least_one_row(name: str, limit: int, desk: Desk) -> None:
    with pytest.raises(ValueError, match="at least one row"):
        LISTS[name](desk.views, limit, None)


@pytest.mark.parametrize("name", LISTS)
def test_an_empty_list_is_one_empty_page(name: str, desk: Desk) -> None:
    assert LISTS[name](desk.views, 50, None) == Page((), None)


# Users, portfolios, positions, bots --------------------------------------------------------------


def test_users_are_listed_by_whether_they_may_act(desk: Desk) -> None:
    users = [desk.user(f"{n}@example.org") for n in range(7)]
    for user in users[::2]:
        desk.run(DeactivateUser(user_id=UserId(user.user_id), reason="left"))
    now = [desk.views.user(UserId(user.user_id)) for user in users][::-1]
    for active in (None, True, False):
        found = everything(desk.views.users, active=active, limit=2)
        assert found == [it for it in now if it and active in (None, it.active)]
    assert [it.email for it in now if it] == [f"{n}@example.org" for n in range(6, -1, -1)]


def test_portfolios_are_listed_by_owner_with_all_they_hold(market: Market) -> None:
    for owner in (None, market.mine.owner, market.theirs.owner, STRANGER):
        found = everything(market.views.portfolios, owner, limit=1)
        ids = [PortfolioId(it.portfolio_id) for it in found]
        assert ids == sorted(set(ids), reverse=True)
        assert found == [market.views.portfolio(owner, id_) for id_ in ids]
        assert all(len(it.positions) == 2 for it in found)
        assert len(found) == {None: 3, market.mine.owner: 2, market.theirs.owner: 1}.get(owner, 0)


def test_a_portfolio_is_shown_to_its_owner_and_to_operators_alone(market: Market) -> None:
    assert market.views.portfolio(None, market.mine.id) is not None
    assert market.views.portfolio(market.theirs.owner, market.mine.id) is None
    assert market.views.portfolio(None, PORTFOLIO_ID) is None
    assert list(market.views.positions(market.theirs.owner, market.mine.id)) == []


def test_positions_are_listed_by_whether_anything_is_held(desk: Desk) -> None:
    owned = desk.portfolio()
    for n, code in enumerate(["IBM", "BRK.B", "AAPL", "BTC/USD"]):
        order = desk.place(owned, symbol_code=code, quantity="2")
        desk.fill(order, a_fill(fill_id=f"{n}", quantity="2", price="100", at=later(n)))
        if n % 2:
            order = desk.place(owned, symbol_code=code, quantity="2", side="sell")
            desk.fill(order, a_fill(fill_id=f"{n}s", quantity="2", price="103", at=later(9)))
    asked = desk.views.positions
    assert [it.symbol for it in asked(owned.owner, owned.id)] == ["AAPL", "BRK.B", "BTC/USD", "IBM"]
    open_, closed = (asked(owned.owner, owned.id, is_open=it) for it in (True, False))
    assert [(it.symbol, it.quantity, it.average_price) for it in open_] == [
        ("AAPL", "2", "100"),
        ("IBM", "2", "100"),
    ]
    assert [(it.symbol, it.realised, it.average_price) for it in closed] == [
        ("BRK.B", "6", None),
        ("BTC/USD", "6", None),
    ]
    assert {it.closed_at for it in closed} == {later(9)}
    assert list(asked(owned.owner, owned.id)) == list(desk.portfolio_now(owned).positions)


def test_bot_runs_are_listed_by_owner(desk: Desk) -> None:
    mine, theirs = desk.portfolio(), desk.portfolio(email="b@example.org")
    runs = [
        desk.run(
            StartBot(
                owner_id=owned.owner,
                portfolio_id=owned.id,
                strategy="rsi_cross",
                parameters={"period": str(n)},
                symbol=symbol("AAPL"),
                timeframe=Timeframe.D1,
                allocation=exact("0.25"),
            )
        )
        for n, owned in enumerate([mine, theirs, mine, mine, theirs])
    ]
    for owner in (None, mine.owner, theirs.owner, STRANGER):
        found = everything(desk.views.bot_runs, owner, limit=2)
        assert found == [it for it in runs[::-1] if owner in (None, it.owner_id)]
    id_ = BotRunId(runs[0].bot_run_id)
    assert desk.views.bot_run(None, id_) == runs[0]
    assert desk.views.bot_run(theirs.owner, id_) is None


# Trades ------------------------------------------------------------------------------------------


def test_trades_are_listed_newest_first_whatever_the_order_they_came_in(desk: Desk) -> None:
    mine, theirs = desk.portfolio(), desk.portfolio(email="b@example.org")
    minutes = [7 * n % 12 for n in range(24)]  # two at each instant, out of order
    expected: list[tuple[datetime, str, str, UserId]] = []
    orders = {owned.owner: desk.place(owned, quantity="24") for owned in (mine, theirs)}
    for n, minute in enumerate(minutes):
        owner = (mine, theirs)[n % 3 == 0].owner
        order = orders[owner]
        desk.fill(order, a_fill(fill_id=f"f|{n}", quantity="1", price="100", at=later(minute)))
        expected.append((later(minute), order.order_id, f"f|{n}", owner))
    for asker in (None, mine.owner, theirs.owner, STRANGER):
        wanted = sorted((it[:3] for it in expected if asker in (None, it[3])), reverse=True)
        for limit in (1, 5, 100):
            found = everything(desk.views.trades, asker, limit=limit)
            assert [(it.at, it.order_id, it.fill_id) for it in found] == wanted
    of_mine = desk.views.trades(None, mine.id).items
    assert {it.portfolio_id for it in of_mine} == {mine.id}
    assert desk.views.trades(theirs.owner, mine.id).items == ()


def test_a_trade_is_shown_in_full(desk: Desk) -> None:
    owned = desk.portfolio()
    order = desk.place(owned, quantity="3")
    desk.fill(order, a_fill(fill_id="paper:1", quantity="1.5", price="99.99", fee="0.15 USD"))
    (trade,) = desk.views.trades(owned.owner).items
    assert (trade.order_id, trade.fill_id, trade.side) == (order.order_id, "paper:1", "buy")
    assert (trade.quantity, trade.price, trade.notional) == ("1.5", "99.99", "149.985")
    assert (trade.fee, trade.fee_currency, trade.realised) == ("0.15", "USD", "0")
    assert (trade.symbol, trade.currency, trade.at) == ("AAPL", "USD", NOON)


# Working orders ----------------------------------------------------------------------------------


def test_working_orders_are_the_open_ones_oldest_first(market: Market) -> None:
    open_ = [it for it in market.orders if OrderStatus(it.status).is_open]
    working = market.views.working_orders()
    assert [it.order_id for it in working] == [it.order_id for it in open_]
    for shown, order in zip(working, open_, strict=True):
        assert str(shown.remaining) == order.remaining
        assert shown.placed_at == order.placed_at
        assert shown.fills == (1 if order.status == "partially_filled" else 0)
        assert shown.ticket.side.value == order.side
        assert market.views.working_order(OrderId(order.order_id)) == shown


def test_an_order_that_is_over_is_not_working(market: Market) -> None:
    over = [it for it in market.orders if not OrderStatus(it.status).is_open]
    assert over
    assert all(market.views.working_order(OrderId(it.order_id)) is None for it in over)
    assert market.views.working_order(ORDER_ID) is None


# One moment --------------------------------------------------------------------------------------


def test_a_portfolio_is_read_as_of_one_moment(desk: Desk) -> None:
    """Version, cash and positions come from several tables, and must still be of one state."""
    owned = desk.portfolio("1 USD")
    deposit = Deposit(owner_id=owned.owner, portfolio_id=owned.id, amount=Money.parse("1 USD"))
    stop = Event()

    def keep_depositing() -> None:
        while not stop.is_set():
            desk.run(deposit)

    with ThreadPoolExecutor(2) as pool:
        busy = [pool.submit(keep_depositing) for _ in range(2)]
        try:
            seen: set[int] = set()
            until(lambda: _consistent(desk.portfolio_now(owned), seen) and len(seen) > 50)
        finally:
            stop.set()
        for future in busy:
            future.result()


def _consistent(view: PortfolioView, seen: set[int]) -> bool:
    # Opened with 1 USD at version 2; every version after that deposited one more.
    assert view.balances[0].free == str(view.version - 1)
    seen.add(view.version)
    return True


def test_a_database_that_is_gone_is_an_error_of_ours() -> None:
    engine = reader_engine("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(DatabaseUnavailableError):
        SqlViews(engine).working_orders()
    engine.dispose()


def test_instants_are_compared_to_the_microsecond(store: Store) -> None:
    clock = ReplayClock(NOON)
    desk = store.desk(clock=clock, ids=SeededIds("instants", clock))
    owned = desk.portfolio()
    instant = NOON + timedelta(microseconds=1)
    clock.move_to(instant)
    order = desk.place(owned)
    assert desk.views.orders(OrderFilter(placed_from=instant)).items == (order,)
    assert desk.views.orders(OrderFilter(placed_until=instant)).items == ()
    one_more = instant + timedelta(microseconds=1)
    assert desk.views.orders(OrderFilter(placed_from=one_more)).items == ()
    assert desk.views.orders(OrderFilter(placed_until=one_more)).items == (order,)
