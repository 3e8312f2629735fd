"""Portfolios: open them, look at them, pay in and out."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi import Query as InQuery

from traderbot.application.errors import NotFoundError
from traderbot.application.ports.rate_limiter import LimitGroup
from traderbot.application.views import PortfolioView
from traderbot.domain.shared.ids import PortfolioId, UserId
from traderbot.presentation.api.auth import CurrentTrader, CurrentUser, current_user
from traderbot.presentation.api.backend import Backend, Uses
from traderbot.presentation.api.dependencies import CleanQuery, KeyedOrigin, PerhapsKeyedOrigin
from traderbot.presentation.api.documentation import ANY, BODY, KEYED, PRIVATE, WRITE, failures
from traderbot.presentation.api.errors import ApiError
from traderbot.presentation.api.json_body import StrictRoute
from traderbot.presentation.api.rate_limits import limited
from traderbot.presentation.api.schemas.portfolios import (
    MoneyBody,
    OpenPortfolioBody,
    PageQuery,
    PortfolioOut,
    PortfolioPage,
    PositionOut,
    PositionsOut,
    PositionsQuery,
)
from traderbot.presentation.api.schemas.rebalancing import RebalanceBody, RebalancingOut
from traderbot.presentation.api.schemas.values import PortfolioIdPath

router = APIRouter(
    prefix="/portfolios",
    tags=["portfolios"],
    route_class=StrictRoute,
    dependencies=[Depends(current_user), CleanQuery],
)
_TRANSFER = (*ANY, *PRIVATE, *BODY, *WRITE, *KEYED, "NOT_ALLOWED", "NOT_FOUND", "INVALID_TRANSFER")


@router.post(
    "",
    name="open",
    status_code=201,
    responses=failures(
        ANY,
        PRIVATE,
        BODY,
        WRITE,
        "NOT_ALLOWED",
        "INVALID_TRANSFER",
        "IDEMPOTENCY_KEY_INVALID",
        "IDEMPOTENCY_KEY_REUSED",
    ),
)
async def open_portfolio(
    body: OpenPortfolioBody, trader: CurrentTrader, origin: PerhapsKeyedOrigin, use: Uses
) -> PortfolioOut:
    """Open a portfolio, perhaps with cash in it."""
    opened = await use.execute(body.to_command(UserId(trader.user_id)), origin)
    return PortfolioOut.of(opened)


@router.get("", name="list", responses=failures(ANY, PRIVATE, "BAD_CURSOR"))
async def list_portfolios(
    page: Annotated[PageQuery, InQuery()], user: CurrentUser, use: Uses
) -> PortfolioPage:
    """List your portfolios, newest first."""
    found = await use.ask(
        use.application.views.portfolios,
        UserId(user.user_id),
        limit=page.limit,
        cursor=page.cursor,
    )
    return PortfolioPage.of(found)


@router.get("/{portfolio_id}", name="get", responses=failures(ANY, PRIVATE, "NOT_FOUND"))
async def get_portfolio(
    portfolio_id: PortfolioIdPath, user: CurrentUser, use: Uses
) -> PortfolioOut:
    """Show a portfolio with its cash and its positions."""
    return PortfolioOut.of(await _own_portfolio(use, user.user_id, portfolio_id))


@router.get(
    "/{portfolio_id}/positions", name="positions", responses=failures(ANY, PRIVATE, "NOT_FOUND")
)
async def list_positions(
    portfolio_id: PortfolioIdPath,
    which: Annotated[PositionsQuery, InQuery()],
    user: CurrentUser,
    use: Uses,
) -> PositionsOut:
    """List the positions of a portfolio, by symbol."""
    portfolio = await _own_portfolio(use, user.user_id, portfolio_id)
    return PositionsOut(
        items=[
            PositionOut.of(each)
            for each in portfolio.positions
            if which.is_open is None or each.is_open == (which.is_open == "true")
        ]
    )


@router.post(
    "/{portfolio_id}/deposits", name="deposit", status_code=201, responses=failures(_TRANSFER)
)
@limited(LimitGroup.TRADING)
async def deposit(
    portfolio_id: PortfolioIdPath,
    body: MoneyBody,
    trader: CurrentTrader,
    origin: KeyedOrigin,
    use: Uses,
) -> PortfolioOut:
    """Pay money in. Answers with the portfolio after it."""
    command = body.to_deposit(UserId(trader.user_id), PortfolioId(portfolio_id))
    return PortfolioOut.of(await use.execute(command, origin))


@router.post(
    "/{portfolio_id}/withdrawals",
    name="withdraw",
    status_code=201,
    responses=failures(_TRANSFER, "INSUFFICIENT_FUNDS"),
)
@limited(LimitGroup.TRADING)
async def withdraw(
    portfolio_id: PortfolioIdPath,
    body: MoneyBody,
    trader: CurrentTrader,
    origin: KeyedOrigin,
    use: Uses,
) -> PortfolioOut:
    """Pay money out. Answers with the portfolio after it."""
    command = body.to_withdrawal(UserId(trader.user_id), PortfolioId(portfolio_id))
    return PortfolioOut.of(await use.execute(command, origin))


@router.post(
    "/{portfolio_id}/rebalance",
    name="rebalance",
    responses=failures(
        ANY,
        PRIVATE,
        BODY,
        WRITE,
        KEYED,
        "NOT_ALLOWED",
        "NOT_FOUND",
        "INVALID_VALUE",
        "NO_REFERENCE_PRICE",
        "PLAN_CHANGED",
        "PLAN_REFUSED",
    ),
)
@limited(LimitGroup.TRADING)
async def rebalance(
    portfolio_id: PortfolioIdPath,
    body: RebalanceBody,
    trader: CurrentTrader,
    origin: PerhapsKeyedOrigin,
    use: Uses,
) -> RebalancingOut:
    """Plan the orders that bring a portfolio to target weights, or carry such a plan out.

    Without `execute` nothing is placed, and nothing recorded. To carry the plan out, ask again with
    `execute`, its digest as `plan`, and an `Idempotency-Key`. All of it is placed, or nothing.
    """
    if body.execute and origin.key is None:
        code = "IDEMPOTENCY_KEY_MISSING"
        raise ApiError(code)
    command = body.to_command(UserId(trader.user_id), PortfolioId(portfolio_id))
    plan = replace(origin, key=None) if not body.execute else origin
    return RebalancingOut.of(await use.execute(command, plan))


async def _own_portfolio(use: Backend, owner_id: str, portfolio_id: str) -> PortfolioView:
    found = await use.ask(
        use.application.views.portfolio, UserId(owner_id), PortfolioId(portfolio_id)
    )
    if found is None:
        what = "portfolio"
        raise NotFoundError(what, portfolio_id)
    return found
