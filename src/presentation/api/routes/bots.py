"""Bots: start, stop, pause, see how they do."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi import Query as InQuery

from traderbot.application.commands.bots import ChangeBotParameters
from traderbot.application.errors import NotFoundError
from traderbot.application.ports.rate_limiter import LimitGroup
from traderbot.application.views import BotRunView
from traderbot.domain.shared.ids import BotRunId, UserId
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.presentation.api.auth import CurrentTrader, CurrentUser, current_user
from traderbot.presentation.api.backend import Backend, Uses
from traderbot.presentation.api.dependencies import CleanQuery, PerhapsKeyedOrigin, PlainOrigin
from traderbot.presentation.api.documentation import ANY, BODY, PRIVATE, WRITE, failures
from traderbot.presentation.api.json_body import StrictRoute
from traderbot.presentation.api.rate_limits import limited
from traderbot.presentation.api.schemas.bots import (
    BotIdPath,
    BotOut,
    BotPage,
    BotWishBody,
    ChangeBotBody,
    StartBotBody,
    UserIdPath,
)
from traderbot.presentation.api.schemas.portfolios import PageQuery

router = APIRouter(
    prefix="/bot",
    tags=["bots"],
    route_class=StrictRoute,
    dependencies=[Depends(current_user), CleanQuery],
)
_CHANGE = (*ANY, *PRIVATE, *BODY, *WRITE, "NOT_ALLOWED", "NOT_FOUND")


@router.post(
    "/start",
    name="start",
    status_code=201,
    responses=failures(
        _CHANGE,
        "UNKNOWN_STRATEGY",
        "INVALID_PARAMETER",
        "IDEMPOTENCY_KEY_INVALID",
        "IDEMPOTENCY_KEY_REUSED",
    ),
)
@limited(LimitGroup.TRADING)
async def start_bot(
    body: StartBotBody, trader: CurrentTrader, origin: PerhapsKeyedOrigin, use: Uses
) -> BotOut:
    """Let a strategy decide on every bar that closes from now on."""
    return BotOut.of(await use.execute(body.to_command(UserId(trader.user_id)), origin))


@router.post("/stop", name="stop", responses=failures(_CHANGE))
@limited(LimitGroup.CANCEL)
async def stop_bot(
    body: BotWishBody, trader: CurrentTrader, origin: PlainOrigin, use: Uses
) -> BotOut:
    """End a run for good. What it holds stays, and so do its open orders."""
    return BotOut.of(await use.execute(body.to_stop(UserId(trader.user_id)), origin))


@router.post("/pause", name="pause", responses=failures(_CHANGE, "BOT_STOPPED"))
@limited(LimitGroup.CANCEL)
async def pause_bot(
    body: BotWishBody, trader: CurrentTrader, origin: PlainOrigin, use: Uses
) -> BotOut:
    """Let a bot go on looking, and place no order until it is resumed."""
    return BotOut.of(await use.execute(body.to_pause(UserId(trader.user_id)), origin))


@router.post("/resume", name="resume", responses=failures(_CHANGE, "BOT_STOPPED"))
@limited(LimitGroup.TRADING)
async def resume_bot(
    body: BotWishBody, trader: CurrentTrader, origin: PlainOrigin, use: Uses
) -> BotOut:
    """Let a paused bot place orders again, from the next bar on."""
    return BotOut.of(await use.execute(body.to_resume(UserId(trader.user_id)), origin))


@router.post(
    "/parameters",
    name="change",
    responses=failures(_CHANGE, "BOT_STOPPED", "UNKNOWN_STRATEGY", "INVALID_PARAMETER"),
)
@limited(LimitGroup.TRADING)
async def change_bot(
    body: ChangeBotBody, trader: CurrentTrader, origin: PlainOrigin, use: Uses
) -> BotOut:
    """Give a bot's strategy other parameters from the next bar on."""
    run = await _own_bot(use, trader.user_id, body.bot_run_id)
    made = StrategyRegistry.create(run.strategy, {**run.parameters, **body.parameters})
    command = ChangeBotParameters(
        owner_id=UserId(trader.user_id),
        bot_run_id=BotRunId(body.bot_run_id),
        parameters=made.parameters(),
        reason=body.reason,
    )
    return BotOut.of(await use.execute(command, origin))


@router.get("/status/{bot_run_id}", name="status", responses=failures(ANY, PRIVATE, "NOT_FOUND"))
async def show_bot(bot_run_id: BotIdPath, user: CurrentUser, use: Uses) -> BotOut:
    """Show a bot: whether it goes on, who runs it, what it decided last."""
    return BotOut.of(await _own_bot(use, user.user_id, bot_run_id))


@router.get(
    "/list/{user_id}", name="list", responses=failures(ANY, PRIVATE, "NOT_FOUND", "BAD_CURSOR")
)
async def list_bots(
    user_id: UserIdPath, page: Annotated[PageQuery, InQuery()], user: CurrentUser, use: Uses
) -> BotPage:
    """List your bots, newest first. Another user's id is as unknown as one that is nobody's."""
    if user_id != user.user_id:
        what = "user"
        raise NotFoundError(what, user_id)
    found = await use.ask(
        use.application.views.bot_runs,
        UserId(user.user_id),
        limit=page.limit,
        cursor=page.cursor,
    )
    return BotPage.of(found)


async def _own_bot(use: Backend, user_id: str, bot_run_id: str) -> BotRunView:
    found = await use.ask(use.application.views.bot_run, UserId(user_id), BotRunId(bot_run_id))
    if found is None:
        what = "bot run"
        raise NotFoundError(what, bot_run_id)
    return found
