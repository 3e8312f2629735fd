"""Registering and logging in."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.security import OAuth2PasswordRequestForm

from traderbot.application.errors import WrongCredentialsError
from traderbot.application.password_policy import check_password_policy
from traderbot.application.ports.commands import Origin
from traderbot.application.ports.rate_limiter import LimitGroup
from traderbot.application.ports.recorded import Actor
from traderbot.application.ports.views import Credentials
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.users.email import email_address
from traderbot.presentation.api.backend import Backend, Uses
from traderbot.presentation.api.dependencies import CleanQuery
from traderbot.presentation.api.documentation import ANY, BODY, WRITE, failures
from traderbot.presentation.api.errors import ApiError
from traderbot.presentation.api.frame import frame_of
from traderbot.presentation.api.json_body import StrictRoute
from traderbot.presentation.api.rate_limits import CountedAccount, limited
from traderbot.presentation.api.schemas.users import RegisterBody, TokenOut, UserOut
from traderbot.presentation.api.schemas.values import MAX_PASSWORD

router = APIRouter(
    prefix="/auth", tags=["auth"], route_class=StrictRoute, dependencies=[CleanQuery]
)


@router.post(
    "/register",
    name="register",
    status_code=201,
    responses=failures(
        ANY, BODY, WRITE, "WEAK_PASSWORD", "EMAIL_TAKEN", "DATABASE_UNAVAILABLE", "OVERLOADED"
    ),
)
@limited(LimitGroup.REGISTER)
async def register(body: RegisterBody, request: Request, use: Uses) -> UserOut:
    """Register a trader. No other role can be had this way."""
    check_password_policy(body.password)
    password_hash = await use.hash(use.application.passwords.hash, body.password)
    origin = Origin(
        actor=Actor("system", "registration", "api"),
        correlation_id=frame_of(request.scope).request_id,
    )
    return UserOut.of(await use.execute(body.to_command(password_hash), origin))


async def _no_name_twice(request: Request) -> None:
    """Refuse a form in which a name stands twice, as RFC 6749 (3.2) demands."""
    form = await request.form()  # read already; this is the copy
    if len(form.multi_items()) != len(form):
        msg = "a field of the form is given more than once"
        raise ApiError("VALIDATION_ERROR", msg)


@router.post(
    "/token",
    name="token",
    dependencies=[Depends(_no_name_twice), CountedAccount],
    form_limits={"max_fields": 10, "max_part_size": 4096},
    responses=failures(
        ANY,
        "BAD_REQUEST",
        "BODY_TOO_LARGE",
        "UNSUPPORTED_MEDIA_TYPE",
        "WRONG_CREDENTIALS",
        "DATABASE_UNAVAILABLE",
        "OVERLOADED",
    ),
)
@limited(LimitGroup.LOGIN)
async def log_in(form: Annotated[OAuth2PasswordRequestForm, Depends()], use: Uses) -> TokenOut:
    """Exchange an e-mail address and a password for an access token.

    The same answer, after the same time, whether the user is unknown, deactivated, or the password
    is wrong.
    """
    application = use.application
    credentials = await _checked(use, form.username, form.password)
    issued = use.tokens.issue(
        credentials.user_id,
        role=credentials.role,
        session=application.ids.new(),
        at=application.clock.now(),
    )
    life = issued.claims.expires_at - issued.claims.issued_at
    return TokenOut(access_token=issued.text, expires_in=int(life.total_seconds()))


async def _checked(use: Backend, username: str, password: str) -> Credentials:
    application = use.application
    credentials = None
    if len(password) <= MAX_PASSWORD:
        # An address that is none belongs to nobody, and takes as long to find out.
        with suppress(InvalidValueError):
            credentials = await use.ask(application.views.credentials, email_address(username))
    if credentials is None:
        await use.hash(application.passwords.dummy_verify)
        raise WrongCredentialsError
    found = await use.hash(application.passwords.verify, password, credentials.password_hash)
    if not found.ok or not credentials.active:
        raise WrongCredentialsError
    return credentials
