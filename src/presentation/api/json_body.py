"""Reading a JSON body strictly: what could be understood in two ways is refused, not guessed."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, NoReturn

from fastapi import Request, params
from fastapi.routing import APIRoute
from starlette.responses import Response

from traderbot.presentation.api.errors import NOT_JSON, ApiError, Unreadable

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"

# Every list, object and value costs one of these marks. Counting them in the raw bytes bounds the
# depth and the number of members before anything is parsed, for the price of four quick searches.
_MARKS: Final = (b"[", b"{", b",", b":")
_MAX_MARKS: Final = 1000
_MAX_DEPTH: Final = 16
_MAX_DIGITS: Final = 40
_UTF8: Final = re.compile(r"""charset=(utf-8|"utf-8")""")


class BadJsonError(Exception):
    """The bytes are not one JSON document that can be read in one way only."""


def parse_json(raw: bytes) -> object:
    """Return the one JSON value in `raw`.

    Raises:
        BadJsonError: not UTF-8, no JSON, too deep or too many values, a name twice in one object,
            a number that is not finite or absurdly long.
    """
    if sum(raw.count(mark) for mark in _MARKS) > _MAX_MARKS:
        msg = "the body has too many values"
        raise BadJsonError(msg)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        msg = "the body is not UTF-8"
        raise BadJsonError(msg) from error
    try:
        value: object = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_int=_short_int,
            parse_float=_finite,
            parse_constant=_no_constant,
        )
    except (ValueError, RecursionError) as error:
        msg = "the body is not one complete JSON document"
        raise BadJsonError(msg) from error
    if _depth_exceeds(value, _MAX_DEPTH):
        msg = f"the body is nested deeper than {_MAX_DEPTH}"
        raise BadJsonError(msg)
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        msg = "a name stands twice in one object"
        raise BadJsonError(msg)
    return found


def _short_int(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        msg = "a number is too long"
        raise BadJsonError(msg)
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        msg = "a number is too large"
        raise BadJsonError(msg)
    return value


def _no_constant(name: str) -> NoReturn:
    msg = f"{name} is no JSON"
    raise BadJsonError(msg)


def _depth_exceeds(value: object, levels: int) -> bool:
    if isinstance(value, dict):
        inner: Sequence[object] = list(value.values())
    elif isinstance(value, list):
        inner = value
    else:
        return False
    return levels == 0 or any(_depth_exceeds(each, levels - 1) for each in inner)


def is_json(content_types: Sequence[str], encodings: Sequence[str]) -> bool:
    """Tell whether the headers announce plain JSON in UTF-8, and nothing else."""
    if len(content_types) != 1 or any(each.lower() != "identity" for each in encodings):
        return False
    media_type, *parameters = (part.strip().lower() for part in content_types[0].split(";"))
    return media_type == JSON and all(_UTF8.fullmatch(each) for each in parameters)


class _StrictRequest(Request):
    """A request whose body is read by the rules of this file."""

    async def json(self) -> object:
        if not is_json(
            self.headers.getlist("content-type"), self.headers.getlist("content-encoding")
        ):
            return NOT_JSON
        try:
            return parse_json(await self.body())
        except BadJsonError as error:
            return Unreadable("MALFORMED_JSON", str(error))


class StrictRoute(APIRoute):
    """A route that takes JSON or, where it declares a form, a form; strictly either."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's own handler, with the body read by our rules."""
        handle = super().get_route_handler()
        takes_form = self.body_field is not None and isinstance(
            self.body_field.field_info, params.Form
        )

        async def strict(request: Request) -> Response:
            if takes_form and not _is_form(request):
                # A multipart form is another grammar with other traps; no client of ours needs it.
                msg = f"send {FORM}"
                raise ApiError("UNSUPPORTED_MEDIA_TYPE", msg)
            return await handle(_StrictRequest(request.scope, request.receive))

        return strict


def _is_form(request: Request) -> bool:
    types = request.headers.getlist("content-type")
    return len(types) == 1 and types[0].partition(";")[0].strip().lower() == FORM
