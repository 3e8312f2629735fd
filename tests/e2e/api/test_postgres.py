"""The same API on PostgreSQL: the way of an order, and values that only SQLite would take."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.api import hostile
from tests.e2e.api.running import (
    Person,
    Server,
    an_order,
    answered,
    refused,
    running,
    settings_in,
    somebody,
)


@pytest.fixture(scope="module")
def on_postgres(
    module_postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    with running(settings_in(tmp_path_factory.mktemp("pg"), module_postgres_url)) as server:
        yield server


@pytest.fixture(scope="module")
def grace(on_postgres: Server) -> Iterator[Person]:
    with somebody(on_postgres, "grace") as person:
        yield person


def test_an_order_goes_all_the_way(grace: Person) -> None:
    portfolio = grace.open_portfolio()
    path = f"/portfolios/{portfolio['portfolio_id']}"
    amount = "12345678901234567890.123456789012345678"
    answered(grace.post(f"{path}/deposits", {"amount": amount, "currency": "BTC"}), 201)
    order = grace.place(portfolio["portfolio_id"], key="one")
    assert grace.place(portfolio["portfolio_id"], key="one") == order
    refused(
        grace.post("/orders", an_order(portfolio["portfolio_id"], quantity="9"), key="one"),
        422,
        "IDEMPOTENCY_KEY_REUSED",
    )
    assert answered(grace.get(f"/orders/{order['order_id']}"), 200) == order
    shown = answered(grace.get(path), 200)
    assert [each["total"] for each in shown["balances"]] == [amount, "100000"]
    assert answered(grace.get("/orders"), 200)["items"] == [order]
    story = answered(grace.get(f"/orders/{order['order_id']}/explanation"), 200)
    assert story["order"] == order
    assert (
        answered(grace.client.delete(f"/orders/{order['order_id']}"), 200)["status"] == "canceled"
    )


def test_it_is_ready(on_postgres: Server) -> None:
    with on_postgres.client() as client:
        database, sealing = answered(client.get("/health/ready"), 200)["checks"]
        assert database["message"].startswith("postgresql")
        assert sealing["ok"]


@pytest.mark.parametrize("field", ["name", "cash"])
def test_no_value_reaches_the_database_that_it_cannot_hold(
    field: str, grace: Person, on_postgres: Server
) -> None:
    before = on_postgres.events()
    for _, value in hostile.for_names():
        if field == "name":
            content = f'{{"name": {value}}}'
        else:
            content = f'{{"name": "n", "cash": {{"amount": {value}, "currency": "USD"}}}}'
        headers = {"Content-Type": "application/json"}
        response = grace.client.post(
            "/portfolios", content=content.encode("utf-8", "surrogatepass"), headers=headers
        )
        refused(response, 422)
    assert on_postgres.events() == before


def test_no_query_breaks_it(grace: Person) -> None:
    for name in ("limit", "cursor", "symbol", "portfolio_id", "placed_from", "placed_until"):
        for value in hostile.RAW_TEXT:
            request = grace.client.build_request("GET", "/")
            target = f"/orders?{name}={value}".encode("ascii")
            request.url = request.url.copy_with(raw_path=target)
            assert grace.client.send(request).status_code in {200, 400, 422}


def test_logins_do_not_break_it(on_postgres: Server) -> None:
    with on_postgres.client() as client:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        for content in (b"username=a%00%40b&password=c", b"username=a%40b&password=%00"):
            response = client.post("/auth/token", content=content, headers=headers)
            refused(response, 401, "WRONG_CREDENTIALS")


def test_the_widest_instants_are_understood(grace: Person) -> None:
    for instant in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"):
        query = {"placed_from": instant, "placed_until": instant}
        assert answered(grace.get("/orders", params=query), 200)["items"] == []


def test_a_second_server_serves_the_same(
    grace: Person, module_postgres_url: str, tmp_path: Path
) -> None:
    order = grace.place(grace.open_portfolio()["portfolio_id"], key="there")
    with (
        running(settings_in(tmp_path, module_postgres_url)) as second,
        second.client(Authorization=f"Bearer {grace.token}") as client,
    ):
        assert answered(client.get(f"/orders/{order['order_id']}"), 200) == order
        body = an_order(order["portfolio_id"])
        headers = {"Idempotency-Key": "there"}
        assert answered(client.post("/orders", json=body, headers=headers), 201) == order
