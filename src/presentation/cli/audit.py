"""`traderbot audit …`."""
# ruff: noqa: PLC0415 - `--help` must not pay for what the verbs import

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from traderbot.presentation.cli.errors import ExitCode, UsageError
from traderbot.presentation.cli.parameters import Argument, Option
from traderbot.presentation.cli.parts import Facts, Table
from traderbot.presentation.cli.plain import moment
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import About, Database, Verbs

if TYPE_CHECKING:
    from traderbot.application.ports.audit import Cut, Difference

verbs = Verbs()

_DIFFERENCE = ("table", "key", "column", "stored", "computed", "last event")


@verbs.verb("verify", example="traderbot audit verify --json")
def verify(session: Session, *, database: Database = None) -> int:
    """Check every event and every row against the log's hashes. The exit code is 1 on findings."""
    with (
        session.doors.application(database) as application,
        session.progress("verifying") as on_progress,
    ):
        report = application.audit.verify(on_progress)
    facts = Facts(
        [
            ("events", str(report.events)),
            ("streams", str(report.streams)),
            ("rows", str(report.state_rows)),
            ("root", report.root),
            ("seconds", f"{report.seconds:.2f}"),
            ("findings", str(len(report.findings))),
        ]
    )
    rows = [(each.code, each.where, each.message) for each in report.findings]
    table = [Table(("finding", "where", "what"), rows)] if rows else []
    session.answer({"ok": not report.findings, **_fields(report)}, facts, *table)
    return ExitCode.NO if report.findings else ExitCode.DONE


@verbs.verb("replay", example="traderbot audit replay --as-of 2026-11-21T12:00:00Z")
def replay(
    session: Session,
    *,
    as_of: Annotated[
        str | None,
        Option("An instant in UTC, or how many events; by default all.", "TIME|INDEX"),
    ] = None,
    by: Annotated[
        Literal["recorded", "occurred"],
        Option("Which time of an event decides: written, or business time.", "recorded|occurred"),
    ] = "recorded",
    user: About = None,
    database: Database = None,
) -> None:
    """Show the state of everything as the log made it at an instant or an index."""
    from traderbot.presentation.cli.acting import asked_user

    at, index = _as_of(as_of)
    if by == "occurred" and at is None:
        raise UsageError("--by occurred needs an instant: --as-of 2026-11-21T12:00:00Z")
    with (
        session.doors.application(database) as application,
        session.progress("replaying") as on_progress,
    ):
        cut = application.audit.cut(at=at, index=index, by_occurred=by == "occurred")
        report = application.audit.replay(cut, asked_user(application, user), on_progress)
    facts = Facts([*_cut(report.cut), ("fingerprint", report.fingerprint)])
    counts = f"{report.users} users, {report.bot_runs} bot runs"
    portfolios = [
        (
            each.portfolio_id,
            each.name,
            ", ".join(f"{cash.total} {cash.currency}" for cash in each.balances),
            ", ".join(f"{held.quantity} {held.symbol}" for held in each.positions if held.is_open),
        )
        for each in report.portfolios
    ]
    orders = [
        (each.order_id, each.side, each.quantity, each.symbol, each.status, each.filled)
        for each in report.orders
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
def rebuild(session: Session, *, database: Database = None) -> None:
    """Make every row again from the log, in one transaction, and say what was wrong before."""
    with (
        session.doors.application(database) as application,
        session.progress("rebuilding") as on_progress,
    ):
        report = application.audit.rebuild(on_progress)
    rows = sum(report.rows.values())
    session.answer(
        report,
        f"{rows} rows made again from {report.events} events in {report.seconds:.2f} s; "
        f"{len(report.changed)} values were wrong before",
        *_differences(report.changed),
    )


def _as_of(text: str | None) -> tuple[datetime | None, int | None]:
    if text is None:
        return None, None
    if text.isascii() and text.isdigit():
        return None, int(text)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.utcoffset() is None:
        raise UsageError(
            f"--as-of is an instant such as 2026-11-21T12:00:00Z or a number of events, "
            f"not {text!r:.60}"
        )
    return at, None


def _cut(cut: Cut) -> list[tuple[str, str]]:
    return [
        ("events", str(cut.size)),
        ("last recorded", moment(cut.last_recorded_at)),
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
