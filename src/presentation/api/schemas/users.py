"""Registering, logging in, and who one is."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from traderbot.application.commands.users import RegisterUser
from traderbot.application.views import SessionView, UserView
from traderbot.presentation.api.schemas.values import (
    EXAMPLE_INSTANT,
    EXAMPLE_REFRESH,
    EXAMPLE_SESSION,
    EXAMPLE_USER,
    Body,
    EmailText,
    Instant,
    Out,
    PasswordText,
    SecretText,
)


class RegisterBody(Body):
    """Who wants in."""

    email: EmailText
    password: PasswordText

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"email": "ada@example.org", "password": "correct horse battery staple"}]
        }
    )

    def to_command(self, password_hash: str) -> RegisterUser:
        """Return the wish; whoever registers here becomes a trader."""
        return RegisterUser(email=self.email, password_hash=password_hash)


class UserOut(Out):
    """A user, to themselves."""

    user_id: str
    email: str | None
    role: str = Field(description="user, trader, auditor or admin")
    active: bool
    registered_at: Instant

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "user_id": EXAMPLE_USER,
                    "email": "ada@example.org",
                    "role": "trader",
                    "active": True,
                    "registered_at": EXAMPLE_INSTANT,
                }
            ]
        }
    )

    @classmethod
    def of(cls, view: UserView) -> UserOut:
        """Show a view."""
        return cls.model_validate(view)


class TokenOut(Out):
    """A token, as OAuth 2.0 writes it (RFC 6749, section 5.1)."""

    access_token: str = Field(repr=False)
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - a kind, no secret
    expires_in: int = Field(description="seconds")
    refresh_token: str = Field(
        repr=False, description="good for one `POST /auth/refresh`; keep it as you keep a password"
    )
    refresh_expires_at: Instant = Field(description="when the session ends unless refreshed before")

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "access_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.e30.c2lnbmF0dXJl",
                    "token_type": "bearer",
                    "expires_in": 900,
                    "refresh_token": EXAMPLE_REFRESH,
                    "refresh_expires_at": EXAMPLE_INSTANT,
                }
            ]
        }
    )


class RefreshBody(Body):
    """A refresh token that was not used yet."""

    refresh_token: SecretText

    model_config = ConfigDict(json_schema_extra={"examples": [{"refresh_token": EXAMPLE_REFRESH}]})


class PasswordBody(Body):
    """The password that is, and the one that shall be."""

    password: PasswordText
    new_password: PasswordText

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "password": "correct horse battery staple",
                    "new_password": "a meadow of seven purple umbrellas",
                }
            ]
        }
    )


class SessionOut(Out):
    """A login that nobody has ended."""

    session_id: str
    opened_at: Instant
    refreshed_at: Instant
    ends_at: Instant = Field(description="when it ends unless it is refreshed before")
    current: bool = Field(description="whether this request belongs to it")

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "session_id": EXAMPLE_SESSION,
                    "opened_at": EXAMPLE_INSTANT,
                    "refreshed_at": EXAMPLE_INSTANT,
                    "ends_at": EXAMPLE_INSTANT,
                    "current": True,
                }
            ]
        }
    )

    @classmethod
    def of(cls, view: SessionView, current: str) -> SessionOut:
        """Show a view."""
        return cls(
            session_id=view.session_id,
            opened_at=view.opened_at,
            refreshed_at=view.refreshed_at,
            ends_at=view.ends_at,
            current=view.session_id == current,
        )


class SessionsOut(Out):
    """Every open session of a user, newest first."""

    items: list[SessionOut]

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {
                            "session_id": EXAMPLE_SESSION,
                            "opened_at": EXAMPLE_INSTANT,
                            "refreshed_at": EXAMPLE_INSTANT,
                            "ends_at": EXAMPLE_INSTANT,
                            "current": True,
                        }
                    ]
                }
            ]
        }
    )
