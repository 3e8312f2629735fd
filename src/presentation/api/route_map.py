"""What each path takes, read once from the finished application."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.requests import Request


@dataclass(frozen=True, slots=True)
class RouteMap:
    """Which methods a path knows, and which names may stand in an operation's query."""

    methods: Sequence[tuple[re.Pattern[str], frozenset[str]]]
    queries: Mapping[tuple[str, str], frozenset[str]]  # (path template, method)

    def methods_at(self, path: str) -> str:
        """Return the value of `Allow`. The router itself names only the first route's method."""
        found = {name for form, names in self.methods if form.match(path) for name in names}
        return ", ".join(sorted(found))

    def query_names(self, template: str, method: str) -> frozenset[str]:
        """Return the query parameters the schema promises for an operation."""
        return self.queries.get((template, method), frozenset())


def map_routes(app: FastAPI, routers: Iterable[APIRouter]) -> RouteMap:
    """Return the map of an application into which these routers were included as they are."""
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    return RouteMap(
        methods=[(route.path_regex, frozenset(route.methods or ())) for route in routes],
        queries={
            (path, method.upper()): frozenset(
                each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"
            )
            for path, operations in app.openapi()["paths"].items()
            for method, operation in operations.items()
        },
    )


def route_map_of(request: Request) -> RouteMap:
    """Return the map of the application that serves this request."""
    found = request.app.state.route_map
    assert isinstance(found, RouteMap)  # noqa: S101 - put there by create_app
    return found
