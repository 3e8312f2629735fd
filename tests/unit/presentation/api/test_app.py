from __future__ import annotations

import base64
import hashlib
import inspect
import re
from collections.abc import Iterator

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from traderbot.presentation.api.app import ROUTERS, ApiOptions, create_app
from traderbot.presentation.api.auth import current_user
from traderbot.presentation.api.dependencies import known_query
from traderbot.presentation.api.json_body import StrictRoute
from traderbot.presentation.api.openapi import openapi_schema

PUBLIC = {
    "/auth/refresh",
    "/auth/register",
    "/auth/token",
    "/health",
    "/health/live",
    "/health/ready",
}
ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]


def _calls(dependant: Dependant) -> Iterator[object]:
    yield dependant.call
    for each in dependant.dependencies:
        yield from _calls(each)


def _name(route: APIRoute) -> str:
    return f"{route.methods} {route.path}"


@pytest.mark.parametrize("route", ROUTES, ids=_name)
def test_every_route_asks_who_calls_or_is_on_the_public_list(route: APIRoute) -> None:
    assert (current_user in _calls(route.dependant)) is (route.path not in PUBLIC)


@pytest.mark.parametrize("route", ROUTES, ids=_name)
def test_every_route_is_strict_about_body_and_query(route: APIRoute) -> None:
    assert isinstance(route, StrictRoute)
    calls = list(_calls(route.dependant))
    assert known_query in calls
    if current_user in calls:  # a stranger hears 401 before anything else
        assert calls.index(current_user) < calls.index(known_query)


@pytest.mark.parametrize("route", ROUTES, ids=_name)
def test_nothing_runs_in_a_thread_pool_of_somebody_elses(route: APIRoute) -> None:
    for call in _calls(route.dependant):
        if inspect.isclass(call):  # FastAPI's own form
            continue
        run = call if inspect.isfunction(call) else type(call).__call__
        assert inspect.iscoroutinefunction(run), call


def test_every_route_is_in_the_schema_and_none_beside() -> None:
    promised = {
        (method.upper(), path)
        for path, operations in openapi_schema()["paths"].items()
        for method in operations
    }
    assert promised == {(method, route.path) for route in ROUTES for method in route.methods or ()}


def test_operation_ids_are_unique() -> None:
    ids = [
        operation["operationId"]
        for operations in openapi_schema()["paths"].values()
        for operation in operations.values()
    ]
    assert len(set(ids)) == len(ids)


def test_the_schema_is_the_same_every_time() -> None:
    assert openapi_schema() == openapi_schema()


def test_without_an_application_only_the_schema_is_served() -> None:
    client = TestClient(create_app(None, ApiOptions(trusted_hosts=["testserver"])))
    assert client.get("/openapi.json").status_code == 200
    assert client.get("/health/live").status_code == 200
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "CLOSED"


def test_the_documentation_can_be_switched_off() -> None:
    options = ApiOptions(trusted_hosts=["testserver"], docs=False)
    client = TestClient(create_app(None, options))
    for path in ("/docs", "/redoc", "/openapi.json", "/docs/assets/swagger-ui.css"):
        assert client.get(path).status_code == 404
    assert client.get("/health/live", params={"q": "1"}).status_code == 422


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_a_page_may_run_the_script_it_has_and_no_other(path: str) -> None:
    response = TestClient(create_app(None, ApiOptions(trusted_hosts=["testserver"]))).get(path)
    policy = response.headers["Content-Security-Policy"]
    inline = re.findall(r"<script>(.*?)</script>", response.text, re.DOTALL)
    for script in inline:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert policy.count("sha256-") == len(inline)


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_a_page_loads_nothing_from_elsewhere(path: str) -> None:
    client = TestClient(create_app(None, ApiOptions(trusted_hosts=["testserver"])))
    page = client.get(path)
    sources = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    loaded = [it for it in sources if not it.startswith("data:")]
    assert len(loaded) == (2 if path == "/docs" else 1)
    for source in loaded:
        assert source.startswith("/")
        file = client.get(source)
        assert file.status_code == 200
        kind = "text/css" if source.endswith(".css") else "text/javascript"
        assert file.headers["Content-Type"].startswith(kind)
        assert file.headers["Cache-Control"] == "public, max-age=86400"
        assert len(file.content) > 100_000
        again = client.head(source)
        assert (again.status_code, again.content) == (200, b"")
    assert "http:" not in page.headers["Content-Security-Policy"]
    assert "https:" not in page.headers["Content-Security-Policy"]
    assert client.get("/docs/assets/../../core.py").status_code == 404
    assert client.get("/docs/assets/favicon.png").status_code == 404


def test_nothing_of_the_request_is_sent_to_a_telemetry_that_nobody_asked_for() -> None:
    app = create_app(None, ApiOptions())
    assert not app._native_telemetry.enabled()
