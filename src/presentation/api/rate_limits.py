"""How often one may ask: declared with slowapi, counted by our own limiters, answered with 429.

slowapi counts on the event loop's own thread, after everything else was done for the request, and
has no token bucket. So it keeps the declarations here, and its error says what was exceeded; what
counts are the application's limiters, before anything is read or looked up, and without waiting
for Redis for longer than they say.

A user is counted by the token they come with, whoever comes without a good one by their address.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from hashlib import sha256
from typing import Annotated, Any, Final, NamedTuple, TypeVar

from fastapi import Depends
from limits import RateLimitItem, RateLimitItemPerSecond
from slowapi import Limiter
from slowapi.errors import RateLimitExceeded
from slowapi.wrappers import Limit
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from traderbot.application.ports.clock import Clock
from traderbot.application.ports.rate_limiter import (
    NANOSECONDS,
    LimitGroup,
    Rate,
    RateLimiter,
    Verdict,
)
from traderbot.application.ports.token_codec import InvalidTokenError, TokenCodec
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.users.email import email_address
from traderbot.presentation.api.client_address import ClientAddresses
from traderbot.presentation.api.errors import answer
from traderbot.presentation.api.frame import frame_of

E = TypeVar("E", bound=Callable[..., Any])

HEADERS: Final = (
    "RateLimit",
    "RateLimit-Policy",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
)
_NAMES: Final = tuple(each.lower().encode() for each in HEADERS)
_MARK: Final = "limit_group"
_SCOPE_KEY: Final = "traderbot.rate"
_BY_ADDRESS: Final = frozenset({LimitGroup.LOGIN, LimitGroup.REGISTER})


def limited(group: LimitGroup) -> Callable[[E], E]:
    """Declare that the requests of a route are counted in a group; the others are in `api`."""

    def mark(endpoint: E) -> E:
        setattr(endpoint, _MARK, group)
        return endpoint

    return mark


class DeclaredLimits(Limiter):
    """slowapi's register of limits, by endpoint. It counts nothing itself."""

    def __init__(
        self, rates: Mapping[LimitGroup, Rate], endpoints: Iterable[Callable[..., Any]]
    ) -> None:
        """Register the limit of every endpoint."""
        with warnings.catch_warnings():
            # It would read `.env`, and be switched off by a line in it: settings come from ours.
            warnings.simplefilter("ignore")
            super().__init__(key_func=_no_key, auto_check=False, config_filename="")
        self._of_group = {group: _limit(group, rate) for group, rate in rates.items()}
        for endpoint in endpoints:
            name = f"{endpoint.__module__}.{endpoint.__name__}"
            self._route_limits[name] = [self._of_group[group_of(endpoint)]]

    def get_app_config(self, key: str, default_value: Any = None) -> Any:  # noqa: ANN401
        """Return the default: nothing outside of our settings configures a limit."""
        del key
        return default_value

    def exceeded(self, group: LimitGroup) -> RateLimitExceeded:
        """Return the error that says so."""
        return RateLimitExceeded(self._of_group[group])


class Told(NamedTuple):
    """What the answer's headers say."""

    group: LimitGroup
    rate: Rate
    verdict: Verdict


class RequestCounter:
    """Counts the requests of one server.

    Raises:
        ValueError: a group has no limiter: none is ever left uncounted for want of one.
    """

    def __init__(
        self,
        limiters: Mapping[LimitGroup, RateLimiter],
        endpoints: Iterable[Callable[..., Any]],
        tokens: TokenCodec,
        clock: Clock,
        addresses: ClientAddresses,
    ) -> None:
        """Count with `limiters`."""
        missing = [group.value for group in LimitGroup if group not in limiters]
        if missing:
            msg = f"nothing counts the requests of: {', '.join(missing)}"
            raise ValueError(msg)
        self._limiters = limiters
        self._tokens = tokens
        self._clock = clock
        self._addresses = addresses
        rates = {group: limiter.rate for group, limiter in limiters.items()}
        self.declared = DeclaredLimits(rates, endpoints)

    async def count(self, request: Request) -> None:
        """Count a request. Raises RateLimitExceeded."""
        group = group_of(request.scope["endpoint"])
        if group in _BY_ADDRESS:
            key = self._address(request)
        else:
            user = self._user(request)
            if user is None:  # whoever it is must not use up what is somebody's
                group, key = LimitGroup.API, self._address(request)
            else:
                key = user
        await self._count(request, group, key)

    async def count_account(self, request: Request, name: str) -> None:
        """Count an attempt to log in as somebody. Raises RateLimitExceeded."""
        # Neither the keys in Redis nor a log of them tell who has an account.
        digest = sha256(_as_account(name).encode("utf-8", "surrogatepass")).hexdigest()[:32]
        await self._count(request, LimitGroup.LOGIN, f"account:{digest}")

    async def _count(self, request: Request, group: LimitGroup, key: str) -> None:
        limiter = self._limiters[group]
        verdict = await limiter.hit_async(key)
        before: Told | None = request.scope.get(_SCOPE_KEY)
        if before is None or not verdict.allowed or verdict.remaining < before.verdict.remaining:
            request.scope[_SCOPE_KEY] = Told(group, limiter.rate, verdict)
        if not verdict.allowed:
            raise self.declared.exceeded(group)

    def _user(self, request: Request) -> str | None:
        given = [value for name, value in request.scope["headers"] if name == b"authorization"]
        scheme, _, token = given[0].partition(b" ") if len(given) == 1 else (b"", b"", b"")
        if scheme.lower() == b"bearer" and token:
            with suppress(InvalidTokenError):
                claims = self._tokens.verify(token.decode("latin-1"), at=self._clock.now())
                return f"user:{claims.subject}"
        return None

    def _address(self, request: Request) -> str:
        return f"address:{self._addresses.of(request)}"


class RateHeadersMiddleware:
    """Tells with every answer what is left, whichever way the answer came about."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_told(message: Message) -> None:
            if message["type"] == "http.response.start":
                told: Told | None = scope.get(_SCOPE_KEY)
                if told is not None:
                    message["headers"] = [*message["headers"], *_headers(told)]
            await send(message)

        await self._app(scope, receive, send_told)


async def on_rate_limited(request: Request, error: Exception) -> Response:
    """Answer a request that came too soon."""
    assert isinstance(error, RateLimitExceeded)  # noqa: S101 - what it is registered for
    told: Told = request.scope[_SCOPE_KEY]
    seconds = max(1, _seconds(told.verdict.retry_ns))
    message = f"the limit is {told.rate}; try again in {seconds} s"
    headers = {"Retry-After": str(seconds)}
    return answer(frame_of(request.scope), "RATE_LIMITED", message, headers=headers)


async def _count_request(request: Request) -> None:
    """Count a request before anything else is done for it."""
    counter = request.app.state.counter
    if isinstance(counter, RequestCounter):  # else there is no application behind the schema
        await counter.count(request)


async def _count_account(request: Request) -> None:
    """Count an attempt to log in, for the account it is about."""
    counter = request.app.state.counter
    name = (await request.form()).get("username")  # read already; this is the copy
    if isinstance(counter, RequestCounter) and isinstance(name, str):
        await counter.count_account(request, name)


CountedRequest = Depends(_count_request)
CountedAccount = Depends(_count_account)
Counted = Annotated[None, CountedRequest]


def group_of(endpoint: Callable[..., Any]) -> LimitGroup:
    """Return the group an endpoint was declared in."""
    group = getattr(endpoint, _MARK, LimitGroup.API)
    assert isinstance(group, LimitGroup)  # noqa: S101 - put there by `limited`
    return group


def _as_account(name: str) -> str:
    try:
        return str(email_address(name))
    except InvalidValueError:
        return name.strip().casefold()


def _limit(group: LimitGroup, rate: Rate) -> Limit:
    item: RateLimitItem = RateLimitItemPerSecond(rate.amount, rate.seconds)
    return Limit(item, _no_key, group.value, False, None, None, None, 1, True)  # noqa: FBT003 - slowapi's


def _no_key() -> str:
    msg = "slowapi only registers limits here; it never counts"
    raise RuntimeError(msg)


def _headers(told: Told) -> list[tuple[bytes, bytes]]:
    """Return the headers as the server writes them: to go by way of text takes longer."""
    group, rate, verdict = told
    name, left, reset = group.value.encode(), verdict.remaining, _seconds(verdict.reset_ns)
    values = (
        b'"%b";r=%d;t=%d' % (name, left, reset),
        b'"%b";q=%d;w=%d' % (name, rate.amount, rate.seconds),
        b"%d" % rate.amount,
        b"%d" % left,
        b"%d" % (time.time() + reset),
    )
    return list(zip(_NAMES, values, strict=True))


def _seconds(nanoseconds: int) -> int:
    return -(-nanoseconds // NANOSECONDS)
