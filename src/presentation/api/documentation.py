"""What the schema says of failures: each code an operation can answer with, with an example."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from traderbot.presentation.api.errors import PROBLEM, TABLE, Entry
from traderbot.presentation.api.schemas.errors import FailureEnvelope
from traderbot.presentation.api.schemas.values import EXAMPLE_INSTANT

# Groups of codes, by what an operation does.
ANY: Final = ("INVALID_HOST", "VALIDATION_ERROR", "RATE_LIMITED", "INTERNAL_ERROR")
PRIVATE: Final = ("NOT_AUTHENTICATED", "INVALID_TOKEN", "DATABASE_UNAVAILABLE", "OVERLOADED")
BODY: Final = ("BODY_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE", "MALFORMED_JSON")
WRITE: Final = ("CONFLICT", "OUTCOME_UNKNOWN", "CLOSED")
KEYED: Final = ("IDEMPOTENCY_KEY_MISSING", "IDEMPOTENCY_KEY_INVALID", "IDEMPOTENCY_KEY_REUSED")

EXAMPLE_REQUEST: Final = "0199a1b2-0000-7000-8000-000000000009"
_HEADERS: Final = {
    "WWW-Authenticate": "how to authenticate",
    "Retry-After": "seconds to wait before trying again",
}

Responses = dict[int | str, dict[str, Any]]


def failures(*groups: str | Iterable[str]) -> Responses:
    """Return the `responses` of a route that can fail with these codes or groups of codes."""
    codes = [code for group in groups for code in ((group,) if isinstance(group, str) else group)]
    by_status: dict[int, list[str]] = {}
    for code in dict.fromkeys(codes):
        by_status.setdefault(TABLE[code].status, []).append(code)
    return {status: _response(by_status[status]) for status in sorted(by_status)}


def _response(codes: list[str]) -> dict[str, Any]:
    entries = {code: TABLE[code] for code in codes}
    names = {name for entry in entries.values() for name in entry.headers if name in _HEADERS}
    response: dict[str, Any] = {
        "model": FailureEnvelope,
        "description": "; ".join(f"`{code}`: {entry.title}" for code, entry in entries.items()),
        "content": {
            "application/json": {
                "examples": {
                    code: {"value": _envelope(code, each)} for code, each in entries.items()
                }
            },
            PROBLEM: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {
                    code: {"value": _problem(code, each)} for code, each in entries.items()
                },
            },
        },
    }
    if names:
        response["headers"] = {
            name: {"description": _HEADERS[name], "schema": {"type": "string"}}
            for name in sorted(names)
        }
    return response


def _envelope(code: str, entry: Entry) -> dict[str, Any]:
    return {
        "success": False,
        "error": {
            "code": code,
            "message": entry.said or entry.title.lower(),
            "timestamp": EXAMPLE_INSTANT,
            "request_id": EXAMPLE_REQUEST,
        },
    }


def _problem(code: str, entry: Entry) -> dict[str, Any]:
    return {
        "type": f"urn:problem-type:traderbot:{code}",
        "title": entry.title,
        "status": entry.status,
        "detail": entry.said or entry.title.lower(),
        "instance": f"urn:uuid:{EXAMPLE_REQUEST}",
        "code": code,
        "request_id": EXAMPLE_REQUEST,
        "timestamp": EXAMPLE_INSTANT,
    }
