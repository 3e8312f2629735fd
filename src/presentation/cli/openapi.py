"""`traderbot openapi`."""

from __future__ import annotations

from traderbot.presentation.cli.plain import as_json
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import Verbs

verbs = Verbs()


@verbs.verb("openapi", example="traderbot openapi > openapi.json")
def openapi(session: Session) -> None:
    """Print the schema of the REST API, with or without --json; nothing is opened for it."""
    schema = session.doors.openapi()
    session.answer(schema, as_json(schema))
