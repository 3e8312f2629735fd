"""What the market did: stored bars."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi import Query as InQuery

from traderbot.application.queries.candles import candles
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.values import symbol
from traderbot.presentation.api.auth import current_user
from traderbot.presentation.api.backend import Uses
from traderbot.presentation.api.dependencies import CleanQuery
from traderbot.presentation.api.documentation import ANY, PRIVATE, failures
from traderbot.presentation.api.json_body import StrictRoute
from traderbot.presentation.api.schemas.market import CandlePage, CandleQuery

router = APIRouter(
    prefix="/market",
    tags=["market"],
    route_class=StrictRoute,
    dependencies=[Depends(current_user), CleanQuery],
)


@router.get("/candles", name="candles", responses=failures(ANY, PRIVATE, "NOT_FOUND", "BAD_CURSOR"))
async def list_candles(which: Annotated[CandleQuery, InQuery()], use: Uses) -> CandlePage:
    """List stored bars of a symbol, oldest first; the same for everybody."""
    found = await use.ask(
        candles,
        use.application.bars,
        symbol(which.symbol),
        Timeframe(which.timeframe),
        start=which.start,
        end=which.end,
        limit=which.limit,
        cursor=which.cursor,
    )
    return CandlePage.of(which, found)
