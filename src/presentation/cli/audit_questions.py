"""`traderbot audit tail` and `why-not`: what happened, and what did not."""
# ruff: noqa: PLC0415 - `--help` must not pay for what the verbs import

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Annotated

from traderbot.presentation.cli.errors import UsageError
from traderbot.presentation.cli.parameters import Argument, Option
from traderbot.presentation.cli.plain import instant_of, moment, plain_data, printable
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import About, Database, Verbs

if TYPE_CHECKING:
    from traderbot.application.ports.audit import LogEntry

verbs = Verbs()

_POLL_SECONDS = 0.2
_LAST = 2**53


@verbs.verb("tail", example="traderbot audit tail --from 0 --follow --json")
def tail(
    session: Session,
    *,
    start: Annotated[
        int | None,
        Option(
            "The first index; by default that of the tenth newest event.",
            "INDEX",
            "--from",
            least=0,
            most=_LAST,
        ),
    ] = None,
    follow: Annotated[bool, Option("Go on with what is sealed from now on, until Ctrl-C.")] = False,
    database: Database = None,
) -> None:
    """Print sealed events, one line each; with --json one JSON object a line."""
    with session.doors.application(database) as application:
        entries = application.audit.tail(start)
        index = start or 0
        while entries or follow:
            for each in entries:
                sys.stdout.write(_line(each, as_json=session.json) + "\n")
                index = each.log_index + 1
            sys.stdout.flush()  # now, while a reader that went away can still be noticed
            if not entries:
                time.sleep(_POLL_SECONDS)
            entries = application.audit.tail(index)


@verbs.verb(
    "why-not",
    example="traderbot audit why-not 0192f0c1-7a3e-7b52-8c11-2f3d4e5a6b7c "
    "--at 2026-11-20T00:00:00Z",
)
def why_not(
    session: Session,
    bot: Annotated[str, Argument("BOT", "The bot run's id.")],
    *,
    at: Annotated[str, Option("An instant in UTC; the bar it lies in is asked about.", "TIME")],
    user: About = None,
    database: Database = None,
) -> None:
    """Tell why a bot placed no order on a bar: its signal, rules, sizing, and the one reason."""
    from traderbot.domain.shared.ids import BotRunId, uuid_text
    from traderbot.presentation.cli.acting import asked_user
    from traderbot.presentation.cli.explanation import silence_tree

    moment_asked = instant_of(at)
    if moment_asked is None:
        raise UsageError(f"--at is an instant such as 2026-11-21T12:00:00Z, not {at!r:.60}")
    id_ = BotRunId(uuid_text(bot.lower()))
    with session.doors.application(database) as application:
        found = application.audit.why_not(id_, moment_asked, asked_user(application, user))
    session.answer(found, silence_tree(found))


def _line(entry: LogEntry, *, as_json: bool) -> str:
    if as_json:
        return json.dumps(plain_data(entry), separators=(",", ":"), allow_nan=False)
    data = json.dumps(plain_data(entry.data), separators=(",", ":"))
    return printable(
        f"{entry.log_index} {moment(entry.recorded_at)} {entry.stream} v{entry.version} "
        f"{entry.type} by {entry.actor} {data}"
    )
