"""Whether the program is fit for work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import ConfigDict

from traderbot.application.ports.health import Health
from traderbot.presentation.api.schemas.values import EXAMPLE_INSTANT, Instant, Shown

_CHECK = {"name": "database", "ok": True, "message": "sqlite, schema 0001"}


class CheckShown(Shown):
    """One part, and whether it works."""

    name: str
    ok: bool
    message: str


class LiveShown(Shown):
    """The process answers."""

    status: Literal["ok"] = "ok"

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "ok"}]})


class ReadyShown(Shown):
    """Every part works."""

    status: Literal["ok"] = "ok"
    checks: list[CheckShown]

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"status": "ok", "checks": [_CHECK]}]}
    )

    @classmethod
    def of(cls, checks: Sequence[Health]) -> ReadyShown:
        """Show what the checks found."""
        return cls(checks=[CheckShown.model_validate(check) for check in checks])


class HealthShown(ReadyShown):
    """Every part works, and which program this is."""

    version: str
    timestamp: Instant

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "status": "ok",
                    "checks": [_CHECK],
                    "version": "0.1.0",
                    "timestamp": EXAMPLE_INSTANT,
                }
            ]
        }
    )
