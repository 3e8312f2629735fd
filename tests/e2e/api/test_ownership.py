"""Two users: what belongs to one is, for the other, as if it did not exist."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tests.e2e.api.running import (
    MISSING_ID,
    PASSWORD,
    Json,
    Person,
    Server,
    an_order,
    answered,
    refused,
    without_moment,
)

MONEY = {"amount": "1", "currency": "USD"}
CANARY = "canary-7f3a"


@dataclass(frozen=True)
class Victim:
    """What Ada has that Eve wants."""

    portfolio_id: str
    order_id: str
    event_id: str
    bot_id: str
    user_id: str
    exchange_key_id: str


@pytest.fixture(scope="module")
def victim(ada: Person, server: Server) -> Victim:
    body = {"name": CANARY, "cash": {"amount": "100000", "currency": "USD"}}
    portfolio = answered(ada.post("/portfolios", body), 201)
    order = ada.place(portfolio["portfolio_id"])
    server.program.application.sealing().seal()
    (event, *_) = answered(ada.get(f"/orders/{order['order_id']}/events"), 200)["items"]
    bot = answered(ada.post("/bot/start", a_bot(portfolio["portfolio_id"])), 201)
    wish = {
        "exchange": "binance",
        "label": CANARY,
        "api_key": "its name",
        "api_secret": "its twin",
        "password": PASSWORD,
    }
    key = answered(ada.post("/exchange/keys", wish), 201)
    return Victim(
        portfolio["portfolio_id"],
        order["order_id"],
        event["id"],
        bot["bot_run_id"],
        ada.user_id,
        key["key_id"],
    )


def a_bot(portfolio_id: str) -> Json:
    return {"portfolio_id": portfolio_id, "strategy": "RSI_CROSS", "symbol": "AAPL"}


REQUESTS: list[tuple[str, str, Any]] = [
    ("GET", "/orders/{order}", None),
    ("DELETE", "/orders/{order}", None),
    ("PATCH", "/orders/{order}", {"quantity": "5"}),
    ("GET", "/orders/{order}/events", None),
    ("GET", "/orders/{order}/explanation", None),
    ("GET", "/audit/events/{event}", None),
    ("GET", "/audit/proof/{event}", None),
    ("GET", "/portfolios/{portfolio}", None),
    ("GET", "/portfolios/{portfolio}/positions", None),
    ("POST", "/portfolios/{portfolio}/deposits", MONEY),
    ("POST", "/portfolios/{portfolio}/withdrawals", MONEY),
    ("POST", "/portfolios/{portfolio}/rebalance", {"targets": {"AAPL": "0.1"}}),
    ("POST", "/orders", an_order("{portfolio}")),
    ("POST", "/bot/start", a_bot("{portfolio}")),
    ("POST", "/bot/stop", {"bot_run_id": "{bot}"}),
    ("POST", "/bot/pause", {"bot_run_id": "{bot}"}),
    ("POST", "/bot/resume", {"bot_run_id": "{bot}"}),
    ("POST", "/bot/parameters", {"bot_run_id": "{bot}", "parameters": {"oversold": "20"}}),
    ("GET", "/bot/status/{bot}", None),
    ("GET", "/bot/list/{user}", None),
    ("GET", "/exchange/keys/{user}", None),
    ("DELETE", "/exchange/keys/{key}", None),
]


MISSING = Victim(*[MISSING_ID] * 6)


def _ask(who: Person, request: tuple[str, str, Any], whose: Victim) -> httpx2.Response:
    method, path, body = request
    path = path.format(
        portfolio=whose.portfolio_id,
        order=whose.order_id,
        event=whose.event_id,
        bot=whose.bot_id,
        user=whose.user_id,
        key=whose.exchange_key_id,
    )
    if body is not None and "bot_run_id" in body:
        body = body | {"bot_run_id": whose.bot_id}
    if body is not None and "portfolio_id" in body:
        body = body | {"portfolio_id": whose.portfolio_id}
    return who.client.request(method, path, json=body, headers={"Idempotency-Key": "any"})


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: f"{each[0]} {each[1]}")
def test_anothers_thing_is_missing_in_every_byte(
    request_: tuple[str, str, Any], eve: Person, victim: Victim, server: Server
) -> None:
    before = server.events()
    foreign = _ask(eve, request_, victim)
    missing = _ask(eve, request_, MISSING)
    refused(foreign, 404, "NOT_FOUND")
    assert without_moment(refused(foreign)) == without_moment(refused(missing))
    assert set(foreign.headers) == set(missing.headers)
    assert server.events() == before


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: f"{each[0]} {each[1]}")
def test_a_stranger_gets_nothing(
    request_: tuple[str, str, Any], victim: Victim, server: Server
) -> None:
    before = server.events()
    with server.client() as client:
        nobody = Person(client, "", "", "")
        response = _ask(nobody, request_, victim)
        refused(response, 401, "NOT_AUTHENTICATED")
    assert server.events() == before


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: f"{each[0]} {each[1]}")
def test_an_auditor_sees_the_log_of_all_and_touches_nothing(
    request_: tuple[str, str, Any], auditor: Person, victim: Victim, server: Server
) -> None:
    before = server.events()
    response = _ask(auditor, request_, victim)
    if request_[1].startswith("/audit/") or request_[1].endswith(("/events", "/explanation")):
        answered(response, 200)
        assert "@example.org" not in response.text
    else:
        refused(response, 404 if request_[0] == "GET" else 403)
    missing = _ask(auditor, request_, MISSING)
    refused(missing, 404 if request_[0] == "GET" else 403)
    assert server.events() == before


def test_lists_hold_only_ones_own(ada: Person, eve: Person, victim: Victim) -> None:
    for path in ("/orders", "/portfolios"):
        shown = eve.get(path)
        assert answered(shown, 200)["items"] == []
        for secret in (CANARY, ada.user_id, victim.order_id, victim.portfolio_id):
            assert secret not in shown.text
    query = {"portfolio_id": victim.portfolio_id}
    assert answered(eve.get("/orders", params=query), 200)["items"] == []


def test_a_cursor_of_another_user_shows_nothing_of_theirs(ada: Person, eve: Person) -> None:
    portfolio_id = ada.open_portfolio()["portfolio_id"]
    for _ in range(2):
        ada.place(portfolio_id)
    cursor = answered(ada.get("/orders", params={"limit": "1"}), 200)["next_cursor"]
    shown = answered(eve.get("/orders", params={"cursor": cursor}), 200)
    assert shown["items"] == []


def test_the_owner_comes_from_the_token_and_never_from_the_body(ada: Person, eve: Person) -> None:
    body: Json = {"name": "mine", "owner_id": ada.user_id}
    refused(eve.post("/portfolios", body), 422, "VALIDATION_ERROR")


def test_every_operation_is_in_this_matrix_or_has_no_id(server: Server) -> None:
    with server.client() as client:
        schema = answered(client.get("/openapi.json"), 200)
    with_id = {
        (method.upper(), path)
        for path, operations in schema["paths"].items()
        for method in operations
        # One asks for a role, the other is about oneself: test_admin.py, test_sessions.py.
        if "{" in path and not path.startswith(("/admin/", "/users/me/"))
    }
    names = {
        "portfolio_id": "portfolio",
        "order_id": "order",
        "event_id": "event",
        "bot_run_id": "bot",
        "user_id": "user",
        "key_id": "key",
    }
    covered = {
        (method, path.format(**{short: f"{{{long}}}" for long, short in names.items()}))
        for method, path, _ in REQUESTS
    }
    assert with_id <= covered
