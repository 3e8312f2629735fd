"""Registering, logging in, and who one is."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from traderbot.application.commands.users import RegisterUser
from traderbot.application.views import UserView
from traderbot.presentation.api.schemas.values import (
    EXAMPLE_INSTANT,
    EXAMPLE_USER,
    Body,
    EmailText,
    Instant,
    Out,
    PasswordText,
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

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "access_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.e30.c2lnbmF0dXJl",
                    "token_type": "bearer",
                    "expires_in": 900,
                }
            ]
        }
    )
