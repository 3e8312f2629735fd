"""The risk gate: what is stopped, which limits hold; stop, resume, change them."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from functools import partial
from typing import Annotated, Final

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi import Query as InQuery
from pydantic import WithJsonSchema

from traderbot.application.commands.risk_limits import AnalyseRisk
from traderbot.application.errors import NotFoundError
from traderbot.application.ports.commands import Origin
from traderbot.application.ports.rate_limiter import LimitGroup
from traderbot.application.queries.risk import RiskQuestions
from traderbot.application.recalling import recall
from traderbot.application.risk_views import LimitsView
from traderbot.application.switching import halt, resume
from traderbot.domain.risk.trading_state import Scope
from traderbot.domain.shared.ids import OrderId, PortfolioId, UserId
from traderbot.domain.users.user import Role
from traderbot.presentation.api.auth import CurrentUser, current_user
from traderbot.presentation.api.backend import Backend, Uses
from traderbot.presentation.api.caching import etag_of, is_kept, kept_as, not_modified
from traderbot.presentation.api.dependencies import CleanQuery, PlainOrigin
from traderbot.presentation.api.documentation import ANY, BODY, PRIVATE, WRITE, failures
from traderbot.presentation.api.errors import ApiError
from traderbot.presentation.api.json_body import StrictRoute
from traderbot.presentation.api.rate_limits import limited
from traderbot.presentation.api.schemas.risk import (
    AlertList,
    AlertsQuery,
    AnalysisList,
    AnalysisQuery,
    ChangedOut,
    HaltBody,
    HaltedOut,
    LimitsBody,
    LimitsOut,
    LimitsQuery,
    ResumeBody,
    ScopeOut,
    StatusOut,
)
from traderbot.presentation.api.step_up import ensure_password

router = APIRouter(
    prefix="/risk",
    tags=["risk"],
    route_class=StrictRoute,
    dependencies=[Depends(current_user), CleanQuery],
)
_log = logging.getLogger(__name__)
_HERE: Final = (*ANY, *PRIVATE)
_DECIDE: Final = (*_HERE, *BODY, *WRITE, "NOT_ALLOWED", "NOT_FOUND", "INVALID_VALUE")
_MOST_PORTFOLIOS: Final = 50
# Threads of their own: the switch does not wait behind questions.
_SWITCHES: Final = CapacityLimiter(4)
_RECALLS: Final = CapacityLimiter(2)
_running: Final[set[asyncio.Task[None]]] = set()  # kept, or they could be collected while they run


async def deciding_owner(user: CurrentUser) -> UserId | None:
    """Return who decides: a trader about what is theirs, an admin about everything (None)."""
    if user.role == Role.ADMIN:
        return None
    if user.role != Role.TRADER:
        msg = "this needs the role trader or admin"
        raise ApiError("NOT_ALLOWED", msg)
    return UserId(user.user_id)


async def watching_owner(user: CurrentUser) -> UserId | None:
    """Return whose things are shown: a trader's own, to admins and auditors everybody's (None)."""
    return UserId(user.user_id) if user.role == Role.TRADER else None


Decides = Annotated[UserId | None, Depends(deciding_owner)]
Watches = Annotated[UserId | None, Depends(watching_owner)]


@router.get("/status", name="status", responses=failures(_HERE))
async def risk_status(watcher: Watches, use: Uses) -> StatusOut:
    """Show what may be traded now, and what stopped the rest."""
    return StatusOut.of(await use.ask(_questions(use).status, watcher, _now(use)))


@router.get("/analysis", name="analysis", responses=failures(_HERE, "NOT_FOUND", "CLOSED"))
@limited(LimitGroup.RISK)
async def risk_analysis(
    which: Annotated[AnalysisQuery, InQuery()], watcher: Watches, origin: PlainOrigin, use: Uses
) -> AnalysisList:
    """Show your portfolios as the gate sees them: exposure, losses, and the limits on them."""
    if which.portfolio_id is not None:
        ids = [which.portfolio_id]
    else:
        page = await use.ask(use.application.views.portfolios, watcher, limit=_MOST_PORTFOLIOS)
        ids = [each.portfolio_id for each in page.items]
    return AnalysisList.of(
        [
            await use.execute(AnalyseRisk(portfolio_id=PortfolioId(id_), owner_id=watcher), origin)
            for id_ in ids
        ]
    )


@router.get("/alerts", name="alerts", responses=failures(_HERE))
async def risk_alerts(
    which: Annotated[AlertsQuery, InQuery()], watcher: Watches, use: Uses
) -> AlertList:
    """List what stopped, resumed or changed at the gate, newest first."""
    return AlertList.of(await use.ask(_questions(use).alerts, watcher, which.limit))


@router.get(
    "/limits",
    name="limits",
    response_model=LimitsOut,
    responses={**failures(_HERE, "NOT_FOUND"), 304: {"description": "you have it already"}},
)
async def risk_limits(
    which: Annotated[LimitsQuery, InQuery()],
    watcher: Watches,
    request: Request,
    response: Response,
    use: Uses,
) -> LimitsOut | Response:
    """Show the limits in force at a scope, or those that were in force for an order."""
    questions = _questions(use)
    if which.order_id is not None:
        order = await use.ask(use.application.views.order, watcher, OrderId(which.order_id))
        if order is None:
            raise NotFoundError("order", which.order_id)
        found = await use.ask(questions.limits_of, order)
    else:
        found = await use.ask(questions.limits, which.asked, watcher, _now(use))
    etag = _etag(found)
    if is_kept(request, etag):
        return not_modified(etag)
    response.headers.update(kept_as(etag))
    return LimitsOut.of(found)


_IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        description="the ETag of the limits you have seen: others are not overwritten",
    ),
    WithJsonSchema({"type": "string"}),
]


@router.put(
    "/limits",
    name="change_limits",
    responses=failures(_DECIDE, "INVALID_LIMIT", "PRECONDITION_FAILED"),
)
async def change_limits(
    body: LimitsBody,
    decider: Decides,
    origin: PlainOrigin,
    use: Uses,
    if_match: _IfMatch = None,
) -> ChangedOut:
    """Change limits of one scope. What lets more pass than before ends after a while."""
    version = None
    if if_match is not None:
        seen = await use.ask(_questions(use).limits, body.asked, decider, _now(use))
        if if_match.strip() not in ("*", _etag(seen)):
            raise ApiError("PRECONDITION_FAILED", "the limits were changed since you saw them")
        version = _version_of(body.asked, seen)
    changed = await use.execute(body.to_command(decider, version), origin)
    return ChangedOut.model_validate(changed)


@router.post("/halt", name="halt", responses=failures(_DECIDE))
@limited(LimitGroup.HALT)
async def halt_trading(
    body: HaltBody, decider: Decides, origin: PlainOrigin, use: Uses
) -> HaltedOut:
    """Stop trading. The answer comes as soon as nothing is sent; working orders come back then."""
    application, command = use.application, body.to_command(decider)
    done = await to_thread.run_sync(
        partial(halt, application.executor, application.gate, command, origin), limiter=_SWITCHES
    )
    working: list[OrderId] = []
    if done.recorded and not command.only_reduce:
        working = list(await use.ask(application.risk.working, command.scope.key))
        _recall(use, working, origin, f"{command.scope} was halted: {command.reason}")
    return HaltedOut.of(done, working)


@router.post("/resume", name="resume", responses=failures(_DECIDE, "LATCH", "WRONG_PASSWORD"))
@limited(LimitGroup.HALT)
async def resume_trading(
    body: ResumeBody,
    decider: Decides,
    user: CurrentUser,
    *,
    origin: PlainOrigin,
    request: Request,
    use: Uses,
) -> ScopeOut:
    """Let trading go on at a scope. The wider scopes may still say no."""
    await ensure_password(request, use, user, body.password)
    application = use.application
    view = await to_thread.run_sync(
        partial(resume, application.executor, application.gate, body.to_command(decider), origin),
        limiter=_SWITCHES,
    )
    return ScopeOut.of(view)


def _questions(use: Backend) -> RiskQuestions:
    application = use.application
    return RiskQuestions(risk=application.risk, views=application.views, gate=application.gate)


def _now(use: Backend) -> datetime:
    return use.application.clock.now()


def _etag(found: LimitsView) -> str:
    return etag_of(found.scope, found.limits_version, *sorted(map(str, found.limits.items())))


def _version_of(scope: Scope, seen: LimitsView) -> int:
    return next((each.version for each in seen.scopes if each.scope == scope.key), 0)


def _recall(use: Backend, orders: list[OrderId], origin: Origin, reason: str) -> None:
    """Ask for the orders back, after the answer and beside everything else."""
    if not orders:
        return

    def ask() -> None:
        for each in recall(orders, use.application.executor, origin, reason):
            if each.outcome == "unknown":
                _log.error("order %s could not be asked back: %s", each.order_id, each.detail)

    async def work() -> None:
        await to_thread.run_sync(ask, limiter=_RECALLS)

    task = asyncio.get_running_loop().create_task(work())
    _running.add(task)
    task.add_done_callback(_running.discard)
