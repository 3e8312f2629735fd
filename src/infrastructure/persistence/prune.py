"""Forgetting old idempotency keys: what they answered is in the log, only asking again is lost."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Engine, bindparam, text
from sqlalchemy.exc import SQLAlchemyError

from traderbot.application.errors import DatabaseUnavailableError
from traderbot.infrastructure.persistence.types import UtcInstant

# Few enough that whoever records orders meanwhile waits for milliseconds.
_PORTION: Final = 2_000
_OLD: Final = (
    "SELECT {row} FROM idempotency WHERE created_at < :before AND NOT "
    # A bot that starts again is fed its bars from the first, and each key gives the decision back.
    "(scope LIKE 'bot:%' AND substr(scope, 5) IN "
    "(SELECT bot_run_id FROM bot_runs WHERE status <> 'stopped')) LIMIT :portion"
)
_DELETE: Final = {
    "sqlite": f"DELETE FROM idempotency WHERE rowid IN ({_OLD.format(row='rowid')})",  # noqa: S608 - our own names
    "postgresql": f"DELETE FROM idempotency WHERE ctid = ANY (ARRAY ({_OLD.format(row='ctid')}))",  # noqa: S608 - our own names
}


def prune_answers(engine: Engine, before: datetime) -> int:
    """Delete what was answered before an instant, portion by portion; return how many.

    A key that is gone is a new key: the same request would be carried out again. Keys of bots
    that are still running stay.

    Raises:
        DatabaseUnavailableError: the database does not answer; what was deleted stays deleted.
    """
    statement = text(_DELETE[engine.dialect.name]).bindparams(
        bindparam("before", before, UtcInstant()), portion=_PORTION
    )
    deleted = 0
    try:
        while True:
            with engine.begin() as connection:
                count = connection.execute(statement).rowcount
            deleted += count
            if count < _PORTION:
                return deleted
    except SQLAlchemyError as error:
        msg = f"the database stopped answering; {deleted} were deleted before"
        raise DatabaseUnavailableError(msg) from error
