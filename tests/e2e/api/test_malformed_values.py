"""Appendix A, field by field: whatever is put into a field, the answer is a clean 4xx."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tests.e2e.api import hostile
from tests.e2e.api.running import MISSING_ID, PASSWORD, Json, Person, Server, an_order, refused
from traderbot.presentation.api.schemas.values import (
    CURRENCY_PATTERN,
    DECIMAL_PATTERN,
    SYMBOL_PATTERN,
)

_HERE = "\x01here\x01"


@dataclass(frozen=True)
class Field:
    """One field of one write route."""

    route: str
    field: str
    values: list[hostile.Named]

    def __str__(self) -> str:
        return f"{self.route} {self.field}"


def _bodies(portfolio_id: str) -> dict[str, Json]:
    money = {"amount": "10.50", "currency": "USD"}
    return {
        "/auth/register": {"email": "new@example.org", "password": PASSWORD},
        "/portfolios": {"name": "savings", "cash": money},
        "/portfolios/{id}/deposits": money,
        "/portfolios/{id}/withdrawals": money,
        "/orders": an_order(portfolio_id, time_in_force="gtc"),
    }


WORDS, NAMES, PASSWORDS = hostile.for_words(), hostile.for_names(), hostile.for_passwords()
NULL = [("null", "null")]
FIELDS = [
    Field("/auth/register", "email", WORDS + NULL),
    Field("/auth/register", "password", PASSWORDS + NULL),
    Field("/portfolios", "name", NAMES + NULL),
    Field("/portfolios", "cash", WORDS),
    Field("/portfolios", "cash.amount", WORDS + NULL),
    Field("/portfolios", "cash.currency", WORDS + NULL),
    *(
        Field(f"/portfolios/{{id}}/{transfer}", field, WORDS + NULL)
        for transfer in ("deposits", "withdrawals")
        for field in ("amount", "currency")
    ),
    *(
        Field("/orders", field, WORDS + NULL)
        for field in (
            "portfolio_id", "symbol", "side", "type", "quantity", "limit_price", "time_in_force",
        )
    ),
]  # fmt: skip
# The forms the schema publishes. What has the form of its field is no malformed value there.
FORMS = {
    "amount": DECIMAL_PATTERN,
    "quantity": DECIMAL_PATTERN,
    "limit_price": DECIMAL_PATTERN,
    "currency": CURRENCY_PATTERN,
    "symbol": SYMBOL_PATTERN,
}


@pytest.fixture
def portfolio_id(ada: Person) -> str:
    return str(ada.open_portfolio()["portfolio_id"])


@pytest.mark.parametrize("field", FIELDS, ids=str)
def test_no_value_of_a_field_breaks_the_server_or_writes_anything(
    field: Field, ada: Person, server: Server, portfolio_id: str
) -> None:
    body = _bodies(portfolio_id)[field.route]
    path = field.route.replace("{id}", portfolio_id)
    before = server.events()
    for name, value in field.values:
        if _is_fine(field, value):
            continue
        response = _post(ada, path, _with(body, field.field, value))
        error = refused(response)
        assert response.status_code in {413, 422, 404}, (name, value[:60], error)
    assert server.events() == before


def _is_fine(field: Field, value: str) -> bool:
    form = FORMS.get(field.field.rpartition(".")[2])
    text = value[1:-1] if value.startswith('"') else value
    return form is not None and value[0] == '"' and bool(re.fullmatch(form, text, re.ASCII))


def _with(body: Json, field: str, value: str) -> bytes:
    """Return the body as JSON text, with `value`, itself JSON text or worse, in one place."""
    copied = json.loads(json.dumps(body))
    *outer, last = field.split(".")
    inner: Any = copied
    for name in outer:
        inner = inner[name]
    inner[last] = _HERE
    text = json.dumps(copied).replace(json.dumps(_HERE), value)
    return text.encode("utf-8", "surrogatepass")


def _post(person: Person, path: str, content: bytes) -> httpx2.Response:
    headers = {"Content-Type": "application/json", "Idempotency-Key": f"key-{next(person.keys)}"}
    return person.client.post(path, content=content, headers=headers)


@pytest.mark.parametrize("route", list(_bodies("")))
def test_a_missing_field_is_named(
    route: str, ada: Person, server: Server, portfolio_id: str
) -> None:
    body = _bodies(portfolio_id)[route]
    before = server.events()
    for name in set(body) - {"limit_price", "time_in_force", "cash"}:
        rest = {key: value for key, value in body.items() if key != name}
        path = route.replace("{id}", portfolio_id)
        error = refused(ada.post(path, rest), 422, "VALIDATION_ERROR")
        assert error["details"][0]["field"] == f"body.{name}"
    assert server.events() == before


PRIVILEGED = [
    "id", "user_id", "owner_id", "account_id", "order_id", "role", "roles", "is_admin", "admin",
    "active", "status", "version", "placed_at", "created_at", "updated_at", "filled", "reserved",
    "fees", "average_price", "reasons", "bot_run_id", "venue_order_id", "reference", "approved",
    "password_hash", "balances", "positions", "__proto__", "constructor", "",
]  # fmt: skip


@pytest.mark.parametrize("route", list(_bodies("")))
def test_a_field_nobody_offered_is_refused(
    route: str, ada: Person, server: Server, portfolio_id: str
) -> None:
    body = _bodies(portfolio_id)[route]
    before = server.events()
    for name in PRIVILEGED:
        response = ada.post(route.replace("{id}", portfolio_id), {**body, name: "admin"})
        error = refused(response, 422, "VALIDATION_ERROR")
        assert error["details"] == [
            {"field": f"body.{name}", "message": "Extra inputs are not permitted"}
        ]
    assert server.events() == before


SEMANTIC = [
    ({"quantity": "0"}, "INVALID_TICKET"),
    ({"quantity": "0.000"}, "INVALID_TICKET"),
    ({"limit_price": "0"}, "INVALID_VALUE"),
    ({"limit_price": None}, "INVALID_TICKET"),
    ({"type": "market"}, "INVALID_TICKET"),
    ({"type": "market", "limit_price": None, "symbol": "NOBAR"}, "NO_REFERENCE_PRICE"),
    ({"portfolio_id": MISSING_ID}, "NOT_FOUND"),
]


@pytest.mark.parametrize(("changes", "code"), SEMANTIC)
def test_an_order_that_makes_no_sense_is_refused_with_a_code(
    changes: Json, code: str, ada: Person, server: Server, portfolio_id: str
) -> None:
    before = server.events()
    refused(ada.post("/orders", an_order(portfolio_id) | changes), None, code)
    assert server.events() == before


@pytest.mark.parametrize(
    ("path", "amount", "code"),
    [
        ("deposits", "0", "INVALID_TRANSFER"),
        ("withdrawals", "0.00", "INVALID_TRANSFER"),
        ("withdrawals", "100000.000000000000000001", "INSUFFICIENT_FUNDS"),
        ("withdrawals", "99999999999999999999", "INSUFFICIENT_FUNDS"),
    ],
)
def test_a_transfer_that_makes_no_sense_is_refused_with_a_code(
    path: str, amount: str, code: str, ada: Person, portfolio_id: str
) -> None:
    body = {"amount": amount, "currency": "USD"}
    refused(ada.post(f"/portfolios/{portfolio_id}/{path}", body), 422, code)


QUERIES = [
    ("/orders", name)
    for name in (
        "limit", "cursor", "status", "symbol", "side", "portfolio_id", "placed_from",
        "placed_until", "nobody",
    )
] + [("/portfolios", "limit"), ("/portfolios", "cursor"), ("/portfolios/{id}/positions", "is_open"),
     ("/audit/events", "limit"), ("/audit/events", "cursor"), ("/audit/events", "stream"),
     ("/audit/events", "type"), ("/audit/events", "from"), ("/audit/events", "owner_id"),
     ("/audit/replay", "as_of"), ("/audit/replay", "limit"), ("/audit/replay", "cursor"),
     ("/audit/checkpoint", "size"), ("/audit/vkey", "q"), ("/audit/health", "q"),
     ("/users/me", "user_id"), ("/strategies/list", "q"), ("/health/live", "q")]  # fmt: skip


@pytest.mark.parametrize(("path", "name"), QUERIES)
def test_no_query_breaks_the_server(path: str, name: str, ada: Person, portfolio_id: str) -> None:
    path = path.replace("{id}", portfolio_id)
    for value in hostile.RAW_TEXT:
        response = _get_raw(ada, f"{path}?{name}={value}")
        if response.status_code == 200:
            assert value in _TAKEN.get(name, ()), (name, value[:60])
        else:
            refused(response, None if len(value) > 1000 else 422)
    refused(_get_raw(ada, f"{path}?{name}=1&{name}=1"), 422, "VALIDATION_ERROR")
    refused(_get_raw(ada, f"{path}?{name}[]=1"), 422, "VALIDATION_ERROR")


# What is malformed elsewhere, and a symbol, a truth or a number here.
_TAKEN = {
    "symbol": {"0", "1.5", "BUY", "APPROVED", str(2**31)},
    "is_open": {"true"},
    "from": {"0", str(2**31)},
    "as_of": {"0"},
}


@pytest.mark.parametrize("limit", ["0", "-1", "201", "1000000000", "50.0", "1e1"])
def test_a_page_has_1_to_200_items(limit: str, ada: Person) -> None:
    error = refused(ada.get("/orders", params={"limit": limit}), 422, "VALIDATION_ERROR")
    assert error["details"][0]["field"] == "query.limit"


def test_a_forged_cursor_is_refused(ada: Person) -> None:
    for cursor in ("0", "AAAA", "eyJpZCI6MX0=", "a" * 512, "a" * 513, MISSING_ID[:-1]):
        refused(ada.get("/orders", params={"cursor": cursor}), 422)


ID_ROUTES = [
    ("GET", "/orders/{id}"), ("DELETE", "/orders/{id}"), ("GET", "/orders/{id}/events"),
    ("GET", "/orders/{id}/explanation"), ("GET", "/portfolios/{id}"),
    ("GET", "/audit/events/{id}"), ("GET", "/audit/proof/{id}"),
    ("GET", "/portfolios/{id}/positions"), ("POST", "/portfolios/{id}/deposits"),
    ("POST", "/portfolios/{id}/withdrawals"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "route"), ID_ROUTES)
def test_what_cannot_be_an_id_is_as_missing_as_an_unknown_one(
    method: str, route: str, ada: Person, server: Server
) -> None:
    before = server.events()
    body = {"amount": "1", "currency": "USD"} if method == "POST" else None
    for value in hostile.RAW_TEXT:
        path = route.replace("{id}", value.replace("?", "%3f").replace("#", "%23"))
        headers = {"Idempotency-Key": "key"}
        request = ada.client.build_request(method, "/", json=body, headers=headers)
        request.url = request.url.copy_with(raw_path=path.encode("ascii", "replace"))
        response = ada.client.send(request)
        refused(response)
        assert response.status_code in {404, 405}, (value[:60], response.text)
    assert server.events() == before


def _get_raw(person: Person, target: str) -> httpx2.Response:
    request = person.client.build_request("GET", "/")
    request.url = request.url.copy_with(raw_path=target.encode("ascii"))
    return person.client.send(request)
