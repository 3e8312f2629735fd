"""`traderbot audit correct`: an event that makes up for what was recorded wrongly."""
# ruff: noqa: PLC0415 - `--help` must not pay for what the verb imports

from __future__ import annotations

from typing import Annotated

from traderbot.presentation.cli.errors import UsageError
from traderbot.presentation.cli.parameters import Argument, Option
from traderbot.presentation.cli.parts import Facts
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import Database, Key, Verbs

verbs = Verbs()


@verbs.verb(
    "correct",
    example="traderbot audit correct 0192f0c1-7a3e-7b52-8c11-2f3d4e5a6b7c -1.50 USD "
    '--reason "fee booked twice"',
)
def correct(
    session: Session,
    portfolio: Annotated[str, Argument("PORTFOLIO", "The portfolio's id.")],
    amount: Annotated[str, Argument("AMOUNT", "What free cash gains; below zero: what it loses.")],
    currency: Annotated[str, Argument("CURRENCY", "Such as USD.")],
    *,
    reason: Annotated[str, Option("Why; it is written into the log.", "TEXT")],
    corrects: Annotated[
        str | None, Option("The id of the event that was wrong, if there is one.", "EVENT")
    ] = None,
    by: Annotated[
        str | None, Option("Who decided it; by default whoever is at this keyboard.", "NAME")
    ] = None,
    key: Key = None,
    database: Database = None,
) -> None:
    """Put a portfolio's cash right by a new event; what was recorded stays as it is."""
    from traderbot.application.commands.corrections import CorrectCash
    from traderbot.domain.shared.ids import PortfolioId, uuid_text
    from traderbot.domain.shared.values import Money
    from traderbot.presentation.cli.acting import operator, portfolio_id

    id_, money = portfolio_id(portfolio), Money(amount, currency)
    event_id = None if corrects is None else uuid_text(corrects.lower())
    with session.doors.application(database) as application:
        if event_id is not None:
            wrong = application.event_pages.event(event_id)
            if wrong.data.get("portfolio_id") != id_:
                raise UsageError(
                    f"event {event_id} is of {wrong.stream}, and not about portfolio {id_}; "
                    "name one that is, or leave --corrects out"
                )
        command = CorrectCash(
            portfolio_id=PortfolioId(id_), amount=money, reason=reason, corrects=event_id
        )
        after = application.executor.run(command, operator(by, "CorrectCash", key))
    cash = next(it for it in after.balances if it.currency == money.currency.code)
    facts = [
        ("portfolio", after.portfolio_id),
        ("corrected by", str(money)),
        ("reason", reason),
        ("corrects", event_id or "no event in particular"),
        ("free now", f"{cash.free} {cash.currency}"),
    ]
    session.answer(after, Facts(facts))
