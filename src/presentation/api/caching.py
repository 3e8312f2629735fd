"""Answers that a client may keep: by itself alone, and only for the token it asked with."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

_LONGEST: Final = 1000

FOR_EVER: Final = "private, max-age=31536000, immutable"  # it can never say anything else
ASK_AGAIN: Final = "private, no-cache"  # kept, and used once the server says that it still holds


def etag_of(*parts: object) -> str:
    """Return the tag of an answer that follows from these parts alone."""
    # Written with their lengths, so that no two lists of parts read the same.
    text = "".join(f"{len(part)}:{part}" for part in map(str, parts))
    return f'"{sha256(text.encode()).hexdigest()[:32]}"'


def kept_as(etag: str, control: str = ASK_AGAIN) -> Mapping[str, str]:
    """Return the headers of an answer that may be kept."""
    # Without Authorization a browser would show to the next who logs in what the last one saw.
    return {"ETag": etag, "Cache-Control": control, "Vary": "Accept, Authorization"}


def is_kept(request: Request, etag: str) -> bool:
    """Tell whether the client has this answer already (RFC 9110, section 13.1.2)."""
    given = ",".join(request.headers.getlist("if-none-match"))[:_LONGEST]
    return any(each.strip().removeprefix("W/") == etag for each in given.split(","))


def not_modified(etag: str, control: str = ASK_AGAIN) -> Response:
    """Return the answer to a client that has it already."""
    return Response(status_code=304, headers=dict(kept_as(etag, control)))
