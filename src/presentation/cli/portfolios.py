"""`traderbot portfolio …`."""
# ruff: noqa: PLC0415 - `--help` must not pay for what the verbs import

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from traderbot.presentation.cli.parameters import Argument, Option
from traderbot.presentation.cli.parts import Facts, Part, Table
from traderbot.presentation.cli.plain import moment
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import About, Cursor, Database, Key, Limit, User, Verbs

if TYPE_CHECKING:
    from traderbot.application.commands.portfolios import Deposit, Withdraw
    from traderbot.application.views import PortfolioView

verbs = Verbs()

Amount = Annotated[str, Argument("AMOUNT", "How much, such as 1000.50.")]
CurrencyName = Annotated[str, Argument("CURRENCY", "Of what, such as USD.")]
Portfolio = Annotated[
    str | None,
    Option("By default the user's only portfolio.", "ID"),
]


@verbs.verb("create", example='traderbot portfolio create main --cash "100000 USD"')
def create(
    session: Session,
    name: Annotated[str, Argument("NAME", "What people call it.")],
    *,
    cash: Annotated[str | None, Option('What is in it at first: "100000 USD".', "MONEY")] = None,
    key: Key = None,
    user: User = None,
    database: Database = None,
) -> None:
    """Open a portfolio, perhaps with cash in it."""
    from traderbot.application.commands.portfolios import OpenPortfolio
    from traderbot.domain.shared.values import Money
    from traderbot.presentation.cli.acting import acting_user, origin

    money = Money.parse(cash) if cash else None
    with session.doors.application(database) as application:
        owner = acting_user(application, user)
        opened = application.executor.run(
            OpenPortfolio(owner_id=owner, name=name, cash=money),
            origin(owner, "OpenPortfolio", key),
        )
    session.answer(opened, *_parts(opened))


@verbs.verb("deposit", example="traderbot portfolio deposit 1000 USD")
def deposit(
    session: Session,
    amount: Amount,
    currency: CurrencyName,
    *,
    portfolio: Portfolio = None,
    key: Key = None,
    user: User = None,
    database: Database = None,
) -> None:
    """Take money in."""
    from traderbot.application.commands.portfolios import Deposit

    where = _Where(portfolio=portfolio, key=key, user=user, database=database)
    _transfer(session, Deposit, amount, currency, where)


@verbs.verb("withdraw", example="traderbot portfolio withdraw 250.50 USD")
def withdraw(
    session: Session,
    amount: Amount,
    currency: CurrencyName,
    *,
    portfolio: Portfolio = None,
    key: Key = None,
    user: User = None,
    database: Database = None,
) -> None:
    """Pay money out; what orders have reserved stays."""
    from traderbot.application.commands.portfolios import Withdraw

    where = _Where(portfolio=portfolio, key=key, user=user, database=database)
    _transfer(session, Withdraw, amount, currency, where)


@verbs.verb("show", example="traderbot portfolio show")
def show(
    session: Session,
    portfolio: Annotated[
        str | None, Argument("ID", "By default the user's only portfolio.")
    ] = None,
    *,
    user: User = None,
    database: Database = None,
) -> None:
    """Show a portfolio with its cash and its positions."""
    from traderbot.application.errors import NotFoundError
    from traderbot.presentation.cli.acting import (
        acting_portfolio,
        acting_user,
        asked_user,
        portfolio_id,
    )

    with session.doors.application(database) as application:
        if portfolio is None:
            id_ = acting_portfolio(application, acting_user(application, user), None)
        else:
            id_ = portfolio_id(portfolio)
        found = application.views.portfolio(asked_user(application, user), id_)
    if found is None:
        raise NotFoundError("portfolio", id_)
    session.answer(found, *_parts(found))


@verbs.verb("list", example="traderbot portfolio list --user ada@example.com")
def list_(
    session: Session,
    *,
    limit: Limit = 50,
    cursor: Cursor = None,
    user: About = None,
    database: Database = None,
) -> None:
    """List portfolios, newest first. Those of all users, unless one is named."""
    from traderbot.presentation.cli.acting import asked_user

    with session.doors.application(database) as application:
        owner = asked_user(application, user)
        page = application.views.portfolios(owner, limit=limit, cursor=cursor)
    rows = [
        (
            each.portfolio_id,
            each.name,
            moment(each.opened_at),
            ", ".join(f"{cash.total} {cash.currency}" for cash in each.balances),
            str(sum(held.is_open for held in each.positions)),
        )
        for each in page.items
    ]
    headings = ("portfolio", "name", "opened", "cash", "positions>")
    table = Table(headings, rows, empty="no portfolios")
    session.answer(page, table, *session.more(page.next_cursor))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Where:
    """Between whom money moves, as it was named on the command line."""

    portfolio: str | None
    key: str | None
    user: str | None
    database: str | None


def _transfer(
    session: Session,
    kind: type[Deposit | Withdraw],
    amount: str,
    currency: str,
    where: _Where,
) -> None:
    from traderbot.domain.shared.values import Money
    from traderbot.presentation.cli.acting import acting_portfolio, acting_user, origin

    money = Money(amount, currency)
    with session.doors.application(where.database) as application:
        owner = acting_user(application, where.user)
        id_ = acting_portfolio(application, owner, where.portfolio)
        command = kind(owner_id=owner, portfolio_id=id_, amount=money)
        after = application.executor.run(command, origin(owner, kind.__name__, where.key))
    session.answer(after, *_parts(after))


def _parts(portfolio: PortfolioView) -> list[Part]:
    facts = Facts(
        [
            ("portfolio", portfolio.portfolio_id),
            ("name", portfolio.name),
            ("opened", moment(portfolio.opened_at)),
            ("updated", moment(portfolio.updated_at)),
        ]
    )
    cash = [
        (it.currency, it.free, it.reserved, it.collateral, it.total) for it in portfolio.balances
    ]
    held = [
        (
            it.symbol,
            it.quantity,
            it.average_price or "",
            it.cost,
            it.realised,
            it.fees,
            it.currency,
            "open" if it.is_open else "closed",
        )
        for it in portfolio.positions
    ]
    cash_headings = ("cash", "free>", "reserved>", "collateral>", "total>")
    held_headings = (
        *("position", "quantity>", "average>", "cost>", "realised>", "fees>"),
        *("currency", "state"),
    )
    return [
        facts,
        "",
        Table(cash_headings, cash, empty="no cash"),
        "",
        Table(held_headings, held, empty="no positions"),
    ]
