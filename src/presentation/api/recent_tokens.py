"""Tokens that were found good a moment ago are good now; to check one takes a while."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from traderbot.application.ports.token_codec import (
    Claims,
    IssuedToken,
    RefreshClaims,
    TokenCodec,
)

_REMEMBERED: Final = timedelta(seconds=10)
_MOST: Final = 4096


class RecentTokens(TokenCodec):
    """`TokenCodec` that does not check the same good token twice within ten seconds.

    Whether somebody was logged out or deactivated is asked elsewhere, with every request; what is
    remembered is only that the signature is right. A token past its end is always checked.
    """

    def __init__(self, codec: TokenCodec) -> None:
        """Remember what `codec` finds good."""
        self._codec = codec
        self._good: dict[str, tuple[datetime, Claims]] = {}

    def issue(self, subject: str, *, role: str, session: str, at: datetime) -> IssuedToken:
        """Return a token that is valid from `at`."""
        return self._codec.issue(subject, role=role, session=session, at=at)

    def issue_refresh(
        self, subject: str, *, session: str, generation: int, at: datetime, until: datetime
    ) -> str:
        """Return a refresh token."""
        return self._codec.issue_refresh(
            subject, session=session, generation=generation, at=at, until=until
        )

    def verify_refresh(self, token: str, *, at: datetime) -> RefreshClaims:
        """Return what a refresh token says; none is good twice, so none is remembered."""
        return self._codec.verify_refresh(token, at=at)

    def verify(self, token: str, *, at: datetime) -> Claims:
        """Return what `token` says, as of `at`. Raises InvalidTokenError."""
        known = self._good.get(token)
        if known is not None:
            seen, claims = known
            if seen <= at < min(seen + _REMEMBERED, claims.expires_at):
                return claims
        claims = self._codec.verify(token, at=at)
        if len(self._good) >= _MOST:
            self._good.clear()
        self._good[token] = (at, claims)
        return claims
