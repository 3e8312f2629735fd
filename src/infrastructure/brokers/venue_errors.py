"""What a failed call means: the venue's refusal, its ignorance, silence, or nothing at all.

The answer that came back decides; the class of the exception only adds to it. A class alone never
makes a refusal, for the libraries raise the same one for a broken answer. Everything that is not
certain is UNKNOWN.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, auto
from http import HTTPStatus
from typing import Final

from traderbot.application.ports.venue import Absent, Denied, NotSent, Unclear
from traderbot.infrastructure.brokers.evidence import Evidence

RAW_LENGTH: Final = 4096


class Meaning(Enum):
    """What follows from a failed call."""

    REFUSED = auto()  # the venue will not do it
    ABSENT = auto()  # the venue has no such order
    DUPLICATE = auto()  # the venue has an order of that name
    DEFERRED = auto()  # the venue did nothing, and may do it later
    NOT_SENT = auto()  # it never left
    UNKNOWN = auto()


# Every class of ccxt's tree: what it means when the venue has clearly said it.
CCXT: Final[Mapping[str, Meaning]] = {
    "BaseError": Meaning.UNKNOWN,
    "ExchangeError": Meaning.REFUSED,
    "AuthenticationError": Meaning.REFUSED,
    "PermissionDenied": Meaning.REFUSED,
    "AccountNotEnabled": Meaning.REFUSED,
    "AccountSuspended": Meaning.REFUSED,
    "ArgumentsRequired": Meaning.REFUSED,
    "BadRequest": Meaning.REFUSED,
    "BadSymbol": Meaning.REFUSED,
    "OperationRejected": Meaning.REFUSED,
    "NoChange": Meaning.REFUSED,
    "MarginModeAlreadySet": Meaning.REFUSED,
    "MarketClosed": Meaning.REFUSED,
    "ManualInteractionNeeded": Meaning.REFUSED,
    "RestrictedLocation": Meaning.REFUSED,
    "InsufficientFunds": Meaning.REFUSED,
    "InvalidAddress": Meaning.REFUSED,
    "AddressPending": Meaning.REFUSED,
    "InvalidOrder": Meaning.REFUSED,
    "OrderNotFound": Meaning.ABSENT,
    "OrderNotCached": Meaning.UNKNOWN,
    "OrderImmediatelyFillable": Meaning.REFUSED,
    "OrderNotFillable": Meaning.REFUSED,
    "DuplicateOrderId": Meaning.DUPLICATE,
    "ContractUnavailable": Meaning.REFUSED,
    "NotSupported": Meaning.REFUSED,
    "InvalidProxySettings": Meaning.REFUSED,
    "ExchangeClosedByUser": Meaning.UNKNOWN,
    "OperationFailed": Meaning.UNKNOWN,
    "NetworkError": Meaning.UNKNOWN,
    "DDoSProtection": Meaning.DEFERRED,
    "RateLimitExceeded": Meaning.DEFERRED,
    "ExchangeNotAvailable": Meaning.UNKNOWN,
    "OnMaintenance": Meaning.UNKNOWN,
    "InvalidNonce": Meaning.DEFERRED,  # our clock is off: it was not even looked at
    "ChecksumError": Meaning.UNKNOWN,
    "RequestTimeout": Meaning.UNKNOWN,
    "BadResponse": Meaning.UNKNOWN,
    "NullResponse": Meaning.UNKNOWN,
    "CancelPending": Meaning.UNKNOWN,
    "UnsubscribeError": Meaning.UNKNOWN,
}
# alpaca-py has two of its own; everything else comes from the libraries below it.
ALPACA: Final[Mapping[str, Meaning]] = {
    "APIError": Meaning.REFUSED,
    "RetryException": Meaning.UNKNOWN,
}
# Binance's codes for "it may have happened", whatever status they come with.
_MAY_HAVE_HAPPENED: Final = frozenset({"-1000", "-1001", "-1004", "-1006", "-1007", "-1008"})
_TOO_MANY: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.IM_A_TEAPOT})
_AMBIGUOUS: Final = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.LOCKED, HTTPStatus.TOO_EARLY}
)
_DUPLICATE: Final = re.compile(r"duplicate|must be unique|already exists", re.IGNORECASE)
_CODES: Final = {
    HTTPStatus.UNAUTHORIZED: "VENUE_UNAUTHORIZED",
    HTTPStatus.FORBIDDEN: "VENUE_FORBIDDEN",
}


def by_class(error: BaseException, classes: Mapping[str, Meaning]) -> Meaning:
    """Return what a table says of an exception, or of the nearest class above it."""
    for kind in type(error).__mro__:
        if kind.__name__ in classes:
            return classes[kind.__name__]
    return Meaning.UNKNOWN


def meaning_of(evidence: Evidence, class_says: Meaning) -> Meaning:
    """Return what a failed call means.

    Args:
        evidence: what left, and what came back.
        class_says: what the exception's class would mean if the venue had clearly said so.
    """
    if not evidence.begun:
        ours = not evidence.tried and class_says is Meaning.REFUSED
        return Meaning.REFUSED if ours else Meaning.NOT_SENT
    if evidence.status in _TOO_MANY:
        return Meaning.DEFERRED
    problem = evidence.problem()
    if problem is None or problem[0] in _MAY_HAVE_HAPPENED:
        return Meaning.UNKNOWN
    in_words = evidence.status == HTTPStatus.OK and evidence.refuses_in_words
    if not in_words and not _refuses(evidence.status):
        return Meaning.UNKNOWN
    if evidence.status == HTTPStatus.UNAUTHORIZED:
        return Meaning.REFUSED  # ccxt takes a key that was good once for a ban that will pass
    return Meaning.DUPLICATE if _DUPLICATE.search(problem[1]) else class_says


def _refuses(status: int | None) -> bool:
    if status is None or status in _AMBIGUOUS:
        return False
    return HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR


def denied(evidence: Evidence, words: str = "") -> Denied:
    """Return the venue's refusal in its own words, or ours if nothing was sent."""
    problem = evidence.problem()
    if not evidence.begun or problem is None:
        return Denied(code="INVALID_ORDER", reason=words or "it cannot be sent", raw="")
    code = "VENUE_REJECTED"
    if evidence.status is not None and evidence.status in _CODES:
        code = _CODES[HTTPStatus(evidence.status)]
    return Denied(code=code, reason=problem[1][:500], raw=evidence.text[:RAW_LENGTH])


def absent(evidence: Evidence) -> Absent:
    """Return that the venue has no such order."""
    return Absent(raw=evidence.text[:RAW_LENGTH])


def not_sent(evidence: Evidence, why: str) -> NotSent:
    """Return that nothing happened, and when to try again."""
    problem = evidence.problem()
    reason = problem[1][:500] if problem is not None else why
    return NotSent(reason=reason, retry_after_seconds=evidence.retry_after_seconds)


def unclear(evidence: Evidence, why: str) -> Unclear:
    """Return that nobody knows."""
    status = "" if evidence.status is None else f" (status {evidence.status})"
    return Unclear(
        cause=f"{why}{status}"[:500],
        raw=evidence.text[:RAW_LENGTH],
        retry_after_seconds=evidence.retry_after_seconds,
    )
