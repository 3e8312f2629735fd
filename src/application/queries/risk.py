"""Questions about the gate: what is stopped, which limits hold, and which held for an order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from traderbot.application.errors import NotFoundError
from traderbot.application.gate import Gate
from traderbot.application.ports.risk import RiskAlert, RiskReading
from traderbot.application.ports.views import PAGE_LIMIT, Views
from traderbot.application.risk_views import LimitsView, ScopeView
from traderbot.application.views import OrderView
from traderbot.domain.risk.control import RiskControl
from traderbot.domain.risk.effective import limits_at, strictest_at, versions_in
from traderbot.domain.risk.installed import Installed, installed_from
from traderbot.domain.risk.trading_state import SYSTEM, Scope, ScopeKind, TradingState
from traderbot.domain.shared.ids import BotRunId, OrderId, PortfolioId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskStatus:
    """What may be traded now. `latch` says why nothing may, if the switch outside the log is on."""

    state: str
    latch: str | None
    scopes: tuple[ScopeView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskQuestions:
    """Answers for one user (`owner_id`), or for an operator (None), who sees every scope."""

    risk: RiskReading
    views: Views
    gate: Gate

    def status(self, owner_id: UserId | None, at: datetime) -> RiskStatus:
        """Return the state of everything the user's orders depend on."""
        controls = self._visible(owner_id)
        latch = self.gate.latch.engaged()
        wide = [it for it in controls if it.scope in ("system", f"venue-{self.gate.venue}")]
        state = TradingState.HALTED if latch else strictest_at(wide, at)[0]
        scopes = {each.scope: ScopeView.of(each, at) for each in controls}
        scopes.setdefault(SYSTEM.key, ScopeView.untouched(SYSTEM.key))
        # The widest first, then by name.
        order = {kind.value: place for place, kind in enumerate(ScopeKind)}
        listed = sorted(scopes.values(), key=lambda it: (order[_kind(it.scope)], it.scope))
        return RiskStatus(state=state.value, latch=latch, scopes=tuple(listed))

    def alerts(self, owner_id: UserId | None, limit: int) -> Sequence[RiskAlert]:
        """Return what stopped, resumed or changed, newest first."""
        return self.risk.alerts(None if owner_id is None else self._scopes_of(owner_id), limit)

    def limits(self, scope: Scope, owner_id: UserId | None, at: datetime) -> LimitsView:
        """Return the limits that hold at a scope. Raises NotFoundError."""
        keys = self._chain(scope, owner_id)
        controls = [it for key in keys if (it := self.risk.control(key)) is not None]
        limits, version = limits_at(self.gate.limits, controls, at)
        return LimitsView(
            scope=scope.key,
            limits=limits.texts(),
            limits_version=version,
            scopes=tuple(ScopeView.of(each, at) for each in controls),
        )

    def limits_of(self, order: OrderView) -> LimitsView:
        """Return the limits that were in force when the gate judged an order.

        Those of the scopes are read from the log as they were, those of the settings from the
        verdict itself. Verdicts older than that do not have them: then the settings of today are
        told, and `settings` says so.
        """
        recorded = self.risk.installed_for(OrderId(order.order_id))
        installed = installed_from(recorded) if recorded else Installed(self.gate.limits)
        controls = [
            control
            for scope, version in versions_in(order.limits_version).items()
            if (control := self.risk.control(scope, version)) is not None
        ]
        limits, version = limits_at(installed.limits, controls, order.placed_at)
        return LimitsView(
            scope=f"order-{order.order_id}",
            limits=replace(installed, limits=limits).texts(),
            limits_version=version,
            scopes=tuple(ScopeView.of(each, order.placed_at) for each in controls),
            settings="recorded" if recorded else "today",
        )

    def _visible(self, owner_id: UserId | None) -> Sequence[RiskControl]:
        controls = self.risk.controls()
        if owner_id is None:
            return controls
        own = frozenset(self._scopes_of(owner_id))
        return [control for control in controls if control.scope in own]

    def _scopes_of(self, owner_id: UserId) -> list[str]:
        """Return the scopes a user's orders depend on."""
        keys = [SYSTEM.key, f"venue-{self.gate.venue}"]
        cursor: str | None = None
        while True:
            portfolios = self.views.portfolios(owner_id, limit=PAGE_LIMIT, cursor=cursor)
            keys += [f"portfolio-{each.portfolio_id}" for each in portfolios.items]
            cursor = portfolios.next_cursor
            if cursor is None:
                break
        while True:
            runs = self.views.bot_runs(owner_id, limit=PAGE_LIMIT, cursor=cursor)
            keys += [f"bot-{each.bot_run_id}" for each in runs.items]
            cursor = runs.next_cursor
            if cursor is None:
                return keys

    def _chain(self, scope: Scope, owner_id: UserId | None) -> list[str]:
        """Return the scope with those around it, widest first."""
        wide = [SYSTEM.key, f"venue-{self.gate.venue}"]
        match scope.kind:
            case ScopeKind.SYSTEM:
                return [SYSTEM.key]
            case ScopeKind.VENUE:
                return [SYSTEM.key, scope.key]
            case ScopeKind.PORTFOLIO:
                if self.views.portfolio(owner_id, PortfolioId(scope.id)) is None:
                    raise NotFoundError("portfolio", scope.id)
                return [*wide, scope.key]
            case ScopeKind.BOT:
                run = self.views.bot_run(owner_id, BotRunId(scope.id))
                if run is None:
                    raise NotFoundError("bot run", scope.id)
                return [*wide, f"portfolio-{run.portfolio_id}", scope.key]


def _kind(scope: str) -> str:
    return scope.partition("-")[0]
