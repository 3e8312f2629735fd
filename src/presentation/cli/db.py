"""`traderbot db …`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from traderbot.presentation.cli.errors import ExitCode
from traderbot.presentation.cli.parameters import Option
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import Database, Verbs

if TYPE_CHECKING:  # --help must not pay for it
    from traderbot.presentation.cli.doors import Schema

verbs = Verbs()


@verbs.verb("upgrade", example="traderbot db upgrade --database traderbot.db")
def upgrade(session: Session, *, database: Database = None) -> None:
    """Bring the database to the newest schema. Nothing happens if it has it already."""
    before = session.doors.upgrade(database)
    after = session.doors.schema(database)
    changed = before.current != after.current
    text = (
        f"{after.database}: from {before.current or 'nothing'} to {after.current}"
        if changed
        else f"{after.database}: at {after.current}, the newest"
    )
    session.answer({**_document(after), "from": before.current, "changed": changed}, text)


@verbs.verb("current", example="traderbot db current --json")
def current(session: Session, *, database: Database = None) -> int:
    """Say which schema the database has. The exit code is 1 if there is a newer one."""
    schema = session.doors.schema(database)
    session.answer(_document(schema), _sentence(schema))
    return ExitCode.DONE if schema.is_newest else ExitCode.NO


@verbs.verb("check", example="traderbot db check")
def check(session: Session, *, database: Database = None) -> int:
    """Compare the tables with what they should be. The exit code is 1 if they differ."""
    schema = session.doors.schema(database)
    differences = list(session.doors.schema_differences(database)) if schema.is_newest else []
    ok = schema.is_newest and not differences
    state = ", and its tables are as they should be" if ok else ""
    session.answer(
        {**_document(schema), "ok": ok, "differences": differences},
        _sentence(schema) + state,
        *differences,
    )
    return ExitCode.DONE if ok else ExitCode.NO


@verbs.verb("prune", example="traderbot db prune --idempotency-days 30")
def prune(
    session: Session,
    *,
    idempotency_days: Annotated[
        int, Option("Forget keys older than this.", "DAYS", least=1, most=36_500)
    ],
    database: Database = None,
) -> None:
    """Forget old idempotency keys. Events are never forgotten.

    A request that comes again with a forgotten key is carried out again, so keep them for longer
    than any caller retries. Keys of bots that are still running stay.
    """
    before = datetime.now(UTC) - timedelta(days=idempotency_days)
    count = session.doors.prune(database, before)
    session.answer(
        {"deleted": count, "before": before},
        f"{count} idempotency keys from before {before:%Y-%m-%d %H:%M} UTC are forgotten",
    )


def _document(schema: Schema) -> dict[str, object]:
    return {
        "database": schema.database,
        "current": schema.current,
        "newest": schema.newest,
        "is_newest": schema.is_newest,
    }


def _sentence(schema: Schema) -> str:
    if schema.is_newest:
        return f"{schema.database}: at {schema.current}, the newest"
    at = schema.current or "nothing"
    return f"{schema.database}: at {at}, needs {schema.newest}; run: traderbot db upgrade"
