"""Changing orders, finding them by one's own name, and bringing a portfolio to its weights."""

from __future__ import annotations

import httpx2
import pytest

from tests.builders import a_bar
from tests.e2e.api.running import MISSING_ID, Json, Person, Server, an_order, answered, refused
from traderbot.application.commands.record_fill import RecordFill
from traderbot.application.ports.commands import Origin
from traderbot.application.ports.recorded import Actor
from traderbot.domain.orders.ticket import Fill
from traderbot.domain.shared.ids import FillId, OrderId
from traderbot.domain.shared.values import Money, Price, Quantity

_VENUE = Origin(actor=Actor("system", "venue", "test"))
CLOSES = {"RBA": "150", "RBB": "200"}


@pytest.fixture(scope="module", autouse=True)
def _bars(server: Server) -> None:
    for code, close in CLOSES.items():
        bar = a_bar(symbol_code=code, open=close, high="1000", low="1", close=close)
        server.program.application.bars.add([bar])


@pytest.fixture
def portfolio(ada: Person) -> str:
    return str(ada.open_portfolio()["portfolio_id"])


def _patch(who: Person, order_id: str, **changes: object) -> httpx2.Response:
    return who.client.patch(f"/orders/{order_id}", json=changes)


# --- changing ---------------------------------------------------------------------------------


def test_an_order_is_changed_and_what_is_set_aside_follows(ada: Person, portfolio: str) -> None:
    order = ada.place(portfolio)
    made = answered(_patch(ada, order["order_id"], quantity="4", limit_price="190"), 200)
    assert (made["outcome"], made["reasons"]) == ("amended", [])
    now = answered(ada.get(f"/orders/{order['order_id']}"), 200)
    assert made["order"] == now
    assert (now["quantity"], now["limit_price"], now["reserved"]) == ("4", "190", "760.76")
    again = answered(_patch(ada, order["order_id"], quantity="4"), 200)
    assert (again["outcome"], again["order"]) == ("unchanged", now)


def test_a_change_above_the_limit_leaves_the_order_and_is_recorded(
    ada: Person, portfolio: str
) -> None:
    order = ada.place(portfolio)
    made = answered(_patch(ada, order["order_id"], quantity="1000"), 200)
    assert made["outcome"] == "refused"
    assert "ORDER_NOTIONAL_MAX" in {reason["code"] for reason in made["reasons"]}
    assert made["order"]["quantity"] == "10"
    events = answered(ada.get(f"/orders/{order['order_id']}/events"), 200)["items"]
    assert events[-1]["type"] == "order.amend_refused"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({}, 422, "INVALID_TICKET"),
        ({"stop_price": "90"}, 422, "INVALID_TICKET"),
        ({"quantity": "0"}, 422, "INVALID_TICKET"),
        ({"quantity": 5}, 422, "VALIDATION_ERROR"),
        ({"quantity": None, "side": "sell"}, 422, "VALIDATION_ERROR"),
        ({"limit_price": "1e3"}, 422, "VALIDATION_ERROR"),
    ],
)
def test_a_change_that_makes_no_order_is_refused(
    changes: Json, status: int, code: str, ada: Person, portfolio: str
) -> None:
    order = ada.place(portfolio)
    refused(_patch(ada, order["order_id"], **changes), status, code)
    assert answered(ada.get(f"/orders/{order['order_id']}"), 200) == order


def test_what_has_ended_is_not_changed(ada: Person, portfolio: str) -> None:
    order = ada.place(portfolio)
    ada.client.delete(f"/orders/{order['order_id']}")
    refused(_patch(ada, order["order_id"], quantity="5"), 409, "ORDER_CLOSED")


def test_another_ones_order_cannot_be_changed(ada: Person, eve: Person, portfolio: str) -> None:
    order = ada.place(portfolio)
    for order_id in (order["order_id"], MISSING_ID):
        refused(_patch(eve, order_id, quantity="5"), 404, "NOT_FOUND")


# --- one's own name ---------------------------------------------------------------------------


def test_an_order_is_found_by_its_client_order_id(ada: Person, portfolio: str) -> None:
    order = ada.place(portfolio, client_order_id="monday-1")
    ada.place(portfolio, client_order_id="monday-2", quantity="1")
    which = {"client_order_id": "monday-1", "portfolio_id": portfolio}
    assert answered(ada.get("/orders", params=which), 200)["items"] == [order]
    refused(ada.get("/orders", params={"client_order_id": "no blanks"}), 422, "VALIDATION_ERROR")


def test_a_client_order_id_is_taken_once(ada: Person, portfolio: str) -> None:
    ada.place(portfolio, client_order_id="only-1")
    body = an_order(portfolio, client_order_id="only-1", quantity="2")
    said = refused(ada.post("/orders", body), 409, "CLIENT_ORDER_ID_TAKEN")
    assert "only-1" in said["message"]
    other = str(ada.open_portfolio()["portfolio_id"])
    assert ada.place(other, client_order_id="only-1")["status"] == "approved"


# --- exits ------------------------------------------------------------------------------------


def test_a_fill_places_its_exits_and_they_name_each_other(
    ada: Person, portfolio: str, server: Server
) -> None:
    entry = ada.place(portfolio, symbol="EXA", take_profit="220", stop_loss="180")
    fill = Fill(
        id=FillId(f"fill-{entry['order_id']}"),
        at=server.program.application.clock.now(),
        quantity=Quantity(4),
        price=Price("195"),
        fee=Money("0", "USD"),
    )
    command = RecordFill(order_id=OrderId(entry["order_id"]), fill=fill)
    server.program.run(command, origin=_VENUE)
    listed = answered(ada.get("/orders", params={"portfolio_id": portfolio}), 200)["items"]
    exits = [it for it in listed if it["parent_id"] == entry["order_id"]]
    assert {(it["type"], it["side"], it["quantity"], it["status"]) for it in exits} == {
        ("stop", "sell", "4", "approved"),
        ("limit", "sell", "4", "approved"),
    }
    assert {it["oco_group"] for it in exits} == {f"{entry['order_id']}:1"}


# --- weights ----------------------------------------------------------------------------------


def _plan(who: Person, portfolio: str, **more: object) -> httpx2.Response:
    body: Json = {"targets": {"RBA": "0.05", "RBB": "0.04"}, **more}
    return who.client.post(f"/portfolios/{portfolio}/rebalance", json=body)


def test_a_plan_is_shown_and_then_carried_out_once(ada: Person, portfolio: str) -> None:
    plan = answered(_plan(ada, portfolio), 200)
    assert [(it["side"], it["quantity"], it["symbol"]) for it in plan["orders"]] == [
        ("buy", "33", "RBA"),
        ("buy", "20", "RBB"),
    ]
    assert (plan["executed"], plan["orders"][0]["order_id"]) == (False, None)
    assert answered(ada.get("/orders", params={"portfolio_id": portfolio}), 200)["items"] == []

    path = f"/portfolios/{portfolio}/rebalance"
    body = {"targets": {"RBA": "0.05", "RBB": "0.04"}, "execute": True, "plan": plan["digest"]}
    once = answered(ada.post(path, body, key="rebalance-1"), 200)
    assert once["executed"]
    placed = answered(ada.get("/orders", params={"portfolio_id": portfolio}), 200)["items"]
    assert {it["order_id"] for it in placed} == {it["order_id"] for it in once["orders"]}
    assert answered(ada.post(path, body, key="rebalance-1"), 200) == once
    refused(ada.post(path, body, key="rebalance-2"), 409, "PLAN_CHANGED")


def test_carrying_out_a_plan_needs_its_digest_and_a_key(ada: Person, portfolio: str) -> None:
    digest = "5f5c1d9b" * 8
    refused(_plan(ada, portfolio, execute=True), 422, "VALIDATION_ERROR")
    refused(_plan(ada, portfolio, plan=digest), 422, "VALIDATION_ERROR")
    refused(_plan(ada, portfolio, execute=True, plan=digest), 400, "IDEMPOTENCY_KEY_MISSING")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "VALIDATION_ERROR"),
        ({"targets": {}}, "VALIDATION_ERROR"),
        ({"targets": {"RBA": 0.5}}, "VALIDATION_ERROR"),
        ({"targets": {"not a symbol": "0.5"}}, "VALIDATION_ERROR"),
        ({"targets": {"RBA": "0.7", "RBB": "0.7"}}, "INVALID_VALUE"),
        ({"targets": {"RBA": "2"}}, "INVALID_VALUE"),
        ({"targets": {"NOPRICE": "0.1"}}, "NO_REFERENCE_PRICE"),
        ({"targets": {"RBA": "0.1"}, "tolerance": "1"}, "INVALID_VALUE"),
    ],
)
def test_targets_that_make_no_plan_are_refused(
    body: Json, code: str, ada: Person, portfolio: str
) -> None:
    answer = ada.client.post(f"/portfolios/{portfolio}/rebalance", json=body)
    refused(answer, 422, code)


def test_another_ones_portfolio_has_no_plan(eve: Person, portfolio: str) -> None:
    refused(_plan(eve, portfolio), 404, "NOT_FOUND")
    refused(_plan(eve, MISSING_ID), 404, "NOT_FOUND")
