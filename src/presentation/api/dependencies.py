"""What routes take from a request besides its body: a clean query, a key, an origin."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, Header, Request
from fastapi.routing import APIRoute
from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from traderbot.application.ports.commands import IdempotencyKey, Origin
from traderbot.application.ports.recorded import Actor
from traderbot.presentation.api.auth import CurrentUser
from traderbot.presentation.api.errors import ApiError
from traderbot.presentation.api.frame import frame_of
from traderbot.presentation.api.route_map import route_map_of
from traderbot.presentation.api.schemas.errors import FailureDetail

_LONGEST_KEY: Final = 255
_HEADER: Final = "Idempotency-Key"


async def known_query(request: Request) -> None:
    """Refuse what no schema names and what stands twice: which of two values counts is a guess."""
    allowed = route_map_of(request).query_names(_template(request), request.method)
    names = [name for name, _ in request.query_params.multi_items()]
    details = [
        FailureDetail(
            field=f"query.{name}",
            message="is given more than once" if name in allowed else "there is no such parameter",
        )
        for name in dict.fromkeys(names)
        if name not in allowed or names.count(name) > 1
    ]
    if details:
        message = f"{details[0].field}: {details[0].message}"
        raise ApiError("VALIDATION_ERROR", message, details)


CleanQuery = Depends(known_query)


def _key_form(text: str) -> str:
    if not (0 < len(text) <= _LONGEST_KEY and all("!" <= each <= "~" for each in text)):
        raise PydanticCustomError("value", "1 to 255 printable ASCII characters, no blanks")
    return text


_KeyText = Annotated[
    str,
    AfterValidator(_key_form),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "maxLength": _LONGEST_KEY,
            "pattern": "^[!-~]{1,255}$",
            "examples": ["2026-11-21-order-1"],
        }
    ),
]
_InHeader = Header(
    alias=_HEADER,
    description="names this wish: asked again with the same key and body, "
    "it is answered again and done once",
)


async def _required_key(request: Request, key: Annotated[_KeyText, _InHeader]) -> str:
    return _only(request, key)


async def _optional_key(
    request: Request, key: Annotated[_KeyText | None, _InHeader] = None
) -> str | None:
    return None if key is None else _only(request, key)


def _only(request: Request, key: str) -> str:
    if len(request.headers.getlist(_HEADER)) > 1:
        msg = f"the header {_HEADER} is given more than once"
        raise ApiError("IDEMPOTENCY_KEY_INVALID", msg)
    return key


async def _origin(request: Request, user: CurrentUser) -> Origin:
    return _origin_of(request, user.user_id, None)


async def _origin_with_key(
    request: Request, user: CurrentUser, key: Annotated[str, Depends(_required_key)]
) -> Origin:
    return _origin_of(request, user.user_id, key)


async def _origin_perhaps_with_key(
    request: Request, user: CurrentUser, key: Annotated[str | None, Depends(_optional_key)]
) -> Origin:
    return _origin_of(request, user.user_id, key)


def _origin_of(request: Request, user_id: str, key: str | None) -> Origin:
    # The template and not the path: a key that was used for one portfolio is used up for another.
    scope = f"user {user_id} {request.method} {_template(request)}"
    return Origin(
        actor=Actor("user", user_id, "api"),
        key=None if key is None else IdempotencyKey(scope, key),
        correlation_id=frame_of(request.scope).request_id,
    )


def _template(request: Request) -> str:
    route = request.scope["route"]
    assert isinstance(route, APIRoute)  # noqa: S101 - only such routes have dependencies
    return route.path_format


PlainOrigin = Annotated[Origin, Depends(_origin)]
KeyedOrigin = Annotated[Origin, Depends(_origin_with_key)]
PerhapsKeyedOrigin = Annotated[Origin, Depends(_origin_perhaps_with_key)]
