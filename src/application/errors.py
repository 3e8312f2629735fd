"""What the program can say beyond the rules of trading: not found, moved on, not now, unknown."""

from __future__ import annotations

from typing import ClassVar

from traderbot.domain.shared.errors import TraderbotError


class ApplicationError(TraderbotError):
    """The request cannot be served as it stands. Nothing was written."""

    code: ClassVar[str] = "APPLICATION_ERROR"


class NotFoundError(ApplicationError):
    """There is no such thing, or it belongs to somebody else; the answer is the same."""

    code: ClassVar[str] = "NOT_FOUND"

    def __init__(self, what: str, id_: str) -> None:
        super().__init__(f"there is no {what} {id_}")
        self.what = what
        self.id = id_


class StaleAggregateError(ApplicationError):
    """Another writer moved the same thing on first, again and again. Try again."""

    code: ClassVar[str] = "CONFLICT"


class NotAllowedError(ApplicationError):
    """The caller is known and may not do this."""

    code: ClassVar[str] = "NOT_ALLOWED"


class EmailTakenError(ApplicationError):
    """Another user has this address."""

    code: ClassVar[str] = "EMAIL_TAKEN"


class WrongCredentialsError(ApplicationError):
    """The address and the password do not belong together; it does not say which is wrong."""

    code: ClassVar[str] = "WRONG_CREDENTIALS"


class NoReferencePriceError(ApplicationError):
    """A market order cannot be measured: no price of its symbol is known."""

    code: ClassVar[str] = "NO_REFERENCE_PRICE"


class NoCheckpointError(ApplicationError):
    """Nothing fitting is under a signed checkpoint yet."""

    code: ClassVar[str] = "NO_CHECKPOINT"


class IdempotencyKeyReusedError(ApplicationError):
    """The key was used before, for something else."""

    code: ClassVar[str] = "IDEMPOTENCY_KEY_REUSED"


class ExternalError(TraderbotError):
    """Something outside the program failed."""

    code: ClassVar[str] = "EXTERNAL_ERROR"
    retry_may_help: ClassVar[bool] = True


class DatabaseUnavailableError(ExternalError):
    """The database did not do it. Nothing was written; trying again may help."""

    code: ClassVar[str] = "DATABASE_UNAVAILABLE"


class DatabaseRefusedError(ExternalError):
    """The database refused what it was given. Nothing was written; trying again will not help."""

    code: ClassVar[str] = "DATABASE_REFUSED"
    retry_may_help: ClassVar[bool] = False


class OutcomeUnknownError(ExternalError):
    """The connection broke while committing. It may be written: ask again with the same key."""

    code: ClassVar[str] = "OUTCOME_UNKNOWN"


class VenueUnavailableError(ExternalError):
    """The venue did not answer, or not in words that can be read. Nothing follows from it."""

    code: ClassVar[str] = "VENUE_UNAVAILABLE"


class FeedUnavailableError(ExternalError):
    """A source of bars or quotes cannot be asked now. What it told before stays true."""

    code: ClassVar[str] = "FEED_UNAVAILABLE"


class LatchError(ExternalError):
    """The file that halts trading cannot be taken away; trading stays halted."""

    code: ClassVar[str] = "LATCH"


class NotDeliveredError(ExternalError):
    """Somebody outside was to be told, and was not; trying again may help."""

    code: ClassVar[str] = "NOT_DELIVERED"


class OverloadedError(ExternalError):
    """More commands wait than the writer may hold. Nothing was written."""

    code: ClassVar[str] = "OVERLOADED"


class ClosedError(ApplicationError):
    """The application was closed. Nothing was written."""

    code: ClassVar[str] = "CLOSED"
