"""`traderbot audit what-if`: what would have happened, if something had been otherwise."""
# ruff: noqa: PLC0415 - `--help` must not pay for what the verbs import

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from traderbot.presentation.cli.errors import ExitCode
from traderbot.presentation.cli.parameters import Argument, Option
from traderbot.presentation.cli.parts import Facts, Part, Table
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import Database, Verbs

if TYPE_CHECKING:
    from traderbot.application.ports.what_if import (
        OrderChange,
        OrderChanges,
        Parting,
        PortfolioChange,
        Versus,
        WhatIfAnswer,
    )

verbs = Verbs()

HEADING = "HYPOTHETICAL: this did not happen, and nothing of it is recorded"
_SHOWN = 20  # orders people are shown; --json gives all of them


@verbs.verb("what-if", example="traderbot audit what-if question.json")
def what_if(
    session: Session,
    file: Annotated[Path, Argument("FILE", "A JSON file that says what is to be otherwise.")],
    *,
    strategies: Annotated[
        Path | None,
        Option("A folder of .py files with strategies of your own.", "DIR", name="--strategies"),
    ] = None,
    database: Database = None,
) -> int:
    """Decide the recorded wishes again with another limit, fee or parameter, in memory.

    The exit code is 1 if anything would have been recorded otherwise, 0 if nothing. What the file
    may hold is told in docs/what-if.md.
    """
    question = _read(file)
    with session.progress("deciding again") as on_progress:
        answer = session.doors.what_if(database, question, strategies, on_progress)
    document = {"hypothetical": True, "differs": answer.differs, **_fields(answer)}
    session.answer(document, *_told(answer))
    return ExitCode.NO if answer.differs else ExitCode.DONE


def _read(file: Path) -> str:
    from traderbot.application.ports.what_if import BadQuestionError

    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError as error:
        msg = f"{file} is no text in UTF-8"
        raise BadQuestionError(msg) from error


def _told(answer: WhatIfAnswer) -> Iterator[Part]:
    yield HEADING
    yield ""
    yield Facts(
        [
            ("forks", f"at index {answer.start} of {answer.events} events"),
            ("proof", f"{answer.reproduced} events decided again as they were: all the same"),
            ("parts", _parting(answer.parts_at)),
            ("fact", answer.fact),
            ("hypothesis", answer.hypothesis),
        ]
    )
    yield ""
    if answer.differs:
        yield from _money(answer)
        yield from _orders(answer)
    yield from (
        f"would be refused: {it.wish} at index {it.index}: {it.code}, {it.message}"
        for it in answer.refused
    )
    if answer.refused_unlisted:
        yield f"would be refused: {answer.refused_unlisted} more"
    yield from (f"not known: {each}" for each in answer.unanswered)
    if not answer.differs:
        yield "no difference"


def _parting(parting: Parting | None) -> str:
    if parting is None:
        return "nowhere"
    recorded = parting.recorded or "nothing"
    made = parting.hypothetical or "nothing"
    said = f"another {made}" if made == recorded else f"{made} instead of {recorded}"
    return f"at index {parting.index}: {said}, {parting.stream}"


def _money(answer: WhatIfAnswer) -> Iterator[Part]:
    rows = [row for portfolio in answer.portfolios for row in _figures(portfolio)]
    yield Table(("portfolio", "", "", "fact>", "hypothesis>", "difference>"), rows)
    yield from (f"valued at {it.price} {it.symbol}: {it.source}" for it in answer.prices)
    yield ""


def _figures(portfolio: PortfolioChange) -> Iterator[Sequence[str]]:
    for it in portfolio.currencies:
        figures = {"cash": it.cash, "realised": it.realised, "fees": it.fees, "equity": it.equity}
        for name, versus in figures.items():
            yield (portfolio.portfolio_id, it.currency, name, *_sides(versus))
    for held in portfolio.positions:
        if held.quantity.difference != "0":
            yield (portfolio.portfolio_id, held.symbol, "holds", *_sides(held.quantity))


def _sides(versus: Versus) -> tuple[str, str, str]:
    return versus.fact or "-", versus.hypothesis or "-", versus.difference or ""


def _orders(answer: WhatIfAnswer) -> Iterator[Part]:
    orders, trades = answer.orders, answer.trades
    for name, it in (("orders", orders), ("trades", trades)):
        yield (
            f"{name}: {it.fact} in fact, {it.hypothesis} in the hypothesis; "
            f"{len(it.only_in_fact)} only in fact, {len(it.only_in_hypothesis)} only in the "
            f"hypothesis, {len(it.different)} different"
        )
    yield ""
    rows = list(_changes(orders))
    if rows:
        yield Table(("order", "", "fact", "hypothesis", "why"), rows[:_SHOWN])
    if len(rows) > _SHOWN:
        yield f"... and {len(rows) - _SHOWN} more; all of them with --json"


def _changes(orders: OrderChanges) -> Iterator[Sequence[str]]:
    listed = {
        "only in fact": orders.only_in_fact,
        "only in hypothesis": orders.only_in_hypothesis,
        "different": orders.different,
    }
    for kind, changes in listed.items():
        for each in changes:
            yield (each.order_id, kind, *_both(each), "; ".join(each.why))


def _both(change: OrderChange) -> tuple[str, str]:
    told = [
        "-" if it is None else f"{it.side} {it.quantity} {it.symbol}, {it.status}"
        for it in (change.fact, change.hypothesis)
    ]
    return told[0], told[1]


def _fields(report: WhatIfAnswer) -> dict[str, object]:
    from dataclasses import fields

    return {field.name: getattr(report, field.name) for field in fields(report)}
