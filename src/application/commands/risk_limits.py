"""Change limits of a scope, and say how a portfolio stands to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from traderbot.application.commands.halting import ensure_own, named
from traderbot.application.commands.placing import owned_portfolio
from traderbot.application.errors import NotFoundError, StaleAggregateError
from traderbot.application.gate import Gate, record_lapsed
from traderbot.application.ports.clock import Clock
from traderbot.application.ports.commands import Command
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.application.risk_views import RiskAnalysisView, RiskFigures, ScopeView
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.risk.control import RiskControl
from traderbot.domain.risk.effective import limits_at, strictest_at
from traderbot.domain.risk.limits import MINUTE, Limits
from traderbot.domain.risk.trading_state import Scope, ScopeKind
from traderbot.domain.shared.decimals import EXACT, ZERO, add, plain, subtract
from traderbot.domain.shared.ids import BotRunId, PortfolioId, UserId
from traderbot.domain.shared.values import Currency


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLimits(Command[ScopeView]):
    """Some limits of a scope shall be others; None takes away what the scope has of its own.

    What lets more pass than before ends at `expires_at`, after 60 minutes if none is given.
    `expected_version` is the scope's version the caller has seen, 0 if it had none; None: any.
    """

    scope: Scope
    limits: Mapping[str, str | None]
    reason: str
    owner_id: UserId | None = None
    expires_at: datetime | None = None
    expected_version: int | None = None

    def __post_init__(self) -> None:
        """Take a copy: the caller's own dictionary may change."""
        object.__setattr__(self, "limits", MappingProxyType(dict(self.limits)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLimitsHandler:
    """Handles `ChangeLimits`. All of them change, or none."""

    clock: Clock
    gate: Gate

    def __call__(self, command: ChangeLimits, unit: UnitOfWork) -> ScopeView:
        """Return the scope.

        Raises:
            NotFoundError, NotAllowedError: the scope is not the caller's to change.
            InvalidLimitError: there is no such limit, or it cannot be that.
            InvalidValueError: no reason is given.
            StaleAggregateError: it was changed since the caller looked.
        """
        scope, at = command.scope, self.clock.now()
        ensure_own(scope, command.owner_id, unit)
        control = unit.risk.find(scope.key)
        version = 0 if control is None else control.version
        if command.expected_version not in (None, version):
            msg = f"the limits of {scope} were changed meanwhile: version {version} holds now"
            raise StaleAggregateError(msg)
        if control is not None:
            (control,) = record_lapsed([control], unit, at)
        wider, _ = limits_at(self.gate.limits, self._wider(scope, unit), at)
        for name, value in command.limits.items():
            events = RiskControl.change_limit(
                control,
                scope,
                name,
                value,
                in_force=wider.text_of(name) if name in _KNOWN else None,
                reason=command.reason,
                by=named(unit),
                at=at,
                expires_at=command.expires_at,
            )
            if events:
                control = unit.risk.record(scope.key, events)
        if control is None:
            return ScopeView.untouched(scope.key)
        return ScopeView.of(control, at)

    def _wider(self, scope: Scope, unit: UnitOfWork) -> list[RiskControl]:
        match scope.kind:
            case ScopeKind.SYSTEM:
                return []
            case ScopeKind.VENUE:
                keys = ["system"]
            case ScopeKind.PORTFOLIO:
                keys = ["system", f"venue-{self.gate.venue}"]
            case ScopeKind.BOT:
                run = unit.bots.find(BotRunId(scope.id))
                keys = ["system", f"venue-{self.gate.venue}"]
                keys += [] if run is None else [f"portfolio-{run.portfolio_id}"]
        return [control for key in keys if (control := unit.risk.find(key)) is not None]


_KNOWN = frozenset(Limits().texts())


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyseRisk(Command[RiskAnalysisView]):
    """How does a portfolio stand? Asked of the gate itself, which answers with what it decides by.

    It records nothing. It is no question to the read side because what the gate remembers of a
    portfolio is in no table.
    """

    portfolio_id: PortfolioId
    owner_id: UserId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyseRiskHandler:
    """Handles `AnalyseRisk`."""

    clock: Clock
    gate: Gate

    def __call__(self, command: AnalyseRisk, unit: UnitOfWork) -> RiskAnalysisView:
        """Return the portfolio as the gate sees it. Raises NotFoundError."""
        at = self.clock.now()
        if command.owner_id is None:
            portfolio = unit.portfolios.find(command.portfolio_id)
            if portfolio is None:
                raise NotFoundError("portfolio", command.portfolio_id)
        else:
            portfolio = owned_portfolio(unit, command.portfolio_id, command.owner_id)
        controls = self.gate.controls(unit, portfolio.id)
        limits, version = limits_at(self.gate.limits, controls, at)
        state, where = strictest_at(controls, at)
        currencies = {*portfolio.cash, *(it.quote for it in portfolio.positions)}
        memory = portfolio.memory
        return RiskAnalysisView(
            portfolio_id=portfolio.id,
            at=at,
            state=state.value,
            state_of="" if where is None else where.scope,
            working_orders=len(memory.working),
            orders_in_last_minute=sum(1 for sent in memory.sent if sent.at > at - MINUTE),
            figures=tuple(_figures(portfolio, each, at) for each in sorted(currencies)),
            limits=limits.texts(),
            limits_version=version,
        )


def _figures(portfolio: Portfolio, currency: Currency, at: datetime) -> RiskFigures:
    gross = net = ZERO
    for position in portfolio.positions.values():
        if position.cost.currency == currency:
            gross = add(gross, EXACT.abs(position.cost.amount))
            net = add(net, position.cost.amount)
    profit, day = portfolio.memory.profit_in(currency), at.toordinal()
    peak = profit.peak(day)
    return RiskFigures(
        currency=currency.code,
        equity=plain(portfolio.equity_at_cost(currency).amount),
        gross=plain(gross),
        net=plain(net),
        reserved=plain(portfolio.cash_in(currency).reserved.amount),
        lost_today=plain(subtract(profit.opening_of(day), profit.total)),
        fallen=plain(subtract(peak, profit.total)),
        peak=plain(peak),
    )
