"""What every answer carries: an id, headers that protect, a failure's one form."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.e2e.api.running import (
    MISSING_ID,
    Person,
    Server,
    answered,
    refused,
    running,
    settings_in,
)
from traderbot.presentation.api.app import ApiOptions

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ORIGIN = "https://desk.example.org"


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server in production, for pages of one other origin."""
    options = ApiOptions(
        version="1.2.3", cors_origins=[ORIGIN], trusted_hosts=["*.example.org", "127.0.0.1"],
        production=True,
    )  # fmt: skip
    with running(settings_in(tmp_path_factory.mktemp("public")), options) as server:
        yield server


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/health/live"), ("GET", "/users/me"), ("GET", "/nowhere"), ("PUT", "/orders"),
     ("POST", "/auth/register"), ("GET", "/openapi.json")],
)  # fmt: skip
def test_every_answer_protects_itself(method: str, path: str, server: Server) -> None:
    with server.client() as client:
        headers = client.request(method, path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert "Server" not in headers
    assert UUID.fullmatch(headers["X-Request-ID"])


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_the_pages_of_the_documentation_may_run_their_own_script_only(
    path: str, server: Server
) -> None:
    with server.client() as client:
        response = client.get(path)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/html")
    policy = response.headers["Content-Security-Policy"]
    scripts = policy.partition("script-src ")[2].partition(";")[0]
    assert scripts.endswith("'self'")
    assert "unsafe" not in scripts
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("0199a1b2-0000-7000-8000-00000000cafe", True),
        ("0199A1B2-0000-7000-8000-00000000CAFE", True),
        ("0199a1b2000070008000000000000002", False),
        ("x", False),
        ("0199a1b2-0000-7000-8000-00000000cafe0", False),
        ("../../etc/passwd", False),
    ],
)
def test_a_request_id_is_taken_over_if_it_is_a_uuid(
    given: str, taken: bool, server: Server
) -> None:
    with server.client() as client:
        response = client.get("/nowhere", headers={"X-Request-ID": given})
    got = response.headers["X-Request-ID"]
    assert (got == given.lower()) is taken
    assert UUID.fullmatch(got)
    assert refused(response)["request_id"] == got


def test_every_request_has_an_id_of_its_own(server: Server) -> None:
    with server.client() as client:
        ids = {client.get("/health/live").headers["X-Request-ID"] for _ in range(50)}
    assert len(ids) == 50


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "NOT_FOUND"),
        ("GET", "/users/me", 401, "NOT_AUTHENTICATED"),
        ("PUT", "/orders", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/auth/token", 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("POST", "/auth/register", 422, "VALIDATION_ERROR"),
    ],
)
def test_a_failure_can_be_had_as_a_problem_document(
    method: str, path: str, status: int, code: str, server: Server
) -> None:
    with server.client(Accept="application/problem+json, application/json;q=0.5") as client:
        response = client.request(method, path)
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json()
    request_id = response.headers["X-Request-ID"]
    assert problem["type"] == f"urn:problem-type:traderbot:{code}"
    assert (problem["status"], problem["code"]) == (status, code)
    assert (problem["instance"], problem["request_id"]) == (f"urn:uuid:{request_id}", request_id)
    assert problem["title"]
    assert problem["detail"]
    assert "success" not in problem


def test_a_problem_document_lists_what_is_wrong(ada: Person) -> None:
    body = {"name": "", "cash": {"amount": "x", "currency": "y"}}
    headers = {"Accept": "application/problem+json"}
    problem = ada.client.post("/portfolios", json=body, headers=headers).json()
    fields = {each["field"] for each in problem["errors"]}
    assert fields == {"body.name", "body.cash.amount", "body.cash.currency"}


def test_what_was_sent_does_not_come_back(ada: Person) -> None:
    body = {"name": "<script>\u202e\x00", "<b>\u202e": "\x1b[31m", "cash": "<img src=x>"}
    response = ada.client.post("/portfolios", json=body)
    refused(response, 422)
    for secret in ("\u202e", "\x1b", "\x00", "script", "img src"):
        assert secret not in response.text
    missing = ada.get(f"/orders/{MISSING_ID}")
    assert MISSING_ID not in missing.text


def test_a_page_of_a_known_origin_may_ask(public: Server) -> None:
    with public.client(Origin=ORIGIN) as client:
        response = client.get("/users/me")
        refused(response, 401)  # and the page may read that
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
        asked = {
            "Access-Control-Request-Method": "DELETE",
            "Access-Control-Request-Headers": "authorization, idempotency-key",
        }
        response = client.options("/orders/x", headers=asked)
        assert response.status_code == 200
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize("origin", ["https://evil.example", "null", f"{ORIGIN}.evil.example"])
def test_a_page_of_another_origin_may_not(origin: str, public: Server) -> None:
    with public.client(Origin=origin) as client:
        assert "Access-Control-Allow-Origin" not in client.get("/health/live").headers
        response = client.options("/orders", headers={"Access-Control-Request-Method": "POST"})
        refused(response, 400, "ORIGIN_REFUSED")
        assert "Access-Control-Allow-Origin" not in response.headers


def test_a_server_without_origins_speaks_of_none(server: Server) -> None:
    with server.client(Origin=ORIGIN) as client:
        assert "Access-Control-Allow-Origin" not in client.get("/health/live").headers


def test_production_asks_browsers_for_tls(public: Server, server: Server) -> None:
    with public.client() as client:
        assert client.get("/health/live").headers["Strict-Transport-Security"]
        assert answered(client.get("/health"), 200)["version"] == "1.2.3"
    with server.client() as client:
        assert "Strict-Transport-Security" not in client.get("/health/live").headers


def test_a_host_may_be_named_with_a_star(public: Server) -> None:
    with public.client() as client:
        for host, status in [("a.example.org", 200), ("a.b.example.org", 200),
                             ("example.org", 400), ("aexample.org", 400)]:  # fmt: skip
            assert client.get("/health/live", headers={"Host": host}).status_code == status
