"""What becomes of an error: one sentence with the next step, one JSON envelope, one exit code."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, ClassVar

from traderbot.application.errors import ApplicationError, ClosedError
from traderbot.domain.shared.errors import DomainError, InvalidValueError, TraderbotError
from traderbot.presentation.cli.plain import plain_data, printable


class ExitCode(IntEnum):
    """What scripts may rely on."""

    DONE = 0
    NO = 1  # it ran, and the answer is no: findings, refused, different, not there
    COULD_NOT_RUN = 2  # usage, configuration, connection
    INTERRUPTED = 130  # as shells count a Ctrl-C


class CannotRunError(TraderbotError):
    """A verb cannot do its work as things are. The message ends with the next step."""

    code: ClassVar[str] = "CANNOT_RUN"


class DatabaseMissingError(CannotRunError):
    """There is no database where one was expected."""

    code: ClassVar[str] = "DATABASE_MISSING"


class SchemaNotNewestError(CannotRunError):
    """The database needs a migration first."""

    code: ClassVar[str] = "SCHEMA_NOT_NEWEST"


class UsageError(CannotRunError):
    """The words on the command line make no sense together."""

    code: ClassVar[str] = "USAGE"


INTERNAL_ERROR = "INTERNAL_ERROR"

# The next step, for errors whose message does not name one itself.
_NEXT_STEPS = {
    "NOT_FOUND": "the `list` or `status` verb of the same noun shows what there is",
    "DATABASE_UNAVAILABLE": "check the database's name, or run: traderbot doctor",
    "OUTCOME_UNKNOWN": "it may be done: look first, or repeat it with the same --key",
    "CANNOT_LISTEN": "choose another --host or --port",
    "OVERLOADED": "try again in a moment",
    "CONFLICT": "try again",
    "CORRUPT_HISTORY": "stop trading and run: traderbot audit verify",
    "TREE_DAMAGED": "stop trading and run: traderbot audit verify",
    "CONFIGURATION": "see every problem with: traderbot config check",
    "EMAIL_TAKEN": "see who is there with: traderbot user list",
    "TRADING_HALTED": "see why with: traderbot risk status",
    "TRADING_REDUCING": "see why with: traderbot risk status",
    "INVALID_LIMIT": "see them all with: traderbot risk limits",
    "NO_CHECKPOINT": "seal and sign what there is with: traderbot audit anchor",
    "NO_REFERENCE_PRICE": "import bars with `traderbot data import`, or give --limit-price",
    "IDEMPOTENCY_KEY_REUSED": "choose another --key",
    "INSUFFICIENT_FUNDS": "see what is free with: traderbot portfolio show",
    "NOT_PARKED": "see what is: traderbot events parked list",
    "BAD_CURSOR": "use the next_cursor of the page before",
    "BAD_BARS": "correct these lines and import the file again",
    INTERNAL_ERROR: "this is a fault of the program; run it again with --debug and report it",
}


def exit_code(error: BaseException) -> ExitCode:
    """Return how the process ends after an error."""
    wrong_input = isinstance(error, InvalidValueError) or code_of(error) in {
        "INVALID_TICKET",
        "INVALID_TRANSFER",
        "INVALID_LIMIT",
        "BAD_CURSOR",
        "NAIVE_TIME",
        "STRATEGY_FILE",
        "STRATEGY_PLUGIN",
    }
    if wrong_input or isinstance(error, ClosedError):
        return ExitCode.COULD_NOT_RUN
    if isinstance(error, DomainError | ApplicationError):
        return ExitCode.NO
    return ExitCode.COULD_NOT_RUN


def code_of(error: BaseException) -> str:
    """Return the stable code of an error."""
    if isinstance(error, TraderbotError):
        return error.code
    return "FILE" if isinstance(error, OSError) else INTERNAL_ERROR


def message_of(error: BaseException) -> str:
    """Return what happened, without the next step."""
    if isinstance(error, TraderbotError):
        return printable(str(error), keep="\n")
    if isinstance(error, OSError):
        where = f"{os.fspath(error.filename)}: " if error.filename is not None else ""
        return printable(f"{where}{error.strerror or error}")
    return printable(f"{type(error).__name__}: {error}")


def sentence(error: BaseException) -> str:
    """Return what happened and what to do about it."""
    message, step = message_of(error), _NEXT_STEPS.get(code_of(error))
    if step is None:
        return message
    return f"{message}\n{step}" if "\n" in message else f"{message.rstrip('.')}; {step}"


def envelope(error: BaseException) -> Mapping[str, Any]:
    """Return the error as programs read it: the envelope of the REST API."""
    body: dict[str, Any] = {
        "code": code_of(error),
        "message": message_of(error),
        "timestamp": datetime.now(UTC),
    }
    step = _NEXT_STEPS.get(body["code"])
    if step is not None:
        body["next_step"] = step
    if isinstance(error, TraderbotError):
        details = {name: plain_data(value) for name, value in vars(error).items() if name[0] != "_"}
        if details:
            body["details"] = details
    return {"success": False, "error": body}
