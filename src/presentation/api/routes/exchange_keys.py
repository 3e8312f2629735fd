"""Keys of exchanges: store one, see which there are, remove one. None is ever shown again."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request

from traderbot.application.commands.exchange_keys import AddExchangeKey, RemoveExchangeKey
from traderbot.application.errors import NotFoundError
from traderbot.application.exchange_secrets import seal
from traderbot.domain.shared.ids import UserId
from traderbot.presentation.api.auth import CurrentTrader, CurrentUser, current_user
from traderbot.presentation.api.backend import Uses
from traderbot.presentation.api.dependencies import CleanQuery, PlainOrigin
from traderbot.presentation.api.documentation import ANY, BODY, PRIVATE, WRITE, failures
from traderbot.presentation.api.json_body import StrictRoute
from traderbot.presentation.api.schemas.bots import UserIdPath
from traderbot.presentation.api.schemas.exchange_keys import (
    ExchangeKeyBody,
    ExchangeKeyIdPath,
    ExchangeKeyOut,
    ExchangeKeysOut,
)
from traderbot.presentation.api.step_up import ensure_password

router = APIRouter(
    prefix="/exchange/keys",
    tags=["exchange"],
    route_class=StrictRoute,
    dependencies=[Depends(current_user), CleanQuery],
)


@router.post(
    "",
    name="add_key",
    status_code=201,
    responses=failures(
        ANY, PRIVATE, BODY, WRITE, "NOT_ALLOWED", "WRONG_PASSWORD", "TOO_MANY_EXCHANGE_KEYS"
    ),
)
async def add_key(
    body: ExchangeKeyBody, user: CurrentTrader, origin: PlainOrigin, request: Request, use: Uses
) -> ExchangeKeyOut:
    """Store a key of yours, sealed. Your password is asked for once more."""
    await ensure_password(request, use, user, body.password)
    application, owner_id = use.application, UserId(user.user_id)
    sealed = seal(
        body.secrets(),
        application.key_safe().box,
        key_id=application.ids.new(),
        owner_id=owner_id,
        at=application.clock.now(),
    )
    wish = AddExchangeKey(user_id=owner_id, exchange=body.exchange, label=body.label, sealed=sealed)
    return ExchangeKeyOut.of(await use.execute(wish, origin))


@router.get("/{user_id}", name="keys", responses=failures(ANY, PRIVATE, "NOT_FOUND"))
async def keys(user_id: UserIdPath, user: CurrentUser) -> ExchangeKeysOut:
    """Show which keys of yours are stored; another user's id is as unknown as nobody's."""
    if user_id != user.user_id:
        what = "user"
        raise NotFoundError(what, user_id)
    return ExchangeKeysOut.of(user)


@router.delete(
    "/{key_id}",
    name="remove_key",
    status_code=204,
    responses=failures(ANY, PRIVATE, WRITE, "NOT_ALLOWED", "NOT_FOUND"),
)
async def remove_key(
    key_id: ExchangeKeyIdPath, user: CurrentTrader, origin: PlainOrigin, use: Uses
) -> None:
    """Remove a key of yours. What was sealed of it is erased; revoke it at the exchange too."""
    await use.execute(RemoveExchangeKey(user_id=UserId(user.user_id), key_id=key_id), origin)
