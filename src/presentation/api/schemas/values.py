"""The few kinds of text that bodies, queries and answers are made of.

The domain decides what a symbol or an amount is; here its no gets the name of the field. What is
given is accepted as it stands or refused, never repaired.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import Path
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from traderbot.application.errors import NotFoundError
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.ids import uuid_text
from traderbot.domain.shared.instants import instant_text
from traderbot.domain.shared.values import Currency, Symbol
from traderbot.domain.users.email import MAX_EMAIL, email_address

EXAMPLE_USER: Final = "0199a1b2-0000-7000-8000-000000000001"
EXAMPLE_SESSION: Final = "0199a1b2-0000-7000-8000-00000000000a"
EXAMPLE_REFRESH: Final = "eyJhbGciOiJIUzI1NiIsInR5cCI6InJ0K2p3dCJ9.e30.c2lnbmF0dXJl"
EXAMPLE_PORTFOLIO: Final = "0199a1b2-0000-7000-8000-000000000002"
EXAMPLE_ORDER: Final = "0199a1b2-0000-7000-8000-000000000003"
EXAMPLE_SUBSCRIPTION: Final = "notification"
EXAMPLE_LOG_INDEX: Final = 41
EXAMPLE_EVENT: Final = "0199a1b2-0000-7000-8000-00000000002a"
EXAMPLE_INSTANT: Final = "2026-11-21T12:00:00.000000Z"

MAX_PASSWORD: Final = 512  # what is longer can only be too long for the policy
_MARKS_IN_A_ROW: Final = 4  # no language stacks more on one letter

_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?"
    r"(?:Z|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)
_WHOLE: Final = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_LONGEST_NAME: Final = 200
_CURSOR: Final = re.compile(r"[!-~]{1,512}", re.ASCII)

Schema = dict[str, Any]


class Body(BaseModel):
    """What a client sends. Nothing unknown is in it, and nothing is converted."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Query(BaseModel):
    """What stands after the question mark: always text, so its types read text."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Out(BaseModel):
    """What a client sees, made from a view field by field."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


def _invalid(message: str) -> PydanticCustomError:
    return PydanticCustomError("value", "{message}", {"message": message})


def _as_domain(make: Callable[[str], object], message: str) -> Callable[[str], str]:
    """Return a validator that asks the domain."""

    def check(text: str) -> str:
        try:
            make(text)
        except InvalidValueError as error:
            raise _invalid(message) from error
        return text

    return check


def _matching(pattern: str, message: str) -> Callable[[str], str]:
    form = re.compile(pattern, re.ASCII)

    def check(text: str) -> str:
        if form.fullmatch(text) is None:
            raise _invalid(message)
        return text

    return check


def _email(text: str) -> str:
    try:
        return email_address(text)
    except InvalidValueError as error:
        raise _invalid(str(error)) from error


def _one_line(text: str) -> str:
    """Refuse what prints as something else than it is: controls, bidi marks, piles of accents."""
    if not text.isprintable() or text != text.strip():
        msg = "only printable characters, and no blank at either end"
        raise _invalid(msg)
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character).startswith("M") else 0
        if marks > _MARKS_IN_A_ROW:
            msg = f"more than {_MARKS_IN_A_ROW} combining marks in a row"
            raise _invalid(msg)
    return text


def _instant(value: object) -> object:
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):  # a 13th month; the year 0 or 10000 in UTC
            pass
    msg = "an instant such as 2026-11-21T12:00:00Z, with its zone"
    raise _invalid(msg)


def _whole(value: object) -> object:
    # pydantic would also read " 5 ", "1_000" and other scripts' digits.
    if isinstance(value, int) or (isinstance(value, str) and _WHOLE.fullmatch(value)):
        return int(value)
    msg = "a whole number above zero, in ASCII digits"
    raise _invalid(msg)


def _index(value: object) -> object:
    if isinstance(value, int) or (isinstance(value, str) and _INDEX.fullmatch(value)):
        return int(value)
    msg = "a whole number, in ASCII digits"
    raise _invalid(msg)


def _cursor(text: str) -> str:
    if _CURSOR.fullmatch(text) is None:
        msg = "not a cursor of this program"
        raise _invalid(msg)
    return text


def _text(pattern: str, example: str, description: str) -> WithJsonSchema:
    return WithJsonSchema(
        {"type": "string", "pattern": pattern, "examples": [example], "description": description}
    )


DECIMAL_PATTERN: Final = r"^(0|[1-9][0-9]{0,19})(\.[0-9]{1,18})?$"
SYMBOL_PATTERN: Final = r"^[A-Z0-9]{1,10}([.-][A-Z0-9]{1,4})?(/[A-Z0-9]{2,10})?$"
CURRENCY_PATTERN: Final = r"^[A-Z0-9]{2,10}$"
STREAM_PATTERN: Final = r"^[a-z]{1,20}-[!-~]{1,100}$"
EVENT_TYPE_PATTERN: Final = r"^[a-z_]{1,40}\.[a-z_]{1,40}$"

DecimalText = Annotated[
    str,
    AfterValidator(
        _matching(
            DECIMAL_PATTERN, "a plain decimal: at most 20 digits before and 18 after the point"
        )
    ),
    _text(DECIMAL_PATTERN, "100.50", "a plain decimal number, as text"),
]
SymbolText = Annotated[
    str,
    AfterValidator(_as_domain(Symbol, "a share like AAPL or a pair like BTC/USDT")),
    _text(SYMBOL_PATTERN, "AAPL", "a share like AAPL or a pair like BTC/USDT"),
]
CurrencyText = Annotated[
    str,
    AfterValidator(_as_domain(Currency, "2 to 10 capital letters or digits")),
    _text(CURRENCY_PATTERN, "USD", "a currency's code"),
]
IdText = Annotated[
    str,
    AfterValidator(_as_domain(uuid_text, "a UUID in lower case")),
    WithJsonSchema({"type": "string", "format": "uuid"}),
]
EmailText = Annotated[
    str,
    AfterValidator(_email),
    WithJsonSchema(
        {
            "type": "string",
            "format": "email",
            "maxLength": MAX_EMAIL,
            "examples": ["ada@example.org"],
        }
    ),
]
PasswordText = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_PASSWORD,
        repr=False,
        json_schema_extra={"format": "password"},
        description="15 to 128 characters; a few words in a row do well",
    ),
]
SecretText = Annotated[
    str,
    Field(min_length=1, max_length=4096, repr=False, json_schema_extra={"format": "password"}),
]
NameText = Annotated[
    str,
    Field(min_length=1, max_length=64, description="printable, no blank at either end"),
    AfterValidator(_one_line),
]
ReasonText = Annotated[
    str,
    Field(min_length=1, max_length=500, description="kept in the log; printable"),
    AfterValidator(_one_line),
]
SubscriptionName = Annotated[
    str,
    Field(min_length=1, max_length=200, description="a subscription's name"),
    AfterValidator(_one_line),
]
StreamText = Annotated[
    str,
    AfterValidator(_matching(STREAM_PATTERN, "a stream such as order-0199a1b2-…")),
    _text(STREAM_PATTERN, f"order-{EXAMPLE_ORDER}", "one aggregate's events"),
]
EventTypeText = Annotated[
    str,
    AfterValidator(_matching(EVENT_TYPE_PATTERN, "a type such as order.placed")),
    _text(EVENT_TYPE_PATTERN, "order.placed", "a type of events"),
]
InstantText = Annotated[
    datetime,
    BeforeValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": [EXAMPLE_INSTANT]}),
]
LimitNumber = Annotated[
    int,
    BeforeValidator(_whole),
    Field(ge=1, le=200, description="how many at most"),
]
IndexNumber = Annotated[
    int,
    BeforeValidator(_index),
    Field(ge=0, lt=10**18, description="an index of the log, counted from zero"),
]
CursorText = Annotated[
    str,
    AfterValidator(_cursor),
    Field(description="`next_cursor` of the page before"),
]

Amount = Annotated[str, Field(description="exact decimal, as text", examples=["100.5"])]
Instant = Annotated[
    datetime,
    PlainSerializer(instant_text, return_type=str),
    WithJsonSchema(
        {"type": "string", "format": "date-time", "examples": [EXAMPLE_INSTANT]},
        mode="serialization",
    ),
]


def known_form(what: str) -> Callable[[str], str]:
    """Return a validator of an id in a path: what cannot be one is as missing as an unknown one."""

    def check(text: str) -> str:
        try:
            return uuid_text(text)
        except InvalidValueError as error:
            raise NotFoundError(what, text) from error

    return check


def uuid_schema(example: str) -> WithJsonSchema:
    """Return what the schema says of an id."""
    return WithJsonSchema({"type": "string", "format": "uuid", "examples": [example]})


OrderIdPath = Annotated[
    str,
    Path(description="the order's id", examples=[EXAMPLE_ORDER]),
    AfterValidator(known_form("order")),
    uuid_schema(EXAMPLE_ORDER),
]
SessionIdPath = Annotated[
    str,
    Path(description="the session's id", examples=[EXAMPLE_SESSION]),
    AfterValidator(known_form("session")),
    uuid_schema(EXAMPLE_SESSION),
]
PortfolioIdPath = Annotated[
    str,
    Path(description="the portfolio's id", examples=[EXAMPLE_PORTFOLIO]),
    AfterValidator(known_form("portfolio")),
    uuid_schema(EXAMPLE_PORTFOLIO),
]
EventIdPath = Annotated[
    str,
    Path(description="the event's id", examples=[EXAMPLE_EVENT]),
    AfterValidator(known_form("event")),
    uuid_schema(EXAMPLE_EVENT),
]


def _subscription(text: str) -> str:
    if not text.isprintable() or len(text) > _LONGEST_NAME:
        what = "subscription"
        raise NotFoundError(what, text)
    return text


def _log_index(value: object) -> object:
    if isinstance(value, str) and _INDEX.fullmatch(value):
        return int(value)
    what = "parked event"
    raise NotFoundError(what, str(value))


SubscriptionPath = Annotated[
    str,
    Path(description="the subscription's name", examples=[EXAMPLE_SUBSCRIPTION]),
    AfterValidator(_subscription),
]
LogIndexPath = Annotated[
    int,
    Path(description="the event's index in the log", examples=[EXAMPLE_LOG_INDEX], ge=0),
    BeforeValidator(_log_index),
]
