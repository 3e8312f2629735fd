"""For operators: who follows the log, and what becomes of events that could not be handled."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi import Query as InQuery

from traderbot.application.ports.subscriptions import NotParkedError, ParkedState
from traderbot.domain.users.user import Role
from traderbot.presentation.api.auth import current_user, require_role
from traderbot.presentation.api.backend import Uses
from traderbot.presentation.api.dependencies import CleanQuery, PlainOrigin
from traderbot.presentation.api.documentation import ANY, BODY, PRIVATE, WRITE, failures
from traderbot.presentation.api.json_body import StrictRoute
from traderbot.presentation.api.schemas.admin import (
    DiscardBody,
    DiscardedOut,
    ParkedOut,
    ParkedPage,
    ParkedQuery,
    RequeuedOut,
    SubscriptionList,
)
from traderbot.presentation.api.schemas.values import LogIndexPath, SubscriptionPath

router = APIRouter(
    prefix="/admin",
    tags=["admin"],
    route_class=StrictRoute,
    dependencies=[Depends(current_user), Depends(require_role(Role.ADMIN)), CleanQuery],
)
_HERE = (*ANY, *PRIVATE, "NOT_ALLOWED")
_EVENT = "/parked-events/{subscription}/{log_index}"


@router.get("/subscriptions", name="subscriptions", responses=failures(_HERE))
async def list_subscriptions(use: Uses) -> SubscriptionList:
    """Show how far every subscription is."""
    return SubscriptionList.of(await use.ask(use.application.subscriptions.statuses))


@router.get("/parked-events", name="parked_events", responses=failures(_HERE, "BAD_CURSOR"))
async def list_parked_events(which: Annotated[ParkedQuery, InQuery()], use: Uses) -> ParkedPage:
    """List events that were put aside, by subscription and log index."""
    page = await use.ask(
        use.application.subscriptions.parked,
        which.subscription,
        state=which.state,
        limit=which.limit,
        cursor=which.cursor,
    )
    return ParkedPage.of(page)


@router.get(_EVENT, name="parked_event", responses=failures(_HERE, "NOT_FOUND"))
async def get_parked_event(
    subscription: SubscriptionPath, log_index: LogIndexPath, use: Uses
) -> ParkedOut:
    """Show one event that was put aside."""
    found = await use.ask(use.application.subscriptions.parked_event, subscription, log_index)
    return ParkedOut.of(found)


@router.post(
    f"{_EVENT}/retry",
    name="retry_parked_event",
    status_code=202,
    responses=failures(_HERE, "NOT_FOUND", "NOT_PARKED"),
)
async def retry_parked_event(
    subscription: SubscriptionPath, log_index: LogIndexPath, use: Uses
) -> RequeuedOut:
    """Have it attempted once more, and then, in order, what is parked behind it."""
    count = await use.ask(use.application.subscriptions.retry, subscription, log_index)
    return RequeuedOut(requeued=count)


@router.post(
    f"{_EVENT}/discard",
    name="discard_parked_event",
    responses=failures(_HERE, BODY, WRITE, "NOT_FOUND", "NOT_PARKED"),
)
async def discard_parked_event(
    subscription: SubscriptionPath,
    log_index: LogIndexPath,
    body: DiscardBody,
    origin: PlainOrigin,
    use: Uses,
) -> DiscardedOut:
    """Give it up for good. That it was, by whom and why, becomes an event itself."""
    subscriptions = use.application.subscriptions
    found = await use.ask(subscriptions.parked_event, subscription, log_index)
    found.refuse_unless_parked()
    # First the fact. If this ends here, the subscription follows it when it reads it in the log.
    await use.execute(body.to_command(found), origin)
    try:
        given_up = await use.ask(
            subscriptions.discard, subscription, log_index, reason=body.reason, by=origin.actor.id
        )
    except NotParkedError:  # the subscription has heard of the fact by itself
        given_up = await use.ask(subscriptions.parked_event, subscription, log_index)
        if given_up.state is not ParkedState.DISCARDED:
            raise
    return DiscardedOut.model_validate(given_up)
