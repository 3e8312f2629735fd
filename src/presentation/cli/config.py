"""`traderbot config …`."""

from __future__ import annotations

from traderbot.presentation.cli.errors import ExitCode
from traderbot.presentation.cli.parts import Table
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import Verbs

verbs = Verbs()


@verbs.verb("show", example="traderbot config show")
def show(session: Session) -> None:
    """Show every setting in use and where it comes from. Secrets are masked."""
    lines = session.doors.settings()
    rows = [(each.name, each.value, each.origin) for each in lines]
    session.answer({"items": lines}, Table(("variable", "value", "from"), rows))


@verbs.verb("check", example="traderbot config check && traderbot serve")
def check(session: Session) -> int:
    """List everything in the settings that would keep the program from starting."""
    problems = session.doors.setting_problems()
    document = {"ok": not problems, "problems": problems}
    if not problems:
        session.answer(document, "the configuration can be used")
        return ExitCode.DONE
    rows = [(each.name, each.message, each.remedy) for each in problems]
    session.answer(document, Table(("variable", "problem", "remedy"), rows))
    return ExitCode.NO
