"""Whether the log is being sealed, as far as this process is to do it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from traderbot.application.ports.health import Health, HealthCheck
from traderbot.infrastructure.sealing.log_sealing import LogSealing

_NAME: Final = "sealing"
_GRACE_SECONDS: Final = 10.0  # a database that is restarted is no failure of sealing


def sealing_check(find: Callable[[], LogSealing | None]) -> HealthCheck:
    """Return a check of the sealing that `find` returns; None where nothing was ever sealed here.

    That nothing can be published is said, and no failure: sealing goes on, and whoever trades can
    do nothing about it. The words of an error are for operators, so they are not repeated here.
    """

    def check() -> Health:
        sealing = find()
        loop = None if sealing is None else sealing.loop
        if loop is None:
            return Health(_NAME, ok=True, message="not done by this process")
        status = loop.status
        if not loop.is_alive:
            return Health(_NAME, ok=False, message="the sealer has ended; start the program again")
        if loop.failing_seconds > _GRACE_SECONDS:
            since = status.sealed_at or "the start"
            message = f"nothing was sealed since {since}: run `traderbot audit verify`"
            return Health(_NAME, ok=False, message=message)
        message = f"{status.checkpoint_size} events signed, {status.anchored_size} published"
        if status.unpublished is not None:
            message += "; publishing fails, the program's log says why"
        return Health(_NAME, ok=True, message=message)

    return check
