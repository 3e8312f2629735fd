"""Registering and logging in."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.security import OAuth2PasswordRequestForm

from traderbot.application.commands.sessions import (
    OpenSession,
    RefreshSession,
)
from traderbot.application.commands.users import RenewHash
from traderbot.application.errors import NotFoundError, WrongCredentialsError
from traderbot.application.password_policy import check_password_policy
from traderbot.application.ports.commands import Origin
from traderbot.application.ports.rate_limiter import LimitGroup
from traderbot.application.ports.recorded import Actor
from traderbot.application.ports.token_codec import InvalidTokenError
from traderbot.application.ports.views import Credentials
from traderbot.application.views import UserView
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.ids import UserId
from traderbot.domain.users.email import email_address
from traderbot.domain.users.errors import SessionOverError
from traderbot.presentation.api.auth import REFUSED
from traderbot.presentation.api.backend import Backend, Uses
from traderbot.presentation.api.dependencies import CleanQuery
from traderbot.presentation.api.documentation import ANY, BODY, WRITE, failures
from traderbot.presentation.api.errors import ApiError
from traderbot.presentation.api.frame import frame_of
from traderbot.presentation.api.json_body import StrictRoute
from traderbot.presentation.api.rate_limits import CountedAccount, limited
from traderbot.presentation.api.schemas.users import RefreshBody, RegisterBody, TokenOut, UserOut
from traderbot.presentation.api.schemas.values import MAX_PASSWORD
from traderbot.presentation.api.sessions import token_pair

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
        WRITE,
        "DATABASE_UNAVAILABLE",
        "OVERLOADED",
    ),
)
@limited(LimitGroup.LOGIN)
async def log_in(
    form: Annotated[OAuth2PasswordRequestForm, Depends()], request: Request, use: Uses
) -> TokenOut:
    """Exchange an e-mail address and a password for an access token and a refresh token.

    The same answer, after the same time, whether the user is unknown, deactivated, or the password
    is wrong.
    """
    application = use.application
    credentials = await _checked(use, form.username, form.password)
    origin = _own_origin(request, credentials.user_id)
    opening = OpenSession(user_id=credentials.user_id, session_id=application.ids.new())
    session = await use.execute(opening, origin)
    user = await _user_of(use, credentials.user_id)
    return token_pair(use, user, session, application.clock.now())


@router.post(
    "/refresh",
    name="refresh",
    responses=failures(ANY, BODY, WRITE, "INVALID_TOKEN", "DATABASE_UNAVAILABLE", "OVERLOADED"),
)
async def refresh(body: RefreshBody, request: Request, use: Uses) -> TokenOut:
    """Exchange a refresh token for the next pair of tokens. It is used up by that.

    A token that was used before ends its session, and every access token of it: somebody has a copy
    of it. Only the one before the newest, shown again within 10 seconds, gets the same answer once
    more, for an answer may be lost on the way.
    """
    application = use.application
    try:
        claims = use.tokens.verify_refresh(body.refresh_token, at=application.clock.now())
    except InvalidTokenError as error:
        raise ApiError("INVALID_TOKEN", REFUSED) from error
    user_id = UserId(claims.subject)
    wish = RefreshSession(user_id=user_id, session_id=claims.session, generation=claims.generation)
    try:
        session = await use.execute(wish, _own_origin(request, user_id))
    except (SessionOverError, NotFoundError) as error:
        raise ApiError("INVALID_TOKEN", REFUSED) from error
    if session is None:
        raise ApiError("INVALID_TOKEN", REFUSED)
    user = await _user_of(use, user_id)
    return token_pair(use, user, session, application.clock.now())


def _own_origin(request: Request, user_id: str) -> Origin:
    return Origin(
        actor=Actor("user", user_id, "api"),
        correlation_id=frame_of(request.scope).request_id,
    )


async def _user_of(use: Backend, user_id: UserId) -> UserView:
    user = await use.ask(use.application.views.user, user_id)
    if user is None or not user.active:  # deactivated a moment ago
        raise ApiError("INVALID_TOKEN", REFUSED)
    return user


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
    if found.new_hash is not None:  # the parameters have changed since it was made
        renewing = RenewHash(user_id=credentials.user_id, password_hash=found.new_hash)
        await use.execute(renewing, Origin(actor=Actor("system", "login", "api")))
    return credentials
