"""`traderbot audit parity`: whether a run did what a backtest of the same bars does."""
# ruff: noqa: PLC0415 - `--help` must not pay for what the verbs import

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from traderbot.presentation.cli.errors import ExitCode
from traderbot.presentation.cli.parameters import Argument, Option
from traderbot.presentation.cli.parts import Facts, Part, Table
from traderbot.presentation.cli.plain import moment
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import About, Database, Verbs

if TYPE_CHECKING:
    from traderbot.application.bots.parity_report import ParityReport

verbs = Verbs()

_SHOWN = 20  # differences people are shown; --json gives all of them


@verbs.verb("parity", example="traderbot audit parity 0192f0c1-7a3e-7b52-8c11-2f3d4e5a6b7c")
def parity(
    session: Session,
    bot: Annotated[str, Argument("BOT", "The bot run's id.")],
    *,
    strategies: Annotated[
        Path | None,
        Option("A folder of .py files with strategies of your own.", "DIR", name="--strategies"),
    ] = None,
    user: About = None,
    database: Database = None,
) -> int:
    """Show a run's bars to its strategy again, fill its orders again, and compare.

    Every difference in money is taken apart into its causes, which add up to it exactly. The exit
    code is 1 if anything differs.
    """
    from traderbot.domain.shared.ids import BotRunId, uuid_text
    from traderbot.presentation.cli.acting import asked_user

    id_ = BotRunId(uuid_text(bot.lower()))
    session.doors.load_strategies(strategies)
    with session.doors.application(database) as application:
        ask = application.parity
        assert ask is not None  # noqa: S101 - the real program can compare
        with session.progress("deciding again") as on_progress:
            found = ask(id_, asked_user(application, user), on_progress)
    document = {"equal": found.equal, **{name: getattr(found, name) for name in _fields(found)}}
    session.answer(document, *_told(found))
    return ExitCode.DONE if found.equal else ExitCode.NO


def _fields(found: ParityReport) -> list[str]:
    return list(found.__dataclass_fields__)


def _told(found: ParityReport) -> list[Part]:
    said = "equal" if found.equal else "DIFFERENT"
    facts = [
        ("parity", f"{said}: {found.decisions} decisions on {found.bars} bars made again"),
        ("orders", f"{found.orders} filled again"),
        ("recorded", f"{found.recorded} {found.currency}"),
        ("backtest", f"{found.replayed} {found.currency}"),
        ("difference", f"{found.difference} {found.currency}"),
    ]
    facts += [
        (f"  {cause}", f"{amount} {found.currency}") for cause, amount in found.causes.items()
    ]
    if found.taken_as_recorded:
        facts.append(("as recorded", f"{found.taken_as_recorded} fills of protecting orders"))
    parts: list[Part] = [Facts(facts)]
    if found.decision_differences:
        rows = [
            (moment(it.bar_at), it.what, it.recorded[:40], it.replayed[:40], it.cause)
            for it in found.decision_differences[:_SHOWN]
        ]
        parts += ["", Table(("bar", "what", "recorded", "now", "cause"), rows)]
    if found.order_differences:
        orders = [
            (it.order_id, it.difference, ", ".join(f"{c} {a}" for c, a in it.causes.items()))
            for it in found.order_differences[:_SHOWN]
        ]
        parts += ["", Table(("order", "difference>", "of which"), orders)]
    return parts
