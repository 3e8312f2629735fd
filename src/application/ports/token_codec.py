"""Tokens: proof that a request comes from somebody who logged in."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Protocol

from traderbot.application.errors import ApplicationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a verified token says. Instants are aware, UTC, and whole seconds."""

    subject: str  # the user's id, never a name or an address
    role: str
    token_id: str  # `jti`: what a deny-list names
    session: str  # `sid`: what a logout ends
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """A fresh token and the claims in it. The text is a secret, so it is kept out of `repr`."""

    text: str = field(repr=False)
    claims: Claims


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshClaims:
    """What a verified refresh token says: which session, and the how-manieth of it."""

    subject: str
    session: str
    generation: int
    issued_at: datetime
    expires_at: datetime


class TokenFault(StrEnum):
    """Why a token was refused, in the words of the log."""

    TOO_LONG = "too long"
    MALFORMED = "malformed"
    UNKNOWN_HEADER = "unknown header"
    OTHER_PURPOSE = "another algorithm or purpose"
    UNKNOWN_KEY = "unknown key"
    BAD_SIGNATURE = "bad signature"
    WRONG_CLAIMS = "a claim is missing, unknown, or of another type"
    OTHER_PARTY = "another issuer or audience"
    NOT_YET_VALID = "not valid yet"
    IMPOSSIBLE_LIFETIME = "impossible lifetime"
    EXPIRED = "expired"


class InvalidTokenError(ApplicationError):
    """A token was refused.

    The message is the same for every cause: a caller must not learn which check failed.
    `reason` is for logs alone, and never quotes the token.
    """

    code: ClassVar[str] = "INVALID_TOKEN"

    def __init__(self, reason: TokenFault) -> None:
        """Keep the reason for the log, out of the message."""
        super().__init__("the token is not valid")
        self.reason = reason


class TokenCodec(Protocol):
    """Issues access tokens and accepts only those: ours, of this purpose, at this time.

    It knows nothing of logouts: whether a session or a token id was revoked is for the caller.
    """

    def issue(self, subject: str, *, role: str, session: str, at: datetime) -> IssuedToken:
        """Return a token that is valid from `at` (aware) for the configured lifetime.

        Raises ValueError if a text is empty, longer than 255, or not printable ASCII.
        """
        ...

    def verify(self, token: str, *, at: datetime) -> Claims:
        """Return what `token` says, as of `at` (aware).

        Raises InvalidTokenError for anything else than one of our tokens in its lifetime.
        """
        ...

    def issue_refresh(
        self, subject: str, *, session: str, generation: int, at: datetime, until: datetime
    ) -> str:
        """Return a refresh token; the same arguments give the same text.

        It holds nothing that must be stored: which generation of a session counts is on record.

        Raises ValueError as `issue` does, and if it would end before it begins.
        """
        ...

    def verify_refresh(self, token: str, *, at: datetime) -> RefreshClaims:
        """Return what a refresh token says. An access token is none, and the reverse.

        Raises InvalidTokenError for anything else than one of our refresh tokens in its lifetime.
        """
        ...
