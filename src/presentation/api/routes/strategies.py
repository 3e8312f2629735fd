"""Strategies that bots can run."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from traderbot.presentation.api.auth import current_user
from traderbot.presentation.api.dependencies import CleanQuery
from traderbot.presentation.api.documentation import ANY, PRIVATE, failures
from traderbot.presentation.api.json_body import StrictRoute
from traderbot.presentation.api.schemas.strategies import StrategyList

router = APIRouter(
    prefix="/strategies",
    tags=["strategies"],
    route_class=StrictRoute,
    dependencies=[Depends(current_user), CleanQuery],
)


@router.get("/list", name="list", responses=failures(ANY, PRIVATE))
async def list_strategies() -> StrategyList:
    """List the strategies of this server, with their parameters."""
    return StrategyList.of_all()
