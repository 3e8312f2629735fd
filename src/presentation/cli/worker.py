"""`traderbot worker`."""

from __future__ import annotations

from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import Database, Verbs

verbs = Verbs()


@verbs.verb("worker", example="traderbot worker")
def worker(session: Session, *, database: Database = None) -> None:
    """Seal, sign and publish the log until Ctrl-C; what is left is finished first.

    `traderbot serve` does the same beside the REST API, so run this where that does not run.
    """

    def ready(name: str, anchors: str) -> None:
        session.answer(
            {"database": name, "anchors": anchors},
            f"sealing the log of {name}; checkpoints are published in {anchors}",
        )

    session.doors.work(database, ready)
