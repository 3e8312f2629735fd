"""What surrounds every request: its id, the clock, and the form of failure it asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.types import Scope

_KEY: Final = "traderbot.frame"
_UUID: Final = re.compile(
    rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE
)
_LONGEST_ACCEPT: Final = 1000


@dataclass(frozen=True, slots=True)
class Frame:
    """One request, before anything is known of who asks for what."""

    request_id: str  # becomes the correlation id of the events
    now: Callable[[], datetime]
    wants_problem: bool


def put_frame(scope: Scope, new_id: Callable[[], str], now: Callable[[], datetime]) -> Frame:
    """Make the frame of a request and keep it in its scope."""
    ids = _values(scope, b"x-request-id")
    # Only a UUID is taken over: whatever else would stand in logs and events for ever.
    own = len(ids) == 1 and _UUID.fullmatch(ids[0])
    frame = Frame(
        request_id=ids[0].decode("ascii").lower() if own else new_id(),
        now=now,
        wants_problem=prefers(scope, "application/problem+json"),
    )
    scope[_KEY] = frame
    return frame


def frame_of(scope: Scope) -> Frame:
    """Return the request's frame."""
    frame = scope[_KEY]
    assert isinstance(frame, Frame)  # noqa: S101 - put there by the outermost middleware
    return frame


def prefers(scope: Scope, media_type: str) -> bool:
    """Tell whether a request names a media type, and wants plain JSON no more than that."""
    wanted: dict[str, float] = {}
    text = b",".join(_values(scope, b"accept"))[:_LONGEST_ACCEPT].decode("latin-1").lower()
    for each in text.split(","):
        named, *parameters = (part.strip() for part in each.split(";"))
        wanted[named] = _quality(parameters)
    quality = wanted.get(media_type, 0.0)
    return quality > 0 and quality >= wanted.get("application/json", 0.0)


def _values(scope: Scope, name: bytes) -> list[bytes]:
    return [value for key, value in scope["headers"] if key == name]


def _quality(parameters: Iterable[str]) -> float:
    for each in parameters:
        name, _, value = each.partition("=")
        if name == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
