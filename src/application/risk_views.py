"""What doors show of the risk gate. Amounts are text, as everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from traderbot.domain.risk.control import RiskControl
from traderbot.domain.risk.trading_state import TradingState


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeLimitView:
    """One limit a scope has of its own; after `expires_at` it is `returns_to`."""

    limit: str
    value: str | None
    expires_at: datetime | None
    returns_to: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeView:
    """One scope: what may be traded, since when, why, by whom; and its own limits."""

    scope: str
    state: str
    cause: str
    reason: str
    by: str
    since: datetime | None
    until: datetime | None
    limits: tuple[ScopeLimitView, ...]
    version: int

    @staticmethod
    def of(control: RiskControl, at: datetime) -> ScopeView:
        """Show an aggregate as it is at an instant."""
        state = control.state_at(at)
        is_on = state is not TradingState.ACTIVE
        return ScopeView(
            scope=control.scope,
            state=state.value,
            cause=control.cause if is_on else "",
            reason=control.reason,
            by=control.by,
            since=control.since if is_on else None,
            until=control.until if is_on else None,
            limits=tuple(
                ScopeLimitView(
                    limit=name,
                    value=setting.at(at),
                    expires_at=None if setting.is_over(at) else setting.expires_at,
                    returns_to=setting.returns_to,
                )
                for name, setting in sorted(control.limits.items())
            ),
            version=control.version,
        )

    @staticmethod
    def untouched(scope: str) -> ScopeView:
        """Show a scope nothing ever happened at."""
        return ScopeView(
            scope=scope,
            state=TradingState.ACTIVE.value,
            cause="",
            reason="",
            by="",
            since=None,
            until=None,
            limits=(),
            version=0,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsView:
    """The limits that hold somewhere, and their version, as it stands in every order's verdict.

    `settings` says where the part of the installation is from: those of `today`, or as `recorded`
    with the verdict on an order.
    """

    scope: str
    limits: Mapping[str, str | None]
    limits_version: str
    scopes: tuple[ScopeView, ...]  # those that had a say, widest first
    settings: str = "today"


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskFigures:
    """What a portfolio has at risk in one currency, beside the limits on it."""

    currency: str
    equity: str  # at cost
    gross: str
    net: str
    reserved: str
    lost_today: str  # below zero: a profit
    fallen: str  # from the best of 30 days
    peak: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskAnalysisView:
    """A portfolio as the gate sees it now."""

    portfolio_id: str
    at: datetime
    state: str
    state_of: str
    working_orders: int
    orders_in_last_minute: int
    figures: tuple[RiskFigures, ...]
    limits: Mapping[str, str | None]
    limits_version: str
