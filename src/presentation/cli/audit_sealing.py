"""`traderbot audit anchor` and `audit epoch new`: what is sealed, and under which name."""
# ruff: noqa: PLC0415 - `--help` must not pay for what the verbs import

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from traderbot.presentation.cli.parameters import Option
from traderbot.presentation.cli.parts import Facts
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import Database, Verbs

if TYPE_CHECKING:
    from traderbot.application.ports.sealing import SealReport

verbs = Verbs()


@verbs.verb("anchor", example="traderbot audit anchor")
def anchor(session: Session, *, database: Database = None) -> None:
    """Seal what waits, sign the log as it is, and publish that in the anchor file."""
    with session.doors.application(database) as application:
        report = application.sealing().seal()
    session.answer(report, _facts(report), *_note(report))


@verbs.verb("epoch new", example='traderbot audit epoch new --reason "restored from last night"')
def epoch_new(
    session: Session,
    *,
    reason: Annotated[str, Option("Why; it is written into the log.", "TEXT")],
    database: Database = None,
) -> None:
    """Let a log go on that does not continue what was published of it, under a new name."""
    from traderbot.application.commands.operations import RecordEpoch
    from traderbot.presentation.cli.acting import origin

    with session.doors.application(database) as application:
        sealing = application.sealing()
        epoch = sealing.next_epoch()
        # First the fact, then the deed: what stops between them is done again the same way.
        application.executor.run(
            RecordEpoch(
                epoch=epoch.epoch,
                origin=epoch.origin,
                reason=reason,
                size=epoch.size,
                root=epoch.root,
                published_size=epoch.published_size,
                published_root=epoch.published_root,
            ),
            origin(),
        )
        sealing.start_epoch(epoch, reason.strip())
        report = sealing.seal()
    session.answer(
        {"before": epoch, "now": report},
        f"epoch {epoch.epoch} begins with {epoch.size} events; "
        f"{epoch.published_size} were published before it",
        _facts(report),
        *_note(report),
    )


def _facts(report: SealReport) -> Facts:
    return Facts(
        [
            ("sealed now", str(report.sealed)),
            ("size", str(report.size)),
            ("root", report.root),
            ("origin", report.origin),
            ("epoch", str(report.epoch)),
            ("published", f"{report.anchored_size} events, in {report.anchor}"),
            ("key", report.key),
        ]
    )


def _note(report: SealReport) -> list[str]:
    return ["", report.checkpoint.rstrip()] if report.checkpoint else []
