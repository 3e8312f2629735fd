"""`traderbot audit export` and `traderbot audit prove`: for people who need not trust this one."""
# ruff: noqa: PLC0415 - `--help` must not pay for what the verbs import

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from traderbot.presentation.cli.parameters import Argument, Option
from traderbot.presentation.cli.parts import Facts
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import About, Database, Verbs

if TYPE_CHECKING:
    from traderbot.application.ports.bundle import Bundles, Proof
    from traderbot.domain.shared.ids import UserId

verbs = Verbs()


@verbs.verb("export", example="traderbot audit export bundle")
def export(
    session: Session,
    folder: Annotated[Path, Argument("FOLDER", "Where to write it; it must be new or empty.")],
    *,
    database: Database = None,
) -> None:
    """Write the signed log into a folder that anybody can check without this program."""
    with (
        session.doors.application(database) as application,
        session.progress("exporting") as on_progress,
    ):
        report = application.bundles().export(folder, on_progress)
    facts = Facts(
        [
            ("events", str(report.events)),
            ("root", report.root),
            ("log", report.origin),
            ("anchors", str(report.anchors)),
            ("key", report.key),
        ]
    )
    session.answer(report, facts)
    if report.unsealed:
        session.say(
            f"{report.unsealed} newer events are under no checkpoint and not in it; "
            "sign them with: traderbot audit anchor"
        )
    if report.anchors_of_other_keys:
        session.say(
            f"{report.anchors_of_other_keys} checkpoints were published with another key and are "
            "not in it"
        )
    session.say(f"check it with: python {folder / 'verify.py'} {folder}")


@verbs.verb("prove", example="traderbot audit prove 0192f0c1-7a3e-7b52-8c11-2f3d4e5a6b7c")
def prove(
    session: Session,
    id_: Annotated[str, Argument("ORDER|EVENT", "The id of an order, or of one event.")],
    *,
    out: Annotated[
        Path | None, Option("A new file for the proof; by default it is printed.", "FILE")
    ] = None,
    user: About = None,
    database: Database = None,
) -> None:
    """Prove that an order, or one event, is in the signed log."""
    from traderbot.presentation.cli.acting import asked_user

    with session.doors.application(database) as application:
        proof = _proof(application.bundles(), id_, asked_user(application, user))
    if out is not None:
        with out.open("x", encoding="utf-8", newline="") as file:
            file.write(proof.text)
    said = (
        f"{proof.stream} v{proof.first_version} to v{proof.last_version}, the last at index "
        f"{proof.index} of {proof.size} events, root {proof.root}"
    )
    session.answer(proof, proof.text.removesuffix("\n") if out is None else said)
    if proof.left_out:
        session.say(
            f"{proof.left_out} newer events are under no checkpoint and not in it; "
            "sign them with: traderbot audit anchor"
        )


def _proof(bundles: Bundles, given: str, owner_id: UserId | None) -> Proof:
    from traderbot.application.errors import NotFoundError
    from traderbot.presentation.cli.acting import order_id

    id_ = order_id(given)  # events are named by ids of the same form
    try:
        return bundles.prove_order(id_, owner_id)
    except NotFoundError:
        pass
    try:
        return bundles.prove_event(id_, owner_id)
    except NotFoundError as error:
        raise NotFoundError("order or event", id_) from error
