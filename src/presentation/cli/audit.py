"""`traderbot audit …`."""
# ruff: noqa: PLC0415 - `--help` must not pay for what the verbs import

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from traderbot.presentation.cli.errors import ExitCode, UsageError
from traderbot.presentation.cli.parameters import Argument, Option
from traderbot.presentation.cli.parts import Facts, Table
from traderbot.presentation.cli.plain import instant_of, moment
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import About, Database, Verbs

if TYPE_CHECKING:
    from traderbot.application.ports.audit import Cut, Difference

verbs = Verbs()

_LAST = 2**53
_SHOWN = 500  # rows; --json has all of them
_DIFFERENCE = ("table", "key", "column", "stored", "computed", "last event")


@verbs.verb("verify", example="traderbot audit verify --json")
def verify(
    session: Session,
    *,
    start: Annotated[
        int,
        Option(
            "The first index to read; what is before it is trusted.",
            "N",
            "--from",
            least=0,
            most=2**53,
        ),
    ] = 0,
    since: Annotated[
        Path | None,
        Option("A signed checkpoint: read what follows it, and trust what it signs.", "FILE"),
    ] = None,
    anchors: Annotated[
        str | None, Option("The anchor file; by default the one of the settings.", "FILE")
    ] = None,
    key: Annotated[
        str | None,
        Option("The verifier key; by default that of the signing key in use.", "NAME+ID+KEY"),
    ] = None,
    database: Database = None,
) -> int:
    """Check every event, row and checkpoint against what was signed. Exit code 1 on findings."""
    from traderbot.application.ports.audit import VerifyScope
    from traderbot.presentation.cli.verification import verification

    if since is not None and start:
        raise UsageError("--from and --since both say where to begin; give one of them")
    note = None if since is None else since.read_text(encoding="utf-8", errors="replace")
    scope = VerifyScope(start=start, since=note, anchors=anchors, key=key)
    with (
        session.doors.application(database) as application,
        session.progress("verifying") as on_progress,
    ):
        report = application.audit.verify(on_progress, scope)
    session.answer({"ok": not report.findings, **_fields(report)}, *verification(report))
    return ExitCode.NO if report.findings else ExitCode.DONE


@verbs.verb("replay", example="traderbot audit replay --as-of 2026-11-21T12:00:00Z")
def replay(
    session: Session,
    *,
    as_of: Annotated[
        str | None,
        Option(
            "An instant in UTC, how many events, checkpoint:SIZE or a file with a signed "
            "checkpoint; by default everything.",
            "TIME|INDEX|CHECKPOINT",
        ),
    ] = None,
    by: Annotated[
        Literal["recorded", "occurred"],
        Option("Which time of an event decides: written, or business time.", "recorded|occurred"),
    ] = "recorded",
    no_snapshot: Annotated[
        bool, Option("Read the whole log, and leave no snapshot behind.")
    ] = False,
    user: About = None,
    database: Database = None,
) -> None:
    """Show the state of everything as the log made it at an instant, index or checkpoint."""
    from traderbot.presentation.cli.acting import asked_user

    asked = _as_of(as_of)
    if by == "occurred" and "at" not in asked:
        raise UsageError("--by occurred needs an instant: --as-of 2026-11-21T12:00:00Z")
    with (
        session.doors.application(database) as application,
        session.progress("replaying") as on_progress,
    ):
        owner = asked_user(application, user)
        cut = application.audit.cut(
            **asked, by_occurred=by == "occurred", snapshots=not no_snapshot
        )
        report = application.audit.replay(cut, owner, on_progress, snapshots=not no_snapshot)
    facts = Facts([*_cut(report.cut), ("fingerprint", report.fingerprint)])
    counts = f"{report.users} users, {report.bot_runs} bot runs"
    portfolios = [
        (
            each.portfolio_id,
            each.name,
            ", ".join(f"{cash.total} {cash.currency}" for cash in each.balances),
            ", ".join(f"{held.quantity} {held.symbol}" for held in each.positions if held.is_open),
        )
        for each in report.portfolios[:_SHOWN]
    ]
    orders = [
        (each.order_id, each.side, each.quantity, each.symbol, each.status, each.filled)
        for each in report.orders[:_SHOWN]
    ]
    session.answer(
        report,
        facts,
        counts,
        "",
        Table(("portfolio", "name", "cash", "holds"), portfolios, empty="no portfolios"),
        "",
        Table(
            ("order", "side", "quantity>", "symbol", "status", "filled>"),
            orders,
            empty="no orders",
        ),
        *_left_out("portfolios", len(report.portfolios)),
        *_left_out("orders", len(report.orders)),
    )


@verbs.verb("diff", example="traderbot audit diff")
def diff(session: Session, *, database: Database = None) -> int:
    """Compare every row with what the log makes of it. The exit code is 1 if any differs."""
    with (
        session.doors.application(database) as application,
        session.progress("comparing") as on_progress,
    ):
        report = application.audit.diff(on_progress)
    same = not report.differences and not report.ledger_imbalances
    summary = f"{report.rows} rows compared with {report.events} events: "
    if same:
        summary += "no difference, and the books balance"
    else:
        summary += (
            f"{len(report.differences)} differences, {len(report.ledger_imbalances)} imbalances"
        )
    session.answer(
        {"ok": same, **_fields(report)},
        summary,
        *_differences(report.differences),
        *(f"does not balance: {each}" for each in report.ledger_imbalances),
    )
    return ExitCode.DONE if same else ExitCode.NO


@verbs.verb("explain", example="traderbot audit explain 0192f0c1-7a3e-7b52-8c11-2f3d4e5a6b7c")
def explain(
    session: Session,
    order: Annotated[str, Argument("ORDER", "The order's id.")],
    *,
    user: About = None,
    database: Database = None,
) -> None:
    """Tell why there is an order, and what became of it: decision, events, money."""
    from traderbot.presentation.cli.acting import asked_user, order_id
    from traderbot.presentation.cli.explanation import explanation_tree

    id_ = order_id(order)
    with session.doors.application(database) as application:
        found = application.audit.explain(id_, asked_user(application, user))
    session.answer(found, explanation_tree(found))


@verbs.verb("rebuild", example="traderbot audit rebuild && traderbot audit diff")
def rebuild(
    session: Session,
    *,
    tiles: Annotated[
        bool,
        Option(
            "Not the rows but the tiles of the sealed tree; only if the events have the root that "
            "was signed last."
        ),
    ] = False,
    database: Database = None,
) -> None:
    """Compute every row again from the log, and put right those that differ. Trading goes on."""
    if tiles:
        _rebuild_tiles(session, database)
        return
    with (
        session.doors.application(database) as application,
        session.progress("rebuilding") as on_progress,
    ):
        report = application.audit.rebuild(on_progress)
    session.answer(
        report,
        f"{report.events} events read in {report.seconds:.2f} s; "
        f"{sum(report.rows.values())} rows put right, "
        f"{len(report.changed) + report.unlisted} values were wrong before",
        *_differences(report.changed),
    )


def _rebuild_tiles(session: Session, database: str | None) -> None:
    with (
        session.doors.application(database) as application,
        session.progress("rebuilding") as on_progress,
    ):
        report = application.audit.rebuild_tiles(on_progress)
    session.answer(
        report,
        f"{report.events} events read in {report.seconds:.2f} s, {report.vouched} of them under a "
        f"signed checkpoint; {report.tiles} tiles put right, {report.stray} deleted",
    )


def _as_of(text: str | None) -> dict[str, Any]:
    """Return what the words stand for, as `Audit.cut` takes it."""
    if text is None:
        return {}
    if text.isascii() and text.isdigit():
        return {"index": int(text)}
    size = text.removeprefix("checkpoint:")
    if size != text and size.isascii() and size.isdigit():
        return {"checkpoint": size}
    at = instant_of(text)
    if at is not None:
        return {"at": at}
    path = Path(text)
    if path.is_file():
        return {"checkpoint": path.read_text(encoding="utf-8", errors="replace")}
    raise UsageError(
        "--as-of is an instant such as 2026-11-21T12:00:00Z, a number of events, checkpoint:SIZE "
        f"or a file with a signed checkpoint, not {text!r:.60}"
    )


def _left_out(what: str, count: int) -> list[str]:
    return [f"... and {count - _SHOWN:,} more {what}; --json has all"] if count > _SHOWN else []


def _cut(cut: Cut) -> list[tuple[str, str]]:
    return [
        ("events", str(cut.size)),
        ("last recorded", moment(cut.last_recorded_at)),
        ("checkpoint", "none covers it yet" if cut.checkpoint is None else str(cut.checkpoint)),
        ("root", cut.root),
    ]


def _differences(found: Sequence[Difference]) -> list[Table]:
    rows = [
        (
            each.table,
            each.key,
            each.column or "(the row)",
            "(none)" if each.stored is None else each.stored,
            "(none)" if each.computed is None else each.computed,
            each.last_event or "",
        )
        for each in found
    ]
    return [Table(_DIFFERENCE, rows)] if rows else []


def _fields(report: object) -> dict[str, object]:
    from dataclasses import fields

    return {field.name: getattr(report, field.name) for field in fields(report)}  # type: ignore[arg-type]
