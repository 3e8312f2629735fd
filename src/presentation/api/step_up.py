"""The password once more, for what a stolen token alone must not be enough for."""

from __future__ import annotations

from fastapi import Request

from traderbot.application.views import UserView
from traderbot.presentation.api.backend import Backend
from traderbot.presentation.api.errors import ApiError
from traderbot.presentation.api.rate_limits import RequestCounter


async def ensure_password(request: Request, use: Backend, user: UserView, password: str) -> None:
    """Let the request pass if the password is the user's own.

    Every attempt counts as a login of the account, so that nobody tries passwords here instead.

    Raises:
        RateLimitExceeded: too many attempts.
        ApiError: WRONG_PASSWORD.
        OverloadedError: too many logins wait already.
    """
    application, counter = use.application, request.app.state.counter
    if isinstance(counter, RequestCounter) and user.email is not None:
        await counter.count_account(request, user.email)
    known = None
    if user.email is not None:
        known = await use.ask(application.views.credentials, user.email)
    if known is None or known.user_id != user.user_id:
        await use.hash(application.passwords.dummy_verify)
        raise ApiError("WRONG_PASSWORD", _WRONG)
    found = await use.hash(application.passwords.verify, password, known.password_hash)
    if not found.ok:
        raise ApiError("WRONG_PASSWORD", _WRONG)


_WRONG = "the password is wrong; give your own, as when you log in"
