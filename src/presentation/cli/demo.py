"""`traderbot demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from traderbot.presentation.cli.errors import ExitCode
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import noun, verb

app = noun()


@verb(app, "demo", example="traderbot demo")
def demo(
    session: Session,
    *,
    database: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to keep it; by default a new file each time."),
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
