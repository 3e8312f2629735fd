"""`traderbot init`."""

from __future__ import annotations

from traderbot.presentation.cli.parts import Facts
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import Database, Verbs

verbs = Verbs()

_NEXT = """
go on with:
  traderbot user add you@example.com
  traderbot portfolio create main --cash "100000 USD"
  traderbot data import --sample IBM
  traderbot order place buy 10 IBM
  traderbot serve"""


@verbs.verb("init", example="traderbot init")
def init(session: Session, *, database: Database = None) -> None:
    """Make the data folder, the secrets and the database; what is there already stays."""
    made = session.doors.initialise(database)
    facts = Facts(
        [
            ("data folder", made.data_folder),
            ("secret", made.secret),
            ("database", f"{made.database} ({'made' if made.created else 'was there already'})"),
            ("schema", made.schema),
        ]
    )
    session.answer(made, facts)
    session.say(_NEXT)
