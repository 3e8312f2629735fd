"""Which limits hold for an order: the strictest of what every scope it belongs to says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from traderbot.domain.orders.ticket import SETTINGS
from traderbot.domain.risk.control import RiskControl
from traderbot.domain.risk.limits import Limits, limit_value, stricter
from traderbot.domain.risk.trading_state import TradingState


def limits_at(
    installed: Limits, controls: Sequence[RiskControl], at: datetime
) -> tuple[Limits, str]:
    """Return the limits in force at an instant, and their version.

    `controls` come from the widest scope to the narrowest. What the whole system has of its own
    stands in the place of what was installed; every narrower scope can only make it stricter.

    The version names every scope that had limits of its own with the number of its newest event:
    `settings+system@3+portfolio-…@5`; together with the instant it says what was in force.
    """
    if not any(control.limits for control in controls):
        return installed, SETTINGS
    values: dict[str, Any] = {}
    version = SETTINGS
    for control in controls:
        if not control.limits:
            continue
        version += f"+{control.scope}@{control.version}"
        for name, setting in control.limits.items():
            text = setting.at(at)
            if text is None:
                continue
            value = limit_value(name, text)
            if control.scope != "system":
                value = stricter(name, value, values.get(name, getattr(installed, name)))
            values[name] = value
    return (replace(installed, **values) if values else installed), version


def versions_in(limits_version: str) -> dict[str, int]:
    """Return which scopes an order's `limits_version` names, each with its number.

    Raises:
        ValueError: it was not written by `limits_at`.
    """
    found: dict[str, int] = {}
    for part in limits_version.split("+"):
        if part != SETTINGS:
            scope, at, number = part.rpartition("@")
            if not at:
                msg = f"not a version of limits: {limits_version!r:.80}"
                raise ValueError(msg)
            found[scope] = int(number)
    return found


def strictest_at(
    controls: Sequence[RiskControl], at: datetime
) -> tuple[TradingState, RiskControl | None]:
    """Return what may be traded at an instant, and the scope that says so."""
    worst, where = TradingState.ACTIVE, None
    for control in controls:
        state = control.state_at(at)
        if state.severity > worst.severity:
            worst, where = state, control
    return worst, where
