"""Orders: place, find, change, cancel, and have them explained."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi import Query as InQuery

from traderbot.application.commands.cancel_order import CancelOrder
from traderbot.application.errors import NotFoundError
from traderbot.application.ports.rate_limiter import LimitGroup
from traderbot.domain.shared.ids import OrderId, UserId
from traderbot.presentation.api.auth import (
    AuditedOwner,
    CurrentTrader,
    CurrentUser,
    current_user,
)
from traderbot.presentation.api.backend import Uses
from traderbot.presentation.api.dependencies import CleanQuery, KeyedOrigin, PlainOrigin
from traderbot.presentation.api.documentation import ANY, BODY, KEYED, PRIVATE, WRITE, failures
from traderbot.presentation.api.json_body import StrictRoute
from traderbot.presentation.api.rate_limits import limited
from traderbot.presentation.api.schemas.orders import (
    AmendmentOut,
    AmendOrderBody,
    ExplanationOut,
    OrderEvents,
    OrderOut,
    OrderPage,
    OrderQuery,
    PlaceOrderBody,
)
from traderbot.presentation.api.schemas.values import OrderIdPath

router = APIRouter(
    prefix="/orders",
    tags=["orders"],
    route_class=StrictRoute,
    dependencies=[Depends(current_user), CleanQuery],
)
_STORY = (*ANY, *PRIVATE, "NOT_FOUND", "CORRUPT_HISTORY")


@router.post(
    "",
    name="create",
    status_code=201,
    responses=failures(
        ANY,
        PRIVATE,
        BODY,
        WRITE,
        KEYED,
        "NOT_ALLOWED",
        "NOT_FOUND",
        "INVALID_TICKET",
        "NO_REFERENCE_PRICE",
        "CLIENT_ORDER_ID_TAKEN",
    ),
)
@limited(LimitGroup.TRADING)
async def place_order(
    body: PlaceOrderBody, trader: CurrentTrader, origin: KeyedOrigin, use: Uses
) -> OrderOut:
    """Place an order. One that breaks a limit is recorded too: its status is `refused`."""
    return OrderOut.of(await use.execute(body.to_command(UserId(trader.user_id)), origin))


@router.get("", name="list", responses=failures(ANY, PRIVATE, "BAD_CURSOR"))
async def list_orders(
    which: Annotated[OrderQuery, InQuery()], user: CurrentUser, use: Uses
) -> OrderPage:
    """List your orders, newest first."""
    found = await use.ask(
        use.application.views.orders,
        which.to_filter(UserId(user.user_id)),
        limit=which.limit,
        cursor=which.cursor,
    )
    return OrderPage.of(found)


@router.get("/{order_id}", name="get", responses=failures(ANY, PRIVATE, "NOT_FOUND"))
async def get_order(order_id: OrderIdPath, user: CurrentUser, use: Uses) -> OrderOut:
    """Show an order."""
    found = await use.ask(use.application.views.order, UserId(user.user_id), OrderId(order_id))
    if found is None:
        what = "order"
        raise NotFoundError(what, order_id)
    return OrderOut.of(found)


@router.patch(
    "/{order_id}",
    name="amend",
    responses=failures(
        ANY,
        PRIVATE,
        BODY,
        WRITE,
        "NOT_ALLOWED",
        "NOT_FOUND",
        "INVALID_TICKET",
        "ORDER_CLOSED",
        "ORDER_NOT_SUBMITTABLE",
        "NO_REFERENCE_PRICE",
    ),
)
@limited(LimitGroup.TRADING)
async def amend_order(
    order_id: OrderIdPath,
    body: AmendOrderBody,
    trader: CurrentTrader,
    origin: PlainOrigin,
    use: Uses,
) -> AmendmentOut:
    """Change what is not filled of an order. One a venue has is changed when the venue says so.

    A change that breaks a limit leaves the order as it was: the outcome is `refused`.
    """
    command = body.to_command(UserId(trader.user_id), OrderId(order_id))
    return AmendmentOut.of(await use.execute(command, origin))


@router.delete(
    "/{order_id}",
    name="cancel",
    responses=failures(ANY, PRIVATE, WRITE, "NOT_ALLOWED", "NOT_FOUND", "ORDER_CLOSED"),
)
@limited(LimitGroup.CANCEL)
async def cancel_order(
    order_id: OrderIdPath, trader: CurrentTrader, origin: PlainOrigin, use: Uses
) -> OrderOut:
    """Give up what is not filled of an order. Asking twice is harmless."""
    command = CancelOrder(owner_id=UserId(trader.user_id), order_id=OrderId(order_id))
    return OrderOut.of(await use.execute(command, origin))


@router.get("/{order_id}/events", name="events", responses=failures(_STORY))
async def list_events(order_id: OrderIdPath, owner: AuditedOwner, use: Uses) -> OrderEvents:
    """List what was recorded of an order, oldest first. An auditor may ask about any."""
    story = await use.ask(use.application.audit.explain, OrderId(order_id), owner)
    return OrderEvents.of([each for each in story.events if each.stream.endswith(order_id)])


@router.get("/{order_id}/explanation", name="explain", responses=failures(_STORY))
async def explain_order(order_id: OrderIdPath, owner: AuditedOwner, use: Uses) -> ExplanationOut:
    """Tell an order's whole story: who wanted it, why, what was recorded, what it moved.

    An auditor may ask about any order.
    """
    story = await use.ask(use.application.audit.explain, OrderId(order_id), owner)
    return ExplanationOut.of(story)
