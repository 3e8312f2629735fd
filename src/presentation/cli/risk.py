"""`traderbot risk …`."""
# ruff: noqa: PLC0415 - `--help` must not pay for what the verbs import

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from traderbot.presentation.cli.errors import ExitCode, UsageError
from traderbot.presentation.cli.parameters import Argument, Option
from traderbot.presentation.cli.parts import Facts, Part, Table
from traderbot.presentation.cli.plain import moment
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import About, Database, Verbs

if TYPE_CHECKING:
    from traderbot.application.application import Application
    from traderbot.application.queries.risk import RiskQuestions
    from traderbot.application.risk_views import LimitsView, ScopeView

verbs = Verbs()

Where = Annotated[
    str,
    Argument("SCOPE", "system, venue-NAME, portfolio-ID or bot-ID."),
]
Reason = Annotated[str, Option("Why; kept in the log.", "TEXT")]


@verbs.verb("status", example="traderbot risk status --json")
def status(session: Session, *, user: About = None, database: Database = None) -> int:
    """Show what may be traded now, and what stopped the rest.

    The exit code is 1 unless everything shown is active.
    """
    from traderbot.presentation.cli.acting import asked_user

    with session.doors.application(database) as application:
        owner = asked_user(application, user)
        found = _questions(application).status(owner, application.clock.now())
    facts = [("state", found.state)]
    if found.latch is not None:
        facts.append(("latch", f"{found.latch} halts everything"))
    session.answer(found, Facts(facts), _scopes(found.scopes))
    well = found.latch is None and all(each.state == "active" for each in found.scopes)
    return ExitCode.DONE if well else ExitCode.NO


@verbs.verb(
    "limits",
    example='traderbot risk limits system --set "order_notional_max=5000" --reason "smaller"',
)
def limits(
    session: Session,
    scope: Annotated[
        str | None,
        Argument("SCOPE", "system (by default), venue-NAME, portfolio-ID or bot-ID."),
    ] = None,
    *,
    order: Annotated[str | None, Option("Those that were in force for this order.", "ID")] = None,
    set_: Annotated[
        str | None,
        Option(
            "Change limits: NAME=VALUE, with blanks between several; NAME= takes one away.",
            "NAME=VALUE",
            name="--set",
        ),
    ] = None,
    reason: Annotated[str | None, Option("Why they change; kept in the log.", "TEXT")] = None,
    minutes: Annotated[
        int | None,
        Option("How long it holds; a raise holds 60 minutes.", "N", least=1, most=10_080),
    ] = None,
    database: Database = None,
) -> None:
    """Show the limits in force at a scope, or change some of them.

    The strictest of the scopes holds. What lets more pass than before ends by itself.
    """
    from datetime import timedelta

    from traderbot.application.commands.risk_limits import ChangeLimits
    from traderbot.application.errors import NotFoundError
    from traderbot.domain.risk.trading_state import Scope
    from traderbot.presentation.cli.acting import order_id, origin

    asked = Scope.parse(scope or "system")
    if set_ is None and (reason is not None or minutes is not None):
        raise UsageError("--reason and --minutes belong to --set NAME=VALUE")
    changes = None if set_ is None else _changes(set_)
    if changes is not None and reason is None:
        raise UsageError("say why: --reason TEXT")
    with session.doors.application(database) as application:
        questions, now = _questions(application), application.clock.now()
        if order is not None:
            placed = application.views.order(None, order_id(order))
            if placed is None:
                raise NotFoundError("order", order)
            found = questions.limits_of(placed)
        else:
            if changes is not None:
                command = ChangeLimits(
                    scope=asked,
                    limits=changes,
                    reason=reason or "",
                    expires_at=None if minutes is None else now + timedelta(minutes=minutes),
                )
                application.executor.run(command, origin())
                now = application.clock.now()
            found = questions.limits(asked, None, now)
    session.answer(found, *_limits(found))


@verbs.verb("halt", example='traderbot risk halt system --reason "prices make no sense"')
def halt(
    session: Session,
    scope: Where,
    *,
    reason: Reason,
    only_reduce: Annotated[
        bool, Option("Let orders pass that only make a position smaller; cancel nothing.")
    ] = False,
    database: Database = None,
) -> int:
    """Stop trading at a scope, and ask for its working orders back.

    The system is halted even if the database does not answer: by a file that every process of this
    installation looks at. The exit code is then 1, for the log does not have it.
    """
    from traderbot.application.commands.halting import HaltTrading
    from traderbot.application.errors import ExternalError
    from traderbot.application.recalling import recall
    from traderbot.application.switching import halt as pull
    from traderbot.domain.risk.trading_state import SYSTEM, Scope
    from traderbot.presentation.cli.acting import origin
    from traderbot.presentation.cli.errors import DatabaseMissingError, SchemaNotNewestError

    asked = Scope.parse(scope)
    is_system = asked == SYSTEM and not only_reduce
    if is_system:
        session.doors.latch().engage(reason)  # before anything that could take its time
    try:
        with session.doors.application(database) as application:
            command = HaltTrading(scope=asked, reason=reason, only_reduce=only_reduce)
            halted = pull(application.executor, application.gate, command, origin())
            recalled = []
            if halted.recorded and not only_reduce:
                working = application.risk.working(asked.key)
                said = f"{asked} was halted: {reason}"
                recalled = list(recall(working, application.executor, origin(), said))
            if halted.recorded and is_system:
                session.doors.latch().release()
    except (ExternalError, DatabaseMissingError, SchemaNotNewestError) as error:
        if not is_system:
            raise
        session.say(f"the database was not asked: {error}")
        session.answer(
            {"scope": asked.key, "state": "halted", "recorded": False, "orders": []},
            "halted by the file in the data folder; the log does not have it, and no order was "
            "asked back",
        )
        return ExitCode.NO
    rows = [(each.order_id, each.outcome, each.status, each.detail) for each in recalled]
    document = {
        "scope": asked.key,
        "state": halted.scope.state,
        "recorded": halted.recorded,
        "message": halted.message,
        "orders": recalled,
    }
    session.answer(
        document,
        _scopes([halted.scope]),
        Table(("order", "outcome", "status", "detail"), rows, empty="no working orders"),
    )
    unknown = any(each.outcome == "unknown" for each in recalled)
    return ExitCode.DONE if halted.recorded and not unknown else ExitCode.NO


@verbs.verb("resume", example='traderbot risk resume system --reason "prices are right again"')
def resume(session: Session, scope: Where, *, reason: Reason, database: Database = None) -> None:
    """Let trading go on at a scope. The wider scopes may still say no."""
    from traderbot.application.commands.halting import ResumeTrading
    from traderbot.application.switching import resume as put_back
    from traderbot.domain.risk.trading_state import Scope
    from traderbot.presentation.cli.acting import origin

    asked = Scope.parse(scope)
    with session.doors.application(database) as application:
        command = ResumeTrading(scope=asked, reason=reason)
        view = put_back(application.executor, application.gate, command, origin())
    session.answer(view, _scopes([view]))


def _questions(application: Application) -> RiskQuestions:
    from traderbot.application.queries.risk import RiskQuestions

    return RiskQuestions(risk=application.risk, views=application.views, gate=application.gate)


def _changes(text: str) -> dict[str, str | None]:
    changes: dict[str, str | None] = {}
    for part in text.split():
        name, equals, value = part.partition("=")
        if not equals or name in changes:
            raise UsageError(f"--set takes NAME=VALUE, each name once, not {part!r:.60}")
        changes[name] = value or None
    if not changes:
        raise UsageError("--set takes NAME=VALUE, with blanks between several")
    return changes


def _scopes(scopes: list[ScopeView] | tuple[ScopeView, ...]) -> Table:
    rows = [
        (
            each.scope,
            each.state,
            each.cause,
            moment(each.since),
            each.by if each.state != "active" else "",
            each.reason if each.state != "active" else "",
            ", ".join(f"{it.limit}={it.value or 'as wider'}" for it in each.limits),
        )
        for each in scopes
    ]
    return Table(("scope", "state", "cause", "since", "by", "reason", "own limits"), rows)


def _limits(found: LimitsView) -> list[Part]:
    rows = [
        (name, "no limit" if text is None else text or "none")
        for name, text in found.limits.items()
    ]
    return [
        Facts(
            [
                ("scope", found.scope),
                ("version", found.limits_version),
                ("settings", found.settings),
            ]
        ),
        Table(("limit", "value>"), rows),
    ]
