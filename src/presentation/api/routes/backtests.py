"""Backtests on stored bars: run one, see one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import APIRouter, Depends

from traderbot.application.application import Application
from traderbot.application.backtesting.errors import InvalidBacktestError
from traderbot.application.errors import NotFoundError
from traderbot.application.ports.backtests import Backtests
from traderbot.application.ports.rate_limiter import LimitGroup
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.ids import UserId
from traderbot.domain.shared.values import symbol
from traderbot.presentation.api.auth import CurrentTrader, current_user
from traderbot.presentation.api.backend import Uses
from traderbot.presentation.api.dependencies import CleanQuery
from traderbot.presentation.api.documentation import ANY, BODY, PRIVATE, WRITE, failures
from traderbot.presentation.api.json_body import StrictRoute
from traderbot.presentation.api.rate_limits import limited
from traderbot.presentation.api.schemas.backtests import (
    BacktestBody,
    BacktestList,
    WholeBacktestOut,
)

MOST_BARS: Final = 20_000  # of all series together: a second of work at most
_SHOWN: Final = 200

router = APIRouter(
    prefix="/backtests",
    tags=["backtests"],
    route_class=StrictRoute,
    dependencies=[Depends(current_user), CleanQuery],
)
_REFUSED = (
    *("NOT_FOUND", "UNKNOWN_STRATEGY", "INVALID_PARAMETER", "INVALID_VALUE"),
    *("INVALID_BACKTEST", "BAD_SERIES", "MISSING_BARS"),
)


@router.post(
    "", name="run", status_code=201, responses=failures(ANY, PRIVATE, BODY, WRITE, _REFUSED)
)
@limited(LimitGroup.RISK)
async def run_backtest(body: BacktestBody, trader: CurrentTrader, use: Uses) -> WholeBacktestOut:
    """Run a strategy on stored bars, as exactly as a bot would have traded them.

    Equal wishes on equal bars have equal run ids and equal answers. At most 20,000 bars.
    """
    backtests = _of(use.application, trader.user_id)
    return WholeBacktestOut.of(await use.ask_long(_run, use.application, backtests, body))


@router.get("", name="list", responses=failures(ANY, PRIVATE))
async def list_backtests(trader: CurrentTrader, use: Uses) -> BacktestList:
    """List one's own backtests, the newest first, 200 at most."""
    found = await use.ask(_of(use.application, trader.user_id).list)
    return BacktestList.of(list(found[:_SHOWN]))


def _of(application: Application, user_id: str) -> Backtests:
    if application.backtests is None:
        raise NotFoundError("engine of backtests", "here")
    return application.backtests(UserId(user_id))


def _run(application: Application, backtests: Backtests, body: BacktestBody) -> Mapping[str, Any]:
    return backtests.run(
        body.strategy,
        _series(application, body),
        parameters=body.parameters,
        terms=body.terms(),
        out=None,
        log=None,
        progress=lambda _done, _total: None,
    )


def _series(application: Application, body: BacktestBody) -> Sequence[Sequence[Bar]]:
    found, left = [], MOST_BARS
    for code in body.symbols:
        bars = application.bars.bars(
            symbol(code), Timeframe(body.timeframe), body.since, body.until, left + 1
        )
        if not bars:
            raise NotFoundError("series of bars", f"{code} {body.timeframe}")
        left -= len(bars)
        if left < 0:
            msg = f"more than {MOST_BARS} bars; ask for fewer with since and until"
            raise InvalidBacktestError(msg)
        found.append(bars)
    return found
