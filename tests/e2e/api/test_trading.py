"""The ways people use the API when all goes well, and when a rule says no."""

from __future__ import annotations

import re

import pytest

from tests.e2e.api.running import MISSING_ID, Json, Person, Server, an_order, answered, refused
from traderbot.application.commands.record_fill import RecordFill
from traderbot.application.ports.commands import Origin
from traderbot.application.ports.recorded import Actor
from traderbot.domain.orders.ticket import Fill
from traderbot.domain.shared.ids import FillId, OrderId
from traderbot.domain.shared.values import Money, Price, Quantity

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


@pytest.fixture
def portfolio(ada: Person) -> Json:
    return ada.open_portfolio()


def _fill(server: Server, order: Json, quantity: str, price: str) -> None:
    fill = Fill(
        id=FillId(f"fill-{order['order_id']}-{quantity}"),
        at=server.program.application.clock.now(),
        quantity=Quantity(quantity),
        price=Price(price),
        fee=Money("1.25", "USD"),
    )
    command = RecordFill(order_id=OrderId(order["order_id"]), fill=fill)
    server.program.run(command, origin=Origin(actor=Actor("system", "venue", "test")))


def test_a_user_sees_who_they_are(ada: Person) -> None:
    shown = answered(ada.get("/users/me"), 200)
    assert INSTANT.fullmatch(shown.pop("registered_at"))
    assert shown == {
        "user_id": ada.user_id,
        "email": ada.email,
        "role": "trader",
        "active": True,
    }


def test_money_goes_in_and_out_to_the_last_digit(ada: Person) -> None:
    portfolio = answered(ada.post("/portfolios", {"name": "savings"}), 201)
    path = f"/portfolios/{portfolio['portfolio_id']}"
    amount = "12345678901234567890.123456789012345678"
    ada.post(f"{path}/deposits", {"amount": amount, "currency": "BTC"})
    ada.post(f"{path}/withdrawals", {"amount": "0.000000000000000001", "currency": "BTC"})
    shown = answered(ada.get(path), 200)
    left = "12345678901234567890.123456789012345677"
    assert shown["balances"] == [
        {"currency": "BTC", "free": left, "reserved": "0", "collateral": "0", "total": left}
    ]


def test_a_placed_order_is_the_same_wherever_it_is_shown(ada: Person, portfolio: Json) -> None:
    placed = ada.place(portfolio["portfolio_id"])
    assert (placed["status"], placed["quantity"], placed["limit_price"]) == (
        "approved",
        "10",
        "195.5",
    )
    assert INSTANT.fullmatch(placed["placed_at"])
    assert answered(ada.get(f"/orders/{placed['order_id']}"), 200) == placed
    listed = answered(ada.get("/orders", params={"limit": "1"}), 200)
    assert listed["items"] == [placed]
    explained = answered(ada.get(f"/orders/{placed['order_id']}/explanation"), 200)
    assert explained["order"] == placed


def test_an_order_above_the_limit_is_recorded_as_refused(ada: Person, portfolio: Json) -> None:
    order = ada.place(portfolio["portfolio_id"], quantity="1000")
    assert order["status"] == "refused"
    codes = {reason["code"] for reason in order["reasons"]}
    assert codes == {
        "ORDER_NOTIONAL_ABSOLUTE",
        "ORDER_NOTIONAL_MAX",
        "INSUFFICIENT_FUNDS",
        "POSITION_NOTIONAL_MAX",
        "GROSS_EXPOSURE_MAX",
        "NET_EXPOSURE_MAX",
    }
    refused(ada.client.delete(f"/orders/{order['order_id']}"), 409, "ORDER_CLOSED")


def test_a_canceled_order_frees_its_money_and_may_be_canceled_again(
    ada: Person, portfolio: Json
) -> None:
    path = f"/portfolios/{portfolio['portfolio_id']}"
    order = ada.place(portfolio["portfolio_id"])
    assert answered(ada.get(path), 200)["balances"][0]["reserved"] == order["reserved"] != "0"
    once, twice = (
        answered(ada.client.delete(f"/orders/{order['order_id']}"), 200) for _ in range(2)
    )
    assert once == twice
    assert once["status"] == "canceled"
    assert answered(ada.get(path), 200)["balances"][0]["reserved"] == "0"


def test_a_fill_makes_a_position(ada: Person, portfolio: Json, server: Server) -> None:
    order = ada.place(portfolio["portfolio_id"])
    _fill(server, order, "4", "195.25")
    shown = answered(ada.get(f"/orders/{order['order_id']}"), 200)
    assert (shown["status"], shown["filled"], shown["remaining"], shown["average_price"]) == (
        "partially_filled",
        "4",
        "6",
        "195.25",
    )
    path = f"/portfolios/{portfolio['portfolio_id']}/positions"
    (position,) = answered(ada.get(path), 200)["items"]
    assert (position["symbol"], position["quantity"], position["is_open"]) == ("AAPL", "4", True)
    assert answered(ada.get(path, params={"is_open": "true"}), 200)["items"] == [position]
    assert answered(ada.get(path, params={"is_open": "false"}), 200)["items"] == []


def test_an_orders_events_tell_its_story_in_order(
    ada: Person, portfolio: Json, server: Server
) -> None:
    order = ada.place(portfolio["portfolio_id"])
    _fill(server, order, "1", "195")
    ada.client.delete(f"/orders/{order['order_id']}")
    events = answered(ada.get(f"/orders/{order['order_id']}/events"), 200)["items"]
    assert [event["version"] for event in events] == [1, 2, 3, 4]
    assert all(event["stream"].endswith(order["order_id"]) for event in events)
    story = answered(ada.get(f"/orders/{order['order_id']}/explanation"), 200)
    assert [each for each in story["events"] if each in events] == events
    assert len(story["events"]) > len(events)  # what it did to the portfolio, too


def test_the_request_id_is_the_correlation_id_of_the_events(
    ada: Person, portfolio: Json, server: Server
) -> None:
    mine = "0199a1b2-0000-7000-8000-00000000c0de"
    ada.client.headers["X-Request-ID"] = mine
    try:
        order = ada.place(portfolio["portfolio_id"])
    finally:
        del ada.client.headers["X-Request-ID"]
    rows = server.rows(
        "SELECT correlation_id, actor_type, actor_id FROM events WHERE stream_id LIKE :id",
        id=f"%{order['order_id']}",
    )
    assert {tuple(row) for row in rows} == {(mine, "user", ada.user_id)}


def test_orders_are_found_by_every_filter(ada: Person) -> None:
    here, there = (ada.open_portfolio()["portfolio_id"] for _ in range(2))
    buy = ada.place(here)
    other = ada.place(there, symbol="BRK.B")
    too_large = ada.place(there, quantity="1000")
    sell = ada.place(there, side="sell", quantity="1")

    def found(**query: str) -> set[str]:
        page = answered(ada.get("/orders", params={"limit": "200", **query}), 200)
        return {each["order_id"] for each in page["items"]}

    ids = [each["order_id"] for each in (buy, other, too_large, sell)]
    assert found(portfolio_id=here) == {ids[0]}
    assert found(portfolio_id=there) == set(ids[1:])
    assert found(portfolio_id=there, symbol="BRK.B") == {ids[1]}
    assert found(portfolio_id=there, status="refused") == {ids[2]}
    assert found(portfolio_id=there, side="sell") == {ids[3]}
    assert found(portfolio_id=there, placed_from=other["placed_at"]) == set(ids[1:])
    assert found(portfolio_id=there, placed_until=too_large["placed_at"]) == {ids[1]}
    assert found(portfolio_id=MISSING_ID) == set()


def test_pages_follow_one_another_without_gap_or_repetition(ada: Person) -> None:
    portfolio_id = ada.open_portfolio()["portfolio_id"]
    placed = [ada.place(portfolio_id, quantity="1")["order_id"] for _ in range(7)]
    seen: list[str] = []
    query = {"portfolio_id": portfolio_id, "limit": "3"}
    while True:
        page = answered(ada.get("/orders", params=query), 200)
        seen += [each["order_id"] for each in page["items"]]
        if page["next_cursor"] is None:
            break
        assert len(page["items"]) == 3
        query["cursor"] = page["next_cursor"]
    assert seen == placed[::-1]


def test_portfolios_are_listed_newest_first(ada: Person) -> None:
    made = [ada.open_portfolio() for _ in range(3)]
    page = answered(ada.get("/portfolios", params={"limit": "3"}), 200)
    assert page["items"] == made[::-1]


def test_strategies_are_listed_with_their_parameters(ada: Person) -> None:
    (rsi,) = (
        each
        for each in answered(ada.get("/strategies/list"), 200)["items"]
        if each["name"] == "RSI_CROSS"
    )
    assert rsi["parameters"]["rsi_period"] == "14"
    assert rsi["warm_up"] == 16
    assert rsi["description"]


def test_a_market_order_needs_a_known_price(ada: Person, portfolio: Json) -> None:
    body = an_order(portfolio["portfolio_id"], type="market", symbol="NOBAR")
    del body["limit_price"]
    refused(ada.post("/orders", body), 422, "NO_REFERENCE_PRICE")


def test_the_program_says_that_it_is_well(server: Server) -> None:
    with server.client() as client:
        assert answered(client.get("/health/live"), 200) == {"status": "ok"}
        ready = answered(client.get("/health/ready"), 200)
        checks = [(each["name"], each["ok"]) for each in ready["checks"]]
        assert checks == [("database", True), ("sealing", True)]
        report = answered(client.get("/health"), 200)
        assert report["status"] == "ok"
        assert INSTANT.fullmatch(report["timestamp"])
