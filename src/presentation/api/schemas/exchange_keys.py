"""Keys of exchanges: what comes in is never shown again, not even in part."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Path
from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from traderbot.application.exchange_secrets import ExchangeSecrets
from traderbot.application.views import ExchangeKeyView, UserView
from traderbot.domain.users.exchange_keys import EXCHANGE_PATTERN
from traderbot.presentation.api.schemas.values import (
    EXAMPLE_INSTANT,
    Body,
    Instant,
    NameText,
    Out,
    PasswordText,
    known_form,
    uuid_schema,
)

_TELLING: Final = 6  # a shorter text is in many a label by chance

EXAMPLE_EXCHANGE_KEY: Final = "0199a1b2-0000-7000-8000-00000000000e"
_EXAMPLE: Final[JsonDict] = {
    "key_id": EXAMPLE_EXCHANGE_KEY,
    "exchange": "binance",
    "label": "reading only",
    "added_at": EXAMPLE_INSTANT,
}

GivenText = Annotated[
    str,
    Field(
        min_length=1,
        max_length=4096,
        pattern=r"^[ -~\n]+$",
        json_schema_extra={"format": "password"},
        description="as the exchange shows it; ASCII",
    ),
]
ExchangeKeyIdPath = Annotated[
    str,
    Path(description="the exchange key's id", examples=[EXAMPLE_EXCHANGE_KEY]),
    AfterValidator(known_form("exchange key")),
    uuid_schema(EXAMPLE_EXCHANGE_KEY),
]


class ExchangeKeyBody(Body):
    """A key to keep, and one's own password once more."""

    exchange: Annotated[
        str,
        Field(
            pattern=f"^{EXCHANGE_PATTERN}$",
            description="the exchange's name, in small letters",
        ),
    ]
    label: NameText
    api_key: GivenText = Field(repr=False)
    api_secret: GivenText = Field(repr=False)
    passphrase: GivenText | None = Field(default=None, repr=False)
    password: PasswordText

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "exchange": "binance",
                    "label": "reading only",
                    "api_key": "what the exchange calls the API key",
                    "api_secret": "and what it shows beside it only once",
                    "password": "correct horse battery staple",
                }
            ]
        }
    )

    @model_validator(mode="after")
    def _say_nothing_secret_aloud(self) -> ExchangeKeyBody:
        """Refuse a label that holds what must not be in the log: a slip of the clipboard."""
        given = (self.api_key, self.api_secret, self.passphrase, self.password)
        if any(text in self.label for text in given if text and len(text) >= _TELLING):
            kind, message = "value", "the label must not hold what is to be kept from others"
            raise PydanticCustomError(kind, message)
        return self

    def secrets(self) -> ExchangeSecrets:
        """Return what is to be sealed."""
        return ExchangeSecrets(
            api_key=self.api_key, secret=self.api_secret, passphrase=self.passphrase
        )


class ExchangeKeyOut(Out):
    """A stored key by everything but what it is."""

    key_id: str
    exchange: str
    label: str
    added_at: Instant

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    @classmethod
    def of(cls, view: ExchangeKeyView) -> ExchangeKeyOut:
        """Show a view."""
        return cls.model_validate(view)


class ExchangeKeysOut(Out):
    """Every stored key of a user, newest first; there are at most 32."""

    items: list[ExchangeKeyOut]

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_EXAMPLE]}]})

    @classmethod
    def of(cls, user: UserView) -> ExchangeKeysOut:
        """Show those of a user."""
        newest = sorted(user.exchange_keys, key=lambda it: (it.added_at, it.key_id), reverse=True)
        return cls(items=[ExchangeKeyOut.of(it) for it in newest])
