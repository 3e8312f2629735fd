"""Whether the program is fit for work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import ConfigDict
from pydantic.config import JsonDict

from traderbot.application.ports.health import Health
from traderbot.presentation.api.schemas.values import EXAMPLE_INSTANT, Instant, Out

_CHECK: JsonDict = {"name": "database", "ok": True, "message": "sqlite, schema 0001"}


class CheckOut(Out):
    """One part, and whether it works."""

    name: str
    ok: bool
    message: str


class LiveOut(Out):
    """The process answers."""

    status: Literal["ok"] = "ok"

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "ok"}]})


class ReadyOut(Out):
    """Every part works."""

    status: Literal["ok"] = "ok"
    checks: list[CheckOut]

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"status": "ok", "checks": [_CHECK]}]}
    )

    @classmethod
    def of(cls, checks: Sequence[Health]) -> ReadyOut:
        """Show what the checks found."""
        return cls(checks=[CheckOut.model_validate(check) for check in checks])


class HealthOut(ReadyOut):
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
