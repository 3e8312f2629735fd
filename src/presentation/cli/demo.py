"""`traderbot demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from traderbot.presentation.cli.errors import ExitCode
from traderbot.presentation.cli.parameters import Option
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import Verbs

verbs = Verbs()


@verbs.verb("demo", example="traderbot demo")
def demo(
    session: Session,
    *,
    database: Annotated[
        Path | None,
        Option("Where to keep it; by default a new file each time.", "FILE"),
    ] = None,
) -> int:
    """Trade real bars on paper, offline, and prove what happened."""
    with session.progress("trading twelve years of daily bars") as on_progress:
        report = session.doors.demo(database, on_progress)
    session.answer({**report.as_json, "database": report.database}, *report.lines)
    session.say(
        f"""
go on with:
  traderbot audit verify --database {report.database}
  traderbot order list --database {report.database}
  traderbot portfolio show --database {report.database}"""
    )
    return ExitCode.DONE if report.ok else ExitCode.NO
