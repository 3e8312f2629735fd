"""The risk gate by HTTP: what is shown to whom, who may stop what, and that it stops."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.e2e.api.running import (
    MISSING_ID,
    PASSWORD,
    Json,
    Person,
    Server,
    an_admin,
    answered,
    refused,
    running,
    settings_in,
    somebody,
)
from traderbot.domain.users.user import Role

WHY = "the prices make no sense"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of these tests alone, for they halt it."""
    with running(settings_in(tmp_path_factory.mktemp("risk"))) as server:
        yield server


@pytest.fixture
def ada(house: Server) -> Iterator[Person]:
    with somebody(house, "ada") as person:
        yield person


@pytest.fixture
def operator(house: Server) -> Iterator[Person]:
    with an_admin(house) as person:
        yield person


def halting(person: Person, **scope: object) -> Json:
    return answered(person.client.post("/risk/halt", json={"reason": WHY, **scope}), 200)


def resuming(person: Person, **scope: object) -> Json:
    return answered(
        person.client.post(
            "/risk/resume", json={"reason": "mended", "password": PASSWORD, **scope}
        ),
        200,
    )


def own(person: Person) -> tuple[str, Json]:
    """Return a new portfolio of that person's, and how the gate names it."""
    portfolio_id = str(person.open_portfolio()["portfolio_id"])
    return portfolio_id, {"scope": "portfolio", "id": portfolio_id}


def test_a_trader_halts_their_own_portfolio_and_gets_its_orders_back(ada: Person) -> None:
    portfolio_id, scope = own(ada)
    orders = [ada.place(portfolio_id)["order_id"] for _ in range(3)]
    started = time.monotonic()
    halted = halting(ada, **scope)
    assert time.monotonic() - started < 1
    assert (halted["recorded"], halted["scope"]["state"]) == (True, "halted")
    assert halted["scope"]["by"] == f"user:{ada.user_id}"
    assert sorted(halted["recalling"]) == sorted(orders)
    refusal = ada.place(portfolio_id)
    assert (refusal["status"], refusal["reasons"][0]["code"]) == ("refused", "TRADING_HALTED")
    deadline = time.monotonic() + 1
    while any(_status(ada, order) != "canceled" for order in orders):
        assert time.monotonic() < deadline, "orders are asked back within a second"
    other, _ = own(ada)
    assert ada.place(other)["status"] == "approved"
    resuming(ada, **scope)
    assert ada.place(portfolio_id)["status"] == "approved"


def _status(person: Person, order_id: str) -> str:
    return str(answered(person.get(f"/orders/{order_id}"), 200)["status"])


def test_a_trader_stops_nobody_else(house: Server, ada: Person) -> None:
    _, scope = own(ada)
    with somebody(house, "eve") as eve, an_admin(house, Role.AUDITOR) as auditor:
        before = house.events()
        for path, body in (
            ("/risk/halt", {"reason": WHY}),
            ("/risk/resume", {"reason": WHY, "password": PASSWORD}),
        ):
            for wide in ({"scope": "system"}, {"scope": "venue", "id": "paper"}):
                refused(ada.client.post(path, json=body | wide), 403, "NOT_ALLOWED")
            mine = eve.client.post(path, json=body | scope)
            nobodys = eve.client.post(path, json=body | scope | {"id": MISSING_ID})
            refused(mine, 404, "NOT_FOUND")
            refused(nobodys, 404, "NOT_FOUND")
            refused(auditor.client.post(path, json=body | scope), 403, "NOT_ALLOWED")
        change = {"limits": {"open_orders_max": "1"}, "reason": WHY}
        refused(eve.client.put("/risk/limits", json=change | scope), 404, "NOT_FOUND")
        refused(
            ada.client.put("/risk/limits", json=change | {"scope": "system"}), 403, "NOT_ALLOWED"
        )
        refused(eve.get("/risk/limits", params=scope), 404, "NOT_FOUND")
        assert house.events() == before


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"scope": "system"},
        {"scope": "system", "reason": ""},
        {"scope": "system", "reason": " "},
        {"scope": "system", "id": "x", "reason": WHY},
        {"scope": "portfolio", "reason": WHY},
        {"scope": "portfolio", "id": "x", "reason": WHY},
        {"scope": "planet", "id": "x", "reason": WHY},
        {"scope": "venue", "id": "a b", "reason": WHY},
        {"scope": "system", "reason": WHY, "force": True},
    ],
)
def test_a_halt_without_scope_or_reason_changes_nothing(
    house: Server, operator: Person, body: Json
) -> None:
    before = house.events()
    for path in ("/risk/halt", "/risk/resume"):
        refused(operator.client.post(path, json=body), 422, "VALIDATION_ERROR")
    assert house.events() == before


def test_an_admin_halts_everything_and_everybody_sees_it(
    house: Server, ada: Person, operator: Person
) -> None:
    portfolio_id, _ = own(ada)
    halting(operator, scope="system")
    try:
        assert ada.place(portfolio_id)["reasons"][0]["code"] == "TRADING_HALTED"
        seen = answered(ada.get("/risk/status"), 200)
        assert (seen["state"], seen["latch"]) == ("halted", None)
        assert seen["scopes"][0]["reason"] == WHY
        alert = answered(ada.get("/risk/alerts"), 200)["items"][0]
        assert (alert["type"], alert["cause"], alert["message"]) == ("risk.halted", "MANUAL", WHY)
    finally:
        resuming(operator, scope="system")
    assert answered(ada.get("/risk/status"), 200)["state"] == "active"
    assert ada.place(portfolio_id)["status"] == "approved"
    halted, resumed = house.rows(
        "SELECT type, actor_id FROM events WHERE stream_id = 'risk-system' "
        "ORDER BY position DESC LIMIT 2"
    )[::-1]
    assert [tuple(halted), tuple(resumed)] == [
        ("risk.halted", operator.user_id),
        ("risk.resumed", operator.user_id),
    ]


def test_the_file_halts_a_server_that_runs(house: Server, ada: Person, operator: Person) -> None:
    portfolio_id, _ = own(ada)
    latch = house.program.application.gate.latch
    latch.engage("pulled by hand")
    assert ada.place(portfolio_id)["reasons"][0]["code"] == "TRADING_HALTED"
    assert answered(ada.get("/risk/status"), 200)["latch"]
    resuming(operator, scope="system")
    assert latch.engaged() is None
    assert ada.place(portfolio_id)["status"] == "approved"
    kinds = [
        row[0]
        for row in house.rows(
            "SELECT type FROM events WHERE stream_id = 'risk-system' ORDER BY position DESC LIMIT 2"
        )
    ]
    assert kinds == ["risk.resumed", "risk.halted"], "what was pulled outside the log is in it"


def test_limits_are_read_changed_and_read_back_for_an_order(ada: Person) -> None:
    portfolio_id, scope = own(ada)
    before = ada.get("/risk/limits", params=scope)
    limits = answered(before, 200)
    assert (limits["limits_version"], limits["limits"]["order_notional_max"]) == (
        "settings",
        "10000",
    )
    etag = before.headers["ETag"]
    again = ada.get("/risk/limits", params=scope, headers={"If-None-Match": etag})
    assert (again.status_code, again.text) == (304, "")
    body = {**scope, "limits": {"order_notional_max": "1955"}, "reason": "smaller"}
    matching = {"If-Match": etag}
    changed = answered(ada.client.put("/risk/limits", json=body, headers=matching), 200)
    assert changed["limits"][0]["value"] == "1955"
    refused(ada.client.put("/risk/limits", json=body, headers=matching), 412, "PRECONDITION_FAILED")
    inside, outside = ada.place(portfolio_id), ada.place(portfolio_id, quantity="11")
    assert (inside["status"], outside["status"]) == ("approved", "refused")
    assert outside["reasons"][0] == {
        "code": "ORDER_NOTIONAL_MAX",
        "limit": "1955 USD",
        "value": "2150.5 USD",
    }
    body["limits"] = {"order_notional_max": "5000"}
    raised = answered(ada.client.put("/risk/limits", json=body), 200)
    assert raised["limits"][0]["returns_to"] == "1955"
    assert raised["limits"][0]["expires_at"] is not None
    now = answered(ada.get("/risk/limits", params=scope), 200)
    assert now["limits"]["order_notional_max"] == "5000"
    then = answered(ada.get("/risk/limits", params={"order_id": outside["order_id"]}), 200)
    assert then["limits"]["order_notional_max"] == "1955"
    assert then["limits_version"] == f"settings+portfolio-{portfolio_id}@1"


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({}, "VALIDATION_ERROR"),
        ({"order_notional_max": 5000}, "VALIDATION_ERROR"),
        ({"order_notional_max": "x" * 5000}, "VALIDATION_ERROR"),
        ({"order_notional_absolute": "1000000000"}, "INVALID_LIMIT"),
        ({"nonsense": "1"}, "INVALID_LIMIT"),
        ({"order_notional_max": "-1"}, "INVALID_LIMIT"),
        ({"open_orders_max": "3", "message_rate_max": "129"}, "INVALID_LIMIT"),
    ],
)
def test_a_limit_that_cannot_be_changes_none(
    house: Server, ada: Person, limits: Json, code: str
) -> None:
    _, scope = own(ada)
    before = house.events()
    body = {**scope, "limits": limits, "reason": "why not"}
    refused(ada.client.put("/risk/limits", json=body), 422, code)
    assert house.events() == before


def test_no_flag_lets_58_million_pass(ada: Person) -> None:
    portfolio_id = str(ada.open_portfolio("99999999999999999999")["portfolio_id"])
    for body, headers in (
        ({}, {}),
        ({"limit_price": "1.00"}, {"X-Override-Limits": "true"}),
        ({"type": "limit"}, {"X-Force": "1", "X-Risk-Bypass": "yes"}),
    ):
        order: Json = {
            "portfolio_id": portfolio_id,
            "symbol": "AAPL",
            "side": "buy",
            "type": "limit",
            "quantity": "58000000",
            "limit_price": "195.50",
        }
        keyed = {"Idempotency-Key": f"citi-{len(headers)}-{len(body)}", **headers}
        placed = answered(ada.client.post("/orders", json=order | body, headers=keyed), 201)
        assert "ORDER_NOTIONAL_ABSOLUTE" in [each["code"] for each in placed["reasons"]]
    for flag in ("force", "override", "skip_risk", "confirm"):
        order = {**order, flag: True}
        keyed = {"Idempotency-Key": f"citi-{flag}"}
        refused(ada.client.post("/orders", json=order, headers=keyed), 422, "VALIDATION_ERROR")


def test_an_analysis_shows_a_traders_own_portfolios(house: Server, ada: Person) -> None:
    portfolio_id, _ = own(ada)
    ada.place(portfolio_id)
    (found,) = answered(ada.get("/risk/analysis"), 200)["items"]
    assert found["portfolio_id"] == portfolio_id
    assert found["figures"][0]["reserved"] == "1956.955"
    assert (found["working_orders"], found["orders_in_last_minute"]) == (1, 1)
    one = answered(ada.get("/risk/analysis", params={"portfolio_id": portfolio_id}), 200)
    assert one["items"][0]["figures"] == found["figures"]
    with somebody(house, "eve") as eve:
        query = {"portfolio_id": portfolio_id}
        refused(eve.get("/risk/analysis", params=query), 404, "NOT_FOUND")
        assert answered(eve.get("/risk/analysis"), 200)["items"] == []


def test_strangers_see_and_stop_nothing(house: Server) -> None:
    with house.client() as stranger:
        for path in ("/risk/status", "/risk/analysis", "/risk/alerts", "/risk/limits"):
            refused(stranger.get(path), 401, "NOT_AUTHENTICATED")
        for path in ("/risk/halt", "/risk/resume"):
            refused(stranger.post(path, json={}), 401, "NOT_AUTHENTICATED")


def test_trading_goes_on_only_with_the_password_once_more(ada: Person) -> None:
    portfolio_id, scope = own(ada)
    halting(ada, **scope)
    body = {"reason": "mended", **scope}
    refused(ada.client.post("/risk/resume", json=body), 422, "VALIDATION_ERROR")
    wrong = body | {"password": "not the password of ada"}
    refused(ada.client.post("/risk/resume", json=wrong), 403, "WRONG_PASSWORD")
    assert ada.place(portfolio_id)["reasons"][0]["code"] == "TRADING_HALTED"
    assert resuming(ada, **scope)["state"] == "active"
    assert ada.place(portfolio_id)["status"] == "approved"


def test_an_order_tells_which_settings_it_was_judged_with(house: Server, ada: Person) -> None:
    portfolio_id, _ = own(ada)
    order = ada.place(portfolio_id)
    then = answered(ada.get("/risk/limits", params={"order_id": order["order_id"]}), 200)
    today = answered(ada.get("/risk/limits"), 200)
    assert (then["settings"], today["settings"]) == ("recorded", "today")
    assert then["limits"] == today["limits"]
    gate = house.program.application.gate
    before, text = gate.limits, gate.installed
    try:  # as if the program had been started again with other settings
        object.__setattr__(gate, "limits", replace(before, order_notional_max=Decimal(1)))
        again = answered(ada.get("/risk/limits", params={"order_id": order["order_id"]}), 200)
        assert again["limits"] == then["limits"]
        assert answered(ada.get("/risk/limits"), 200)["limits"]["order_notional_max"] == "1"
    finally:
        object.__setattr__(gate, "limits", before)
    assert gate.installed == text


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"limit_price": "195.505"}, "INVALID_TICK"),
        ({"quantity": "1.5"}, "INVALID_LOT"),
        ({"symbol": "BTC/USD", "quantity": "0.000000001"}, "INVALID_LOT"),
        ({"symbol": "BTC/USD", "quantity": "0.00000001", "limit_price": "60000"}, "MIN_NOTIONAL"),
        ({"side": "sell", "reduce_only": True}, "REDUCE_ONLY"),
        ({"quantity": "58000000"}, "ORDER_NOTIONAL_ABSOLUTE"),
    ],
)
def test_what_no_venue_would_take_is_refused_recorded_and_sent_nowhere(
    house: Server, ada: Person, changes: Json, code: str
) -> None:
    portfolio_id, _ = own(ada)
    order = ada.place(portfolio_id, **changes)
    assert order["status"] == "refused"
    assert code in [reason["code"] for reason in order["reasons"]]
    recorded = house.rows(
        "SELECT type FROM events WHERE stream_id = :id ORDER BY version",
        id=f"order-{order['order_id']}",
    )
    assert [row[0] for row in recorded] == ["order.placed", "order.refused"]
    query = {"portfolio_id": portfolio_id}
    (found,) = answered(ada.get("/risk/analysis", params=query), 200)["items"]
    assert (found["figures"][0]["reserved"], found["working_orders"]) == ("0", 0)
