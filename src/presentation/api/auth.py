"""Who asks: a bearer token proves it, and the database says what they are today."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, NamedTuple

from fastapi import Depends
from fastapi.security import OAuth2PasswordBearer
from starlette.requests import HTTPConnection

from traderbot.application.ports.token_codec import InvalidTokenError
from traderbot.application.views import UserView
from traderbot.domain.shared.ids import UserId
from traderbot.domain.users.user import Role
from traderbot.presentation.api.backend import Uses
from traderbot.presentation.api.errors import ApiError


class _Bearer(OAuth2PasswordBearer):
    """FastAPI's own scheme for the documentation, with a stricter look at the header."""

    async def __call__(self, request: HTTPConnection) -> str:
        """Return the token of the one Authorization header."""
        given = request.headers.getlist("authorization")
        if not given:
            msg = "send a token: Authorization: Bearer <token>"
            raise ApiError("NOT_AUTHENTICATED", msg)
        scheme, _, token = given[0].partition(" ")
        if len(given) > 1 or scheme.lower() != "bearer" or not token:
            raise ApiError("INVALID_TOKEN", REFUSED)
        return token


class Login(NamedTuple):
    """Who asks, and in which of their sessions."""

    user: UserView
    session_id: str


# One answer for every cause: which check failed, or whether the user exists, is nobody's business.
REFUSED = "the token is not valid; get a new one from /auth/token"
_bearer = _Bearer(
    tokenUrl="auth/token", scheme_name="bearer", description="a token from `POST /auth/token`"
)


async def current_login(token: Annotated[str, Depends(_bearer)], use: Uses) -> Login:
    """Return who the token was issued to, as the database knows them now.

    The user must be active, and the session must be one that nobody has ended: both are read with
    every request, so that a logout counts from the next request on.
    """
    application = use.application
    at = application.clock.now()
    try:
        claims = use.tokens.verify(token, at=at)
    except InvalidTokenError as error:
        raise ApiError("INVALID_TOKEN", REFUSED) from error
    user = await use.ask(application.views.user, UserId(claims.subject))
    if user is None or not user.active or user.session(claims.session, at) is None:
        raise ApiError("INVALID_TOKEN", REFUSED)
    return Login(user, claims.session)


CurrentLogin = Annotated[Login, Depends(current_login)]


async def current_user(login: CurrentLogin) -> UserView:
    """Return the active user the token was issued to."""
    return login.user


CurrentUser = Annotated[UserView, Depends(current_user)]


def require_role(role: Role) -> Callable[[UserView], Awaitable[UserView]]:
    """Return a dependency that lets only users of a role pass.

    What the token says of roles is not asked: it is the one the user has today that counts.
    """

    async def required(user: CurrentUser) -> UserView:
        if user.role != role:
            msg = f"this needs the role {role.value}"
            raise ApiError("NOT_ALLOWED", msg)
        return user

    return required


CurrentTrader = Annotated[UserView, Depends(require_role(Role.TRADER))]


async def audited_owner(user: CurrentUser) -> UserId | None:
    """Return whose things the log is shown of: a user's own, to an auditor everybody's (None)."""
    return None if user.role == Role.AUDITOR else UserId(user.user_id)


AuditedOwner = Annotated[UserId | None, Depends(audited_owner)]
