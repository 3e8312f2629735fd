"""`traderbot doctor`."""

from __future__ import annotations

from traderbot.presentation.cli.errors import ExitCode
from traderbot.presentation.cli.parts import Table
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import Database, Verbs

verbs = Verbs()


@verbs.verb("doctor", example="traderbot doctor --json")
def doctor(session: Session, *, database: Database = None) -> int:
    """Look at everything the program stands on. The exit code is 1 if anything is not well."""
    checks = session.doors.doctor(database)
    well = all(check.ok for check in checks)
    rows = [("ok" if check.ok else "NOT OK", check.name, check.message) for check in checks]
    session.answer({"ok": well, "checks": checks}, Table(("", "check", "finding"), rows))
    return ExitCode.DONE if well else ExitCode.NO
