"""The schema keeps its word: its examples work, and what it does not say does not happen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.builders import a_bar
from tests.e2e.api.running import Json, Person, Server, answered, put_aside
from tests.walks import walk
from traderbot.presentation.api.openapi import openapi_schema
from traderbot.presentation.api.schemas.bots import EXAMPLE_BOT
from traderbot.presentation.api.schemas.exchange_keys import EXAMPLE_EXCHANGE_KEY
from traderbot.presentation.api.schemas.values import (
    EXAMPLE_EVENT,
    EXAMPLE_LOG_INDEX,
    EXAMPLE_ORDER,
    EXAMPLE_PORTFOLIO,
    EXAMPLE_REFRESH,
    EXAMPLE_SESSION,
    EXAMPLE_SUBSCRIPTION,
    EXAMPLE_USER,
)

SCHEMA = openapi_schema()
OPERATIONS = [
    (path, method, operation)
    for path, operations in SCHEMA["paths"].items()
    for method, operation in operations.items()
]
IDS = [operation["operationId"] for _, _, operation in OPERATIONS]
PUBLIC = {
    "auth_refresh", "auth_register", "auth_token", "health_report", "health_live", "health_ready",
}  # fmt: skip


def test_the_served_schema_is_the_one_printed_without_a_server(server: Server) -> None:
    with server.client() as client:
        assert answered(client.get("/openapi.json"), 200) == SCHEMA


def test_operations_have_stable_names() -> None:
    assert sorted(IDS) == [
        "admin_discard_parked_event", "admin_parked_event", "admin_parked_events",
        "admin_retry_parked_event", "admin_subscriptions", "audit_checkpoint", "audit_event",
        "audit_events", "audit_health", "audit_proof", "audit_replay", "audit_vkey",
        "auth_change_password", "auth_end_session", "auth_logout", "auth_refresh",
        "auth_register", "auth_sessions", "auth_token", "backtests_list", "backtests_run",
        "bots_change", "bots_list", "bots_pause",
        "bots_resume", "bots_start", "bots_status", "bots_stop",
        "exchange_add_key", "exchange_keys", "exchange_remove_key",
        "health_live", "health_ready", "health_report", "market_candles",
        "orders_amend", "orders_cancel", "orders_create", "orders_events", "orders_explain",
        "orders_get", "orders_list", "portfolios_deposit", "portfolios_get", "portfolios_list",
        "portfolios_open", "portfolios_positions", "portfolios_rebalance", "portfolios_withdraw",
        "risk_alerts", "risk_analysis", "risk_change_limits", "risk_halt", "risk_limits",
        "risk_resume", "risk_status", "strategies_list", "users_me",
    ]  # fmt: skip


@pytest.mark.parametrize("operation", [each for _, _, each in OPERATIONS], ids=IDS)
def test_every_operation_is_documented(operation: Json) -> None:
    assert operation["summary"]
    assert operation["description"]
    assert operation["tags"]
    private = operation["operationId"] not in PUBLIC
    assert (operation.get("security") == [{"bearer": []}]) is private
    expected = {"400", "422", "500"} | ({"401", "503"} if private else set())
    if "requestBody" in operation:
        expected |= {"413", "415", "503"}
    responses = operation["responses"]
    assert expected <= set(responses)
    for status, response in responses.items():
        if status in {"204", "304"}:
            assert "content" not in response
            continue
        media = response["content"]["application/json"]
        if status.startswith("2"):
            assert "example" in media
        else:
            assert media["schema"] == {"$ref": "#/components/schemas/FailureEnvelope"}
            assert media["examples"]
            assert "application/problem+json" in response["content"]
    if "requestBody" in operation:
        (media,) = operation["requestBody"]["content"].values()
        assert media["example"]


def test_every_reference_leads_somewhere() -> None:
    known = set(SCHEMA["components"]["schemas"])
    assert {name.rpartition("/")[2] for name in _references(SCHEMA)} <= known


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for each in part.values():
            yield from _references(each)
    elif isinstance(part, list):
        for each in part:
            yield from _references(each)


# In an order in which each finds what it needs.
STORY = [
    "auth_register", "auth_token", "auth_refresh", "users_me", "auth_sessions", "auth_end_session",
    "exchange_add_key", "exchange_keys", "exchange_remove_key",
    "portfolios_open", "portfolios_list", "portfolios_get", "portfolios_positions",
    "portfolios_deposit", "portfolios_withdraw", "portfolios_rebalance",
    "orders_create", "orders_list", "orders_get", "orders_events", "orders_explain", "orders_amend",
    "risk_analysis", "risk_limits", "risk_change_limits", "risk_halt", "risk_status", "risk_alerts",
    "risk_resume", "orders_cancel", "market_candles", "strategies_list",
    "bots_start", "bots_status", "bots_list", "bots_pause", "bots_resume", "bots_change",
    "bots_stop", "backtests_run", "backtests_list", "health_report", "health_live",
    "health_ready",
    "audit_events", "audit_event", "audit_checkpoint", "audit_proof", "audit_vkey", "audit_replay",
    "audit_health", "admin_subscriptions", "admin_parked_events", "admin_parked_event",
    "admin_retry_parked_event", "admin_discard_parked_event",
    "auth_change_password", "auth_logout",
]  # fmt: skip


# Which ids of the examples an operation gives a meaning to, and by which field of its answer.
_MADE = {
    "users_me": {EXAMPLE_USER: "user_id"},
    "exchange_add_key": {EXAMPLE_EXCHANGE_KEY: "key_id"},
    "portfolios_open": {EXAMPLE_PORTFOLIO: "portfolio_id"},
    "bots_start": {EXAMPLE_BOT: "bot_run_id"},
    "orders_create": {EXAMPLE_ORDER: "order_id"},
}


def test_every_example_works_as_it_stands(server: Server, admin: Person) -> None:
    """Send each request example; only ids are exchanged for those the run has made."""
    for index in (1, 2):
        put_aside(server, "examples", index, key=f"stream-{index}")
    for code in ("AAPL", "IBM"):  # a plan to rebalance asks for their prices
        server.program.application.bars.add([a_bar(symbol_code=code)])
    server.program.application.bars.add(walk(400).bars())
    by_id = {
        operation["operationId"]: (path, method, operation)
        for path, method, operation in OPERATIONS
    }
    assert set(STORY) == set(by_id)
    made = {EXAMPLE_SUBSCRIPTION: "examples", str(EXAMPLE_LOG_INDEX): "1"}
    with server.client() as client:
        for operation_id in STORY:
            path, method, operation = by_id[operation_id]
            who = admin.client if operation_id.startswith("admin_") else client
            response = _send_example(who, path, method, operation, made)
            (success,) = (status for status in operation["responses"] if status.startswith("2"))
            if success == "204":
                assert response.status_code == int(success), response.text
                continue
            body = answered(response, int(success))
            example = operation["responses"][success]["content"]["application/json"]["example"]
            _same_shape(body, example)
            if operation_id in {"auth_token", "auth_refresh"}:
                client.headers["Authorization"] = f"Bearer {body['access_token']}"
                made[EXAMPLE_REFRESH] = body["refresh_token"]
            if operation_id == "users_me":  # another login, for it is to be ended
                form = by_id["auth_token"][2]["requestBody"]["content"]
                (media,) = form.values()
                answered(client.post("/auth/token", data=media["example"]), 200)
            if operation_id == "auth_sessions":
                made[EXAMPLE_SESSION] = body["items"][0]["session_id"]
            if operation_id == "audit_events":
                made[EXAMPLE_EVENT] = body["items"][0]["id"]
                server.program.application.sealing().seal()
            if operation_id == "admin_retry_parked_event":
                made[str(EXAMPLE_LOG_INDEX)] = "2"
            made |= {example: body[name] for example, name in _MADE.get(operation_id, {}).items()}
            if operation_id == "orders_create":
                assert body["status"] == example["status"]
                assert body["reserved"] == example["reserved"]


def _send_example(
    client: httpx2.Client, path: str, method: str, operation: Json, made: dict[str, str]
) -> httpx2.Response:
    headers, asked = {}, {}
    for parameter in operation.get("parameters", ()):
        examples = parameter.get("examples") or parameter["schema"].get("examples")
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", made[_first(examples)])
        elif parameter["required"] and parameter["in"] == "query":
            asked[parameter["name"]] = _first(examples)
        elif parameter["required"]:
            assert parameter["in"] == "header"
            headers[parameter["name"]] = _first(examples)
    sent: Json = {}
    for media_type, media in operation.get("requestBody", {}).get("content", {}).items():
        example = _exchanged(media["example"], made)
        sent = {"json": example} if media_type == "application/json" else {"data": example}
    return client.request(method, path, headers=headers, params=asked, **sent)


def _first(examples: Any) -> str:
    return str(
        next(iter(examples.values()))["value"] if isinstance(examples, dict) else examples[0]
    )


def _exchanged(example: Json, made: dict[str, str]) -> Json:
    return {name: made.get(value, value) if isinstance(value, str) else value
            for name, value in example.items()}  # fmt: skip


def _same_shape(found: Any, example: Any) -> None:
    """Require the names and kinds of the example, as far down as both go."""
    assert type(found) is type(example) or None in (found, example)
    if isinstance(found, dict) and set(example) & set(found):
        assert set(found) == set(example)
        for name, each in found.items():
            if name not in {"data", "changes", "parameters"}:
                _same_shape(each, example[name])
    if isinstance(found, list) and found and example:
        _same_shape(found[0], example[0])


_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    negative_data_rejection,
]
_FUZZED = {
    operation.definition.raw["operationId"]: operation
    for paths in schemathesis.openapi.from_dict(SCHEMA).values()
    for operation in paths.values()
}


@pytest.fixture(scope="module")
def portfolio_id(ada: Person) -> str:
    return str(ada.open_portfolio()["portfolio_id"])


@pytest.fixture(scope="module")
def people(ada: Person, admin: Person) -> tuple[Person, Person]:
    return ada, admin


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("name", IDS)
def test_whatever_is_sent_the_answer_is_one_the_schema_promises(
    name: str,
    mode: GenerationMode,
    people: tuple[Person, Person],
    server: Server,
    portfolio_id: str,
) -> None:
    operation = _FUZZED[name]
    takes_nothing = not (list(operation.iter_parameters()) or operation.body)
    if takes_nothing and mode is GenerationMode.NEGATIVE:
        return
    # Ids that exist, half of the time: with others every answer would be a 404.
    ada, admin = people
    who = admin if name.startswith("admin_") else ada
    headers = {} if name in PUBLIC else {"Authorization": f"Bearer {who.token}"}

    @settings(
        max_examples=25,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), known=st.booleans())
    def ask(case: Any, known: bool) -> None:
        if known and mode is GenerationMode.POSITIVE:
            if "portfolio_id" in case.path_parameters:
                case.path_parameters["portfolio_id"] = portfolio_id
            if isinstance(case.body, dict) and "portfolio_id" in case.body:
                case.body["portfolio_id"] = portfolio_id
        case.call_and_validate(
            base_url=server.url, session=session, headers=headers, checks=_CHECKS, timeout=30
        )

    with requests.Session() as session:
        ask()
