"""Who one is."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from traderbot.presentation.api.auth import CurrentUser, current_user
from traderbot.presentation.api.dependencies import CleanQuery
from traderbot.presentation.api.documentation import ANY, PRIVATE, failures
from traderbot.presentation.api.json_body import StrictRoute
from traderbot.presentation.api.schemas.users import UserOut

router = APIRouter(
    prefix="/users",
    tags=["users"],
    route_class=StrictRoute,
    dependencies=[Depends(current_user), CleanQuery],
)


@router.get("/me", name="me", responses=failures(ANY, PRIVATE))
async def me(user: CurrentUser) -> UserOut:
    """Show the user the token belongs to."""
    return UserOut.of(user)
