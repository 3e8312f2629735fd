"""`traderbot version`."""

from __future__ import annotations

import platform

from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import Verbs

verbs = Verbs()


@verbs.verb("version", example="traderbot version --json")
def version(session: Session) -> None:
    """Say which version this is, and on which Python it runs."""
    number, python = session.doors.version(), platform.python_version()
    document = {"version": number, "python": python, "platform": platform.platform()}
    session.answer(document, f"traderbot {number} (Python {python})")
