"""The one table from error code to status, and the answer every failure gets.

Nothing that was sent comes back as it was: a message is printable text of bounded length, so no
value can break the answer's encoding or the page that shows it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from traderbot.application.errors import NotFoundError
from traderbot.domain.shared.errors import TraderbotError
from traderbot.presentation.api.frame import Frame, frame_of
from traderbot.presentation.api.route_map import route_map_of
from traderbot.presentation.api.schemas.errors import (
    Failure,
    FailureDetail,
    FailureEnvelope,
    Problem,
)

_log = logging.getLogger(__name__)

PROBLEM: Final = "application/problem+json"
RETRY_SECONDS: Final = 1
_MAX_MESSAGE: Final = 500
_MAX_FIELD: Final = 100
_MAX_DETAILS: Final = 20
_BEARER: Final = {"WWW-Authenticate": "Bearer"}
_RETRY: Final = {"Retry-After": str(RETRY_SECONDS)}


@dataclass(frozen=True, slots=True)
class Entry:
    """What a code means to a caller."""

    status: int
    title: str
    said: str | None = None  # instead of the error's own words, where those are for operators
    headers: Mapping[str, str] = field(default_factory=dict)


# Between the program and whoever runs it; no request is answered while they stand.
_OPERATORS_OWN: Final = (
    "CONFIGURATION",
    "CANNOT_LISTEN",
    "CANNOT_RUN",
    "USAGE",
    "DATABASE_MISSING",
    "SCHEMA_NOT_NEWEST",
    "STRATEGY_FILE",
    "STRATEGY_PLUGIN",
    "STRATEGY_CHECK",
    "STRATEGY_TEMPLATE",
    "SERVER_NOT_FOUND",
    "SERVER_START",
    "MISSING_EXTRA",
    "VENUE_NOT_SAFE",
    "REPORT_NOT_WRITTEN",
    "UNREADABLE_SECRET",
)
_NOT_SET_UP: Final = Entry(500, "The server is not set up", said="the server is not set up")

TABLE: Final[Mapping[str, Entry]] = {
    # The request itself.
    "BAD_REQUEST": Entry(400, "The request cannot be read"),
    "INVALID_HOST": Entry(400, "The Host header names another server"),
    "ORIGIN_REFUSED": Entry(400, "Pages of this origin may not call"),
    "IDEMPOTENCY_KEY_MISSING": Entry(400, "The header Idempotency-Key is required"),
    "IDEMPOTENCY_KEY_INVALID": Entry(400, "The header Idempotency-Key is malformed"),
    "METHOD_NOT_ALLOWED": Entry(405, "Another method is needed here"),
    "BODY_TOO_LARGE": Entry(413, "The body is too large", headers={"Connection": "close"}),
    "UNSUPPORTED_MEDIA_TYPE": Entry(415, "The body has another type than this route reads"),
    "MALFORMED_JSON": Entry(422, "The body is not JSON that can be read in one way only"),
    "VALIDATION_ERROR": Entry(422, "A value is not what it is meant to be"),
    "BAD_CURSOR": Entry(422, "The cursor was not given out by this program"),
    # Who asks.
    "NOT_AUTHENTICATED": Entry(401, "A token is required", headers=_BEARER),
    "INVALID_TOKEN": Entry(401, "The token is not valid", headers=_BEARER),
    "WRONG_CREDENTIALS": Entry(
        401,
        "The address or the password is wrong",
        said="the e-mail address or the password is wrong",
        headers=_BEARER,
    ),
    "SESSION_OVER": Entry(401, "The session is over", headers=_BEARER),
    "NOT_ALLOWED": Entry(403, "This user may not do this"),
    "WRONG_PASSWORD": Entry(403, "The password is not that of this user"),
    "WEAK_PASSWORD": Entry(422, "The password breaks the policy"),
    "EMAIL_TAKEN": Entry(409, "Another user has this address"),
    "TOO_MANY_EXCHANGE_KEYS": Entry(409, "The user has as many exchange keys as there may be"),
    "RATE_LIMITED": Entry(429, "Too many requests", headers=_RETRY),
    # What is asked for.
    "NOT_FOUND": Entry(404, "There is no such thing"),
    "CONFLICT": Entry(409, "It was changed meanwhile", headers=_RETRY),
    "IDEMPOTENCY_KEY_REUSED": Entry(422, "The key was used for something else"),
    "ORDER_CLOSED": Entry(409, "The order has reached its end"),
    "NOT_WORKING": Entry(409, "The paper venue has no such order working"),
    "NOT_AMENDABLE": Entry(422, "The order cannot be changed like that"),
    "ORDER_NOT_SUBMITTABLE": Entry(409, "The venue has not answered yet", headers=_RETRY),
    "CLIENT_ORDER_ID_TAKEN": Entry(409, "Another order of the portfolio has this client order id"),
    "PLAN_CHANGED": Entry(409, "Another plan would be made by now"),
    "PLAN_REFUSED": Entry(422, "The risk gate refuses an order of the plan"),
    "TRADING_HALTED": Entry(409, "Trading is halted"),
    "TRADING_REDUCING": Entry(409, "Only what makes a position smaller is sent"),
    "INVALID_LIMIT": Entry(422, "There is no such limit, or it cannot be that"),
    "PRECONDITION_FAILED": Entry(412, "It was changed since you saw it"),
    "INVALID_VALUE": Entry(422, "A value is not what it is meant to be"),
    "INVALID_TICKET": Entry(422, "The order contradicts itself"),
    "INVALID_TRANSFER": Entry(422, "The transfer makes no sense"),
    "INSUFFICIENT_FUNDS": Entry(422, "More would leave than is free"),
    "CURRENCY_MISMATCH": Entry(422, "Two currencies met in one sum"),
    "NO_REFERENCE_PRICE": Entry(422, "No price of the symbol is known"),
    "NO_CHECKPOINT": Entry(409, "It is under no signed checkpoint yet", headers=_RETRY),
    "BOT_STOPPED": Entry(409, "The bot is stopped"),
    "BAR_ALREADY_DECIDED": Entry(409, "The bot has decided on this bar"),
    "BOT_LEASED_ELSEWHERE": Entry(409, "Another process runs the bot"),
    "PORTFOLIO_IN_USE": Entry(409, "Something else trades in the portfolio"),
    "NO_PARITY": Entry(409, "The bars the bot saw are not stored"),
    "UNKNOWN_STRATEGY": Entry(422, "There is no such strategy"),
    "STRATEGY_NAME_TAKEN": Entry(409, "Another strategy has this name"),
    "STRATEGY_ANSWER": Entry(422, "A strategy gave something that is no answer"),
    "INVALID_PARAMETER": Entry(422, "A parameter is not what it is meant to be"),
    "CONFLICTING_BAR": Entry(409, "A stored bar has other values"),
    "BAD_BARS": Entry(422, "The bars cannot be read"),
    "BAD_MOODS": Entry(422, "The sentiment cannot be read"),
    "UNKNOWN_SAMPLE": Entry(422, "There is no such sample"),
    "NOT_PARKED": Entry(409, "Nobody waits for a decision about the event"),
    "NOT_REPLAYABLE": Entry(409, "The subscription takes no event a second time"),
    "INVALID_BACKTEST": Entry(422, "The backtest cannot be run"),
    "UNKNOWN_BACKTEST": Entry(404, "There is no such backtest"),
    "BAD_SERIES": Entry(422, "The bars of a series are wrong"),
    "MISSING_BARS": Entry(422, "There are holes in the bars"),
    "STRATEGY_NOT_REPEATABLE": Entry(422, "The strategy does not repeat its answers"),
    "BAD_QUESTION": Entry(422, "The question is not what it is meant to be"),
    "UNANSWERABLE": Entry(422, "The log does not hold what an answer needs"),
    "DOMAIN_ERROR": Entry(422, "A rule of trading said no"),
    "APPLICATION_ERROR": Entry(422, "The request cannot be served as it stands"),
    # The program and what it stands on. Why, is in the log.
    "DATABASE_UNAVAILABLE": Entry(
        503,
        "The database does not answer",
        said="the database did not do it; nothing was written, and trying again may help",
        headers=_RETRY,
    ),
    "DATABASE_REFUSED": Entry(
        500,
        "The database refused what it was given",
        said="the database refused it; nothing was written, and trying again will not help",
    ),
    "OUTCOME_UNKNOWN": Entry(
        503,
        "It may or may not have been written",
        said="the connection to the database broke; ask again with the same Idempotency-Key",
        headers=_RETRY,
    ),
    "LATCH": Entry(
        503,
        "The latch cannot be put back",
        said="the file that halts trading cannot be taken away; trading stays halted",
        headers=_RETRY,
    ),
    "VENUE_UNAVAILABLE": Entry(
        503,
        "The venue does not answer",
        said="the venue does not answer; nothing was changed",
        headers=_RETRY,
    ),
    "FEED_UNAVAILABLE": Entry(
        503,
        "The source of prices does not answer",
        said="the source of prices does not answer; nothing was changed",
        headers=_RETRY,
    ),
    "HOST_NOT_ALLOWED": Entry(
        500, "The server may not call that host", said="the server is not set up"
    ),
    "NOT_DELIVERED": Entry(
        503,
        "Somebody outside could not be told",
        said="somebody outside the program could not be told; it is tried again",
        headers=_RETRY,
    ),
    "OVERLOADED": Entry(
        503,
        "Too much is waiting already",
        said="too much is waiting already; nothing was written, try again later",
        headers=_RETRY,
    ),
    "CLOSED": Entry(
        503,
        "The server is shutting down",
        said="the server is shutting down; nothing was written",
        headers=_RETRY,
    ),
    "NOT_READY": Entry(503, "A part of the program is not fit for work", headers=_RETRY),
    "EXTERNAL_ERROR": Entry(
        503,
        "Something outside the program failed",
        said="something outside the program failed; trying again may help",
        headers=_RETRY,
    ),
    "CORRUPT_HISTORY": Entry(
        500,
        "Recorded history contradicts itself",
        said="recorded history contradicts itself; an operator has to look at it",
    ),
    "SEAL_REFUSED": Entry(
        500,
        "The log is not sealed",
        said="an event is not what it claims, so it is not sealed; an operator has to look at it",
    ),
    "ROLLBACK_DETECTED": Entry(
        500,
        "The log was set back",
        said="the log does not continue what was published of it; an operator has to look at it",
    ),
    "TREE_DAMAGED": Entry(
        500,
        "The log's tree is damaged",
        said="a part of the log's tree is missing; an operator has to look at it",
    ),
    "ANCHOR_DAMAGED": Entry(
        500,
        "The anchor file is damaged",
        said="the file with published checkpoints is damaged; an operator has to look at it",
    ),
    "ANCHOR_FILE": Entry(
        503,
        "A checkpoint cannot be published",
        said="the file with published checkpoints cannot be used; an operator has to look at it",
        headers=_RETRY,
    ),
    "BAD_NOTE": Entry(422, "The note is not signed as it should be"),
    **dict.fromkeys(_OPERATORS_OWN, _NOT_SET_UP),
    "TRADERBOT_ERROR": Entry(500, "The server failed", said="the server failed"),
    "INTERNAL_ERROR": Entry(
        500,
        "The server failed",
        said="the server failed; tell an operator the request id",
    ),
}

_OF_STATUS: Final = {
    400: "BAD_REQUEST",
    401: "NOT_AUTHENTICATED",
    403: "NOT_ALLOWED",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "BODY_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    422: "VALIDATION_ERROR",
    429: "RATE_LIMITED",
}


class ApiError(HTTPException):
    """The request is at fault before anything is asked of the application.

    An HTTPException, because FastAPI lets only those out of the reading of a body.
    """

    def __init__(
        self, code: str, message: str | None = None, details: Sequence[FailureDetail] = ()
    ) -> None:
        entry = TABLE[code]
        super().__init__(entry.status, message or entry.said or entry.title.lower())
        self.code = code
        self.details = tuple(details)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands for a body that could not be read; no schema accepts it.

    FastAPI reads the body before it asks who calls. With this in its place a stranger hears 401
    first, and only somebody known hears what was wrong with the body.
    """

    code: str
    message: str


NOT_JSON: Final = Unreadable(
    "UNSUPPORTED_MEDIA_TYPE", "send application/json in UTF-8, not compressed"
)


def entry_of(error: TraderbotError) -> Entry:
    """Return the table's entry; a class of somebody else's is treated as its nearest known base."""
    for kind in type(error).__mro__:
        entry = TABLE.get(getattr(kind, "code", ""))
        if entry is not None:
            return entry
    return TABLE["INTERNAL_ERROR"]


def printable(text: str, longest: int = _MAX_MESSAGE) -> str:
    """Return `text` on one line, cut, with a question mark for all that does not print."""
    cut = text if len(text) <= longest else text[: longest - 1] + "…"
    return "".join(character if character.isprintable() else "?" for character in cut)


def answer(
    frame: Frame,
    code: str,
    message: str,
    *,
    entry: Entry | None = None,
    details: Sequence[FailureDetail] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the failure in the form the caller asked for."""
    entry = entry or TABLE[code]
    said = printable(message)
    listed = [
        FailureDetail(field=printable(each.field, _MAX_FIELD), message=printable(each.message))
        for each in details[:_MAX_DETAILS]
    ] or None
    if frame.wants_problem:
        problem = Problem(
            type=f"urn:problem-type:traderbot:{code}",
            title=entry.title,
            status=entry.status,
            detail=said,
            instance=f"urn:uuid:{frame.request_id}",
            code=code,
            request_id=frame.request_id,
            timestamp=frame.now(),
            errors=listed,
        )
        content, media_type = problem.model_dump(mode="json", exclude_none=True), PROBLEM
    else:
        failure = Failure(
            code=code,
            message=said,
            timestamp=frame.now(),
            request_id=frame.request_id,
            details=listed,
        )
        envelope = FailureEnvelope(error=failure)
        content = envelope.model_dump(mode="json", exclude_none=True)
        media_type = "application/json"
    return Response(
        json.dumps(content, ensure_ascii=False),
        status_code=entry.status,
        headers={**entry.headers, **(headers or {})},
        media_type=media_type,
    )


async def on_our_error(request: Request, error: Exception) -> Response:
    """Answer for an error that this program raises on purpose."""
    assert isinstance(error, TraderbotError)  # noqa: S101 - what it is registered for
    entry, frame = entry_of(error), frame_of(request.scope)
    if entry.status >= 500:  # noqa: PLR2004 - the class of failures that are ours
        _log.error("request %s: %s: %s", frame.request_id, error.code, error)
    # Never the id: a missing thing and somebody else's must not differ in one character.
    message = f"there is no such {error.what}" if isinstance(error, NotFoundError) else str(error)
    return answer(frame, error.code, entry.said or message, entry=entry)


async def on_http_error(request: Request, error: Exception) -> Response:
    """Answer for what the framework or a dependency refused."""
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    frame = frame_of(request.scope)
    if isinstance(error, ApiError):
        return answer(frame, error.code, error.detail, details=error.details)
    code = _OF_STATUS.get(error.status_code, "BAD_REQUEST")
    entry = TABLE[code]
    headers = dict(error.headers or {})
    if code == "METHOD_NOT_ALLOWED":
        headers = {"Allow": route_map_of(request).methods_at(request.scope["path"])}
    return answer(frame, code, entry.said or entry.title.lower(), headers=headers)


async def on_invalid(request: Request, error: Exception) -> Response:
    """Answer for a body, a query, a header or a path that breaks its schema."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what it is registered for
    frame = frame_of(request.scope)
    found = error.errors()
    body = error.body
    for each in found:
        if tuple(each["loc"]) == ("header", "Idempotency-Key"):
            fault = "MISSING" if each["type"] == "missing" else "INVALID"
            code = f"IDEMPOTENCY_KEY_{fault}"
            return answer(frame, code, f"{TABLE[code].title}: {_KEY_FORM}")
    if isinstance(body, bytes):  # FastAPI's way to say that it was not declared as JSON
        body = NOT_JSON
    if isinstance(body, Unreadable):
        return answer(frame, body.code, body.message)
    details = [
        FailureDetail(field=".".join(str(part) for part in each["loc"]), message=str(each["msg"]))
        for each in found
    ]
    return answer(frame, "VALIDATION_ERROR", _summary(details), details=details)


_KEY_FORM: Final = "1 to 255 printable ASCII characters without blanks, another for each wish"


def _summary(details: Sequence[FailureDetail]) -> str:
    if not details:
        return "a value is not what it is meant to be"
    first, more = details[0], len(details) - 1
    return f"{first.field}: {first.message}" + (f" (and {more} more)" if more else "")
