"""The REST API: builds the FastAPI application around the program."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from slowapi.errors import RateLimitExceeded
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from traderbot.application.application import Application
from traderbot.domain.shared.errors import TraderbotError
from traderbot.presentation.api.backend import Backend
from traderbot.presentation.api.client_address import ClientAddresses
from traderbot.presentation.api.docs_pages import add_docs_pages
from traderbot.presentation.api.errors import on_http_error, on_invalid, on_our_error
from traderbot.presentation.api.middleware import (
    HEADERS,
    HTTPS_ONLY,
    REQUEST_ID,
    BodyLimitMiddleware,
    FrameMiddleware,
    HostsMiddleware,
    LastResortMiddleware,
    OriginsMiddleware,
)
from traderbot.presentation.api.rate_limits import HEADERS as RATE_HEADERS
from traderbot.presentation.api.rate_limits import (
    CountedRequest,
    RateHeadersMiddleware,
    RequestCounter,
    on_rate_limited,
)
from traderbot.presentation.api.recent_tokens import RecentTokens
from traderbot.presentation.api.route_map import map_routes
from traderbot.presentation.api.routes import (
    admin,
    audit,
    auth,
    backtests,
    bots,
    exchange_keys,
    health,
    market,
    orders,
    portfolios,
    risk,
    sessions,
    strategies,
    users,
)
from traderbot.presentation.api.schema import complete

MAX_BODY_BYTES: Final = 1024 * 1024
ROUTERS: Final[Sequence[APIRouter]] = (
    auth.router,
    sessions.router,
    users.router,
    exchange_keys.router,
    portfolios.router,
    orders.router,
    risk.router,
    market.router,
    strategies.router,
    bots.router,
    backtests.router,
    audit.router,
    admin.router,
    health.router,
)
# A probe comes from one address, every few seconds, and must hear the truth.
_UNCOUNTED: Final[Sequence[APIRouter]] = (health.router,)
_TAGS: Final = (
    ("auth", "Register, log in, carry a session on, and end it."),
    ("users", "Who one is."),
    ("exchange", "Keys of exchanges, stored sealed and never shown again."),
    ("portfolios", "Cash and positions; pay in and out."),
    ("orders", "Place, find, cancel, and have explained."),
    ("risk", "What the gate lets pass; stop trading, and let it go on."),
    ("market", "What the market did: stored bars."),
    ("strategies", "What bots can run."),
    ("bots", "Start bots, pause them, stop them, see how they do."),
    ("backtests", "What a strategy would have made of stored bars."),
    ("audit", "The log itself: events, proofs, states as of then. To the role auditor all of it."),
    ("admin", "Who follows the log, and what they could not do. For the role admin only."),
    ("health", "Is it alive, is it fit for work."),
)
_DESCRIPTION: Final = """\
A trading platform that can prove what it did.

Money, prices and quantities are decimal **strings**; numbers are refused. Times are UTC, ISO 8601
with `Z`. Unknown fields and query parameters are refused. Every failure has the form of
`FailureEnvelope`, or with `Accept: application/problem+json` that of `Problem` (RFC 9457).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiOptions:
    """What an operator decides about this door. `trusted_hosts` are names, without ports."""

    title: str = "traderbot"
    version: str = "0"
    cors_origins: Sequence[str] = ()
    trusted_hosts: Sequence[str] = ("localhost", "127.0.0.1")
    production: bool = False  # then browsers are told to come back over TLS only
    trusted_proxies: Sequence[str] = ()  # whose X-Forwarded-For is believed
    docs: bool = True  # /docs, /redoc and /openapi.json


class _Api(FastAPI):
    """FastAPI with our finish on its schema."""

    def openapi(self) -> dict[str, Any]:
        """Return the schema, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = complete(super().openapi())
        return self.openapi_schema


def create_app(application: Application | None, options: ApiOptions) -> FastAPI:
    """Return the API around an application, which stays the caller's to close.

    Without an application it can only show its schema; every other request hears 503.
    """
    app = _Api(
        title=options.title,
        version=options.version,
        description=_DESCRIPTION,
        openapi_url="/openapi.json" if options.docs else None,
        openapi_tags=[{"name": name, "description": said} for name, said in _TAGS],
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        exception_handlers={
            HTTPException: on_http_error,
            RateLimitExceeded: on_rate_limited,
            RequestValidationError: on_invalid,
            TraderbotError: on_our_error,
        },
        middleware=_middleware(application, options),
        # Nothing of ours is exported; and by default exceptions would be, with their words.
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )
    for router in ROUTERS:
        app.include_router(router, dependencies=[] if router in _UNCOUNTED else [CountedRequest])
    if options.docs:
        add_docs_pages(app)
    app.state.route_map = map_routes(app, ROUTERS)
    app.state.backend = app.state.counter = app.state.limiter = None
    if application is not None:
        tokens = RecentTokens(application.tokens())
        application.key_safe().ensure_readable()
        app.state.backend = Backend(application, tokens)
        app.state.counter = RequestCounter(
            application.limiters(),
            [it.endpoint for each in ROUTERS for it in each.routes if isinstance(it, APIRoute)],
            tokens,
            application.clock,
            ClientAddresses(options.trusted_proxies),
        )
        app.state.limiter = app.state.counter.declared  # where slowapi's users look for it
    return app


def _middleware(application: Application | None, options: ApiOptions) -> list[Middleware]:
    headers: Mapping[str, str] = {**HEADERS, **(HTTPS_ONLY if options.production else {})}
    if application is None:
        frame = Middleware(FrameMiddleware, _random_id, _system_now, headers)
    else:
        frame = Middleware(FrameMiddleware, application.ids.new, application.clock.now, headers)
    origins = Middleware(
        OriginsMiddleware,
        allow_origins=tuple(options.cors_origins),
        allow_methods=("GET", "POST", "PUT", "DELETE"),
        allow_headers=(
            "Authorization",
            "Content-Type",
            "Idempotency-Key",
            "If-Match",
            "If-None-Match",
            REQUEST_ID,
        ),
        expose_headers=(REQUEST_ID, "ETag", "Retry-After", *RATE_HEADERS),
        max_age=600,
    )
    return [
        frame,
        *([origins] if options.cors_origins else []),
        Middleware(HostsMiddleware, tuple(options.trusted_hosts)),
        Middleware(RateHeadersMiddleware),
        Middleware(BodyLimitMiddleware, MAX_BODY_BYTES),
        Middleware(LastResortMiddleware),
    ]


def _operation_id(route: APIRoute) -> str:
    return f"{route.tags[0]}_{route.name}"


def _random_id() -> str:
    return str(uuid.uuid4())


def _system_now() -> datetime:
    return datetime.now(UTC)
