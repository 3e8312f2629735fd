"""Is it alive, is it fit for work. Open to all, and without a secret in it."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Request

from traderbot.application.ports.health import Health
from traderbot.presentation.api.backend import Backend, Uses
from traderbot.presentation.api.dependencies import CleanQuery
from traderbot.presentation.api.documentation import ANY, failures
from traderbot.presentation.api.errors import ApiError
from traderbot.presentation.api.json_body import StrictRoute
from traderbot.presentation.api.schemas.errors import FailureDetail
from traderbot.presentation.api.schemas.health import HealthOut, LiveOut, ReadyOut

router = APIRouter(
    prefix="/health", tags=["health"], route_class=StrictRoute, dependencies=[CleanQuery]
)


@router.get("", name="report", responses=failures(ANY, "NOT_READY"))
async def report(request: Request, use: Uses) -> HealthOut:
    """Say whether every part works, and which version this is."""
    checks = ReadyOut.of(await _all_well(use)).checks
    return HealthOut(
        checks=checks, version=request.app.version, timestamp=use.application.clock.now()
    )


@router.get("/live", name="live", responses=failures(ANY))
async def live() -> LiveOut:
    """Say that the process answers; nothing else is asked."""
    return LiveOut()


@router.get("/ready", name="ready", responses=failures(ANY, "NOT_READY"))
async def ready(use: Uses) -> ReadyOut:
    """Say whether requests may be sent here: 200, or 503 with what is wrong."""
    return ReadyOut.of(await _all_well(use))


async def _all_well(use: Backend) -> Sequence[Health]:
    checks = await use.health()
    failed = [
        FailureDetail(field=check.name, message=check.message) for check in checks if not check.ok
    ]
    if failed:
        names = ", ".join(each.field for each in failed)
        message = f"not fit for work: {names}"
        raise ApiError("NOT_READY", message, failed)
    return checks
