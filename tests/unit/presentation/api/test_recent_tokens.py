from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from traderbot.application.ports.token_codec import (
    Claims,
    InvalidTokenError,
    IssuedToken,
    RefreshClaims,
    TokenCodec,
    TokenFault,
)
from traderbot.infrastructure.security.jwt_tokens import JoseTokenCodec, key_id
from traderbot.presentation.api.recent_tokens import RecentTokens

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEY = b"not-a-secret-but-long-enough-for-tests"


class Counted(TokenCodec):
    """A real codec that counts how often it is asked."""

    def __init__(self) -> None:
        self.inner = JoseTokenCodec(
            keys={key_id(KEY): KEY},
            signing_kid=key_id(KEY),
            issuer="traderbot",
            audience="traderbot-api",
            lifetime=timedelta(minutes=15),
        )
        self.asked = 0
        self.refused = False

    def issue(self, subject: str, *, role: str, session: str, at: datetime) -> IssuedToken:
        return self.inner.issue(subject, role=role, session=session, at=at)

    def issue_refresh(
        self, subject: str, *, session: str, generation: int, at: datetime, until: datetime
    ) -> str:
        return self.inner.issue_refresh(
            subject, session=session, generation=generation, at=at, until=until
        )

    def verify_refresh(self, token: str, *, at: datetime) -> RefreshClaims:
        return self.inner.verify_refresh(token, at=at)

    def verify(self, token: str, *, at: datetime) -> Claims:
        self.asked += 1
        if self.refused:
            raise InvalidTokenError(TokenFault.UNKNOWN_KEY)
        return self.inner.verify(token, at=at)


def issued(tokens: RecentTokens) -> str:
    return tokens.issue("user-1", role="trader", session="s", at=NOON).text


def test_a_good_token_is_checked_once_in_ten_seconds() -> None:
    codec = Counted()
    tokens = RecentTokens(codec)
    token = issued(tokens)
    for seconds in (0, 1, 9):
        assert tokens.verify(token, at=NOON + timedelta(seconds=seconds)).subject == "user-1"
    assert codec.asked == 1
    tokens.verify(token, at=NOON + timedelta(seconds=10))
    assert codec.asked == 2


def test_a_token_at_its_end_is_always_checked() -> None:
    codec = Counted()
    tokens = RecentTokens(codec)
    token = issued(tokens)
    nearly = NOON + timedelta(minutes=14, seconds=55)
    tokens.verify(token, at=nearly)
    with pytest.raises(InvalidTokenError):
        tokens.verify(token, at=NOON + timedelta(minutes=16))
    tokens.verify(token, at=nearly)
    assert codec.asked == 2


def test_a_bad_token_is_never_remembered() -> None:
    codec = Counted()
    tokens = RecentTokens(codec)
    for _ in range(3):
        with pytest.raises(InvalidTokenError):
            tokens.verify("x.y.z", at=NOON)
    assert codec.asked == 3


def test_a_clock_set_back_makes_it_look_again() -> None:
    codec = Counted()
    tokens = RecentTokens(codec)
    token = issued(tokens)
    tokens.verify(token, at=NOON + timedelta(seconds=5))
    tokens.verify(token, at=NOON)
    assert codec.asked == 2


def test_what_is_remembered_is_bounded() -> None:
    codec = Counted()
    tokens = RecentTokens(codec)
    token = issued(tokens)
    claims = tokens.verify(token, at=NOON)
    for number in range(10_000):
        tokens._good[f"token {number}"] = (NOON, claims)
        if len(tokens._good) > 4096:
            break
    tokens.verify(issued(tokens), at=NOON)
    assert len(tokens._good) <= 4096
