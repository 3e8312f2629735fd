"""Values as plain data for JSON, and texts made safe for a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from traderbot.domain.shared.decimals import plain
from traderbot.domain.shared.instants import instant_text

_DOMAIN_VALUES = "traderbot.domain.shared.values"


def as_json(document: object) -> str:
    """Return one JSON document, in ASCII: every terminal and every pipe can carry it."""
    return json.dumps(plain_data(document), indent=2, allow_nan=False)


def plain_data(value: object) -> Any:  # noqa: ANN401 - JSON is many things
    """Return a view, a report or a mapping as JSON has it: amounts as text, instants in UTC."""
    if isinstance(value, Enum):
        return plain_data(value.value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(name): plain_data(item) for name, item in value.items()}
    if isinstance(value, Iterable):
        return [plain_data(item) for item in value]
    if is_dataclass(value) and type(value).__module__ != _DOMAIN_VALUES:
        return {field.name: plain_data(getattr(value, field.name)) for field in fields(value)}
    return _text(value)


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return instant_text(value)
    return plain(value) if isinstance(value, Decimal) else str(value)


def printable(text: str, keep: str = "") -> str:
    """Return a text that cannot steer a terminal: control characters become their escapes.

    Names and reasons are other people's words; one of them may hold an escape sequence.
    """
    if text.isprintable():
        return text
    return "".join(
        letter
        if letter.isprintable() or letter in keep
        else letter.encode("unicode_escape", "surrogatepass").decode("ascii")
        for letter in text
    )


def moment(at: datetime | None) -> str:
    """Return an instant as people read it, to the second."""
    return "" if at is None else instant_text(at)[:19].replace("T", " ") + "Z"


def instant_of(text: str) -> datetime | None:
    """Return the instant a person wrote, None if it is none or could be any, without a zone."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if at.utcoffset() is None else at
