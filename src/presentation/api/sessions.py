"""From a session to the pair of tokens that stands for it."""

from __future__ import annotations

from datetime import datetime

from traderbot.application.views import SessionView, UserView
from traderbot.presentation.api.backend import Backend
from traderbot.presentation.api.schemas.users import TokenOut


def token_pair(use: Backend, user: UserView, session: SessionView, at: datetime) -> TokenOut:
    """Return an access token, and the refresh token of the session's newest generation.

    The refresh token follows from the session alone: whoever asks again within the seconds of grace
    gets the very same one.
    """
    issued = use.tokens.issue(user.user_id, role=user.role, session=session.session_id, at=at)
    refresh = use.tokens.issue_refresh(
        user.user_id,
        session=session.session_id,
        generation=session.generation,
        at=session.refreshed_at,
        until=session.ends_at,
    )
    life = issued.claims.expires_at - issued.claims.issued_at
    return TokenOut(
        access_token=issued.text,
        expires_in=int(life.total_seconds()),
        refresh_token=refresh,
        refresh_expires_at=session.ends_at,
    )
