"""One's own sessions: end this one, see and end the others, change the password."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request

from traderbot.application.commands.sessions import EndSession, EndSessions
from traderbot.application.commands.users import ChangePassword
from traderbot.application.errors import NotFoundError
from traderbot.application.password_policy import check_password_policy
from traderbot.domain.shared.ids import UserId
from traderbot.domain.users.sessions import Ended
from traderbot.presentation.api.auth import CurrentLogin, current_user
from traderbot.presentation.api.backend import Uses
from traderbot.presentation.api.dependencies import CleanQuery, PlainOrigin
from traderbot.presentation.api.documentation import ANY, BODY, PRIVATE, WRITE, failures
from traderbot.presentation.api.json_body import StrictRoute
from traderbot.presentation.api.schemas.users import PasswordBody, SessionOut, SessionsOut
from traderbot.presentation.api.schemas.values import SessionIdPath
from traderbot.presentation.api.step_up import ensure_password

router = APIRouter(
    tags=["auth"],
    route_class=StrictRoute,
    dependencies=[Depends(current_user), CleanQuery],
)


@router.post(
    "/auth/logout",
    name="logout",
    status_code=204,
    responses=failures(ANY, PRIVATE, WRITE),
)
async def log_out(
    login: CurrentLogin, origin: PlainOrigin, use: Uses, *, everywhere: bool = False
) -> None:
    """End this session, or every session of the user. Its tokens are refused from then on."""
    user_id = UserId(login.user.user_id)
    if everywhere:
        await use.execute(EndSessions(user_id=user_id, cause=Ended.LOGOUT), origin)
    else:
        await use.execute(EndSession(user_id=user_id, session_id=login.session_id), origin)


@router.get("/users/me/sessions", name="sessions", responses=failures(ANY, PRIVATE))
async def sessions(login: CurrentLogin, use: Uses) -> SessionsOut:
    """Show every login of one's own that nobody has ended."""
    at = use.application.clock.now()
    alive = [it for it in login.user.sessions if at < it.ends_at]
    alive.sort(key=lambda it: (it.refreshed_at, it.session_id), reverse=True)
    return SessionsOut(items=[SessionOut.of(it, login.session_id) for it in alive])


@router.delete(
    "/users/me/sessions/{session_id}",
    name="end_session",
    status_code=204,
    responses=failures(ANY, PRIVATE, WRITE, "NOT_FOUND"),
)
async def end_session(
    session_id: SessionIdPath, login: CurrentLogin, origin: PlainOrigin, use: Uses
) -> None:
    """End a login of one's own, wherever it is. Its tokens are refused from then on."""
    if login.user.session(session_id, use.application.clock.now()) is None:
        raise NotFoundError("session", session_id)
    wish = EndSession(
        user_id=UserId(login.user.user_id), session_id=session_id, cause=Ended.REVOKED
    )
    await use.execute(wish, origin)


@router.post(
    "/users/me/password",
    name="change_password",
    status_code=204,
    responses=failures(
        ANY,
        PRIVATE,
        BODY,
        WRITE,
        "WEAK_PASSWORD",
        "WRONG_PASSWORD",
    ),
)
async def change_password(
    body: PasswordBody, login: CurrentLogin, origin: PlainOrigin, request: Request, use: Uses
) -> None:
    """Take another password. Every other session of the user ends."""
    check_password_policy(body.new_password)
    await ensure_password(request, use, login.user, body.password)
    password_hash = await use.hash(use.application.passwords.hash, body.new_password)
    wish = ChangePassword(
        user_id=UserId(login.user.user_id),
        password_hash=password_hash,
        session_id=login.session_id,
    )
    await use.execute(wish, origin)
