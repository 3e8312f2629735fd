"""`traderbot portfolio …`."""
# ruff: noqa: PLC0415 - `--help` must not pay for what the verbs import

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from traderbot.presentation.cli.errors import ExitCode, UsageError
from traderbot.presentation.cli.parameters import Argument, Option
from traderbot.presentation.cli.parts import Facts, Part, Table
from traderbot.presentation.cli.plain import moment
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import About, Cursor, Database, Key, Limit, User, Verbs

if TYPE_CHECKING:
    from traderbot.application.commands.portfolios import Deposit, Withdraw
    from traderbot.application.commands.rebalance import RebalancingView
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


@verbs.verb("rebalance", example="traderbot portfolio rebalance --target IBM=0.4 --target AAPL=0.3")
def rebalance(
    session: Session,
    *,
    target: Annotated[
        list[str],
        Option("The share of the equity a symbol should be; once for each.", "SYMBOL=WEIGHT"),
    ],
    tolerance: Annotated[
        str, Option("How far off is left alone, as a share of the equity.", "SHARE")
    ] = "0.01",
    minimum_trade: Annotated[str, Option("What an order is worth at least.", "AMOUNT")] = "0",
    execute: Annotated[bool, Option("Place the orders without asking.")] = False,
    plan: Annotated[
        str | None, Option("Place them only if this is still the plan's digest.", "DIGEST")
    ] = None,
    portfolio: Portfolio = None,
    key: Key = None,
    user: User = None,
    database: Database = None,
) -> int:
    """Show the orders that bring a portfolio to target weights, and place them if told to.

    What the targets leave over stays in cash; everything that is held has to be named, and 0 sells
    it. All orders pass the risk gate, or none is placed. At a terminal it asks, and the word `yes`
    places them. The exit code is 1 if the gate refuses an order.
    """
    from dataclasses import replace

    from traderbot.application.commands.rebalance import Rebalance, Target
    from traderbot.domain.shared.decimals import exact
    from traderbot.domain.shared.values import symbol as symbol_of
    from traderbot.presentation.cli.acting import acting_portfolio, acting_user, origin

    targets = tuple(Target(symbol_of(code), exact(weight)) for code, weight in _weights(target))
    share, least = exact(tolerance), exact(minimum_trade)
    with session.doors.application(database) as application:
        owner = acting_user(application, user)
        command = Rebalance(
            owner_id=owner,
            portfolio_id=acting_portfolio(application, owner, portfolio),
            targets=targets,
            tolerance=share,
            minimum_trade=least,
        )
        if plan is None:
            shown = application.executor.run(command, origin(owner))
            if execute or _confirmed(session, shown):
                plan = shown.digest
        if plan is not None:
            command = replace(command, plan=plan)
            shown = application.executor.run(command, origin(owner, "Rebalance", key))
    session.answer(shown, *_plan_parts(shown))
    return ExitCode.NO if shown.is_refused else ExitCode.DONE


def _weights(targets: list[str]) -> list[tuple[str, str]]:
    """Return the symbols and their weights. Raises UsageError."""
    found: dict[str, str] = {}
    for each in targets:
        code, equals, weight = each.partition("=")
        if not equals:
            raise UsageError(f"a target is SYMBOL=WEIGHT, such as IBM=0.4, not {each!r:.60}")
        if code in found:
            raise UsageError(f"{code!r:.60} has two targets")
        found[code] = weight
    return list(found.items())


def _confirmed(session: Session, shown: RebalancingView) -> bool:
    """Ask at a terminal whether to place the orders; elsewhere nobody is asked."""
    if session.json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    if shown.is_refused or not any(it.verdict == "approved" for it in shown.orders):
        return False
    session.answer(shown, *_plan_parts(shown))
    session.say("Type yes to place these orders; anything else leaves all as it is:")
    return sys.stdin.readline().strip().lower() == "yes"


def _plan_parts(plan: RebalancingView) -> list[Part]:
    orders = [
        (
            each.side,
            each.quantity,
            each.symbol,
            each.reference,
            each.notional,
            each.fee,
            ", ".join([each.verdict, *(reason.code for reason in each.reasons)]),
            each.order_id or "",
        )
        for each in plan.orders
    ]
    headings = (
        *("side", "quantity>", "symbol", "about>", "worth>", "fee>"),
        *("gate", "order"),
    )
    away = [(it.symbol, it.target, it.weight, it.gap, it.why) for it in plan.unreached]
    facts = [
        ("portfolio", plan.portfolio_id),
        ("equity", f"{plan.equity_before} {plan.currency}, {plan.equity_after} after fees"),
        ("cash left", f"{plan.cash} {plan.currency}"),
        ("placed", "yes" if plan.executed else "no"),
        ("plan", plan.digest),
    ]
    if plan.working:
        facts.append(("working", f"{plan.working} orders; what they buy is not counted"))
    parts: list[Part] = [Facts(facts), "", Table(headings, orders, empty="nothing to do")]
    if away:
        parts += ["", Table(("not reached", "target>", "weight>", "gap>", "why"), away)]
    return parts


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
