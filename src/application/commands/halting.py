"""Stop trading at a scope, let it go on, and ask for working orders back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from traderbot.application.commands.placing import ensure_active, owned_portfolio
from traderbot.application.commands.releasing import record_released
from traderbot.application.errors import NotAllowedError, NotFoundError
from traderbot.application.ports.clock import Clock
from traderbot.application.ports.commands import Command
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.application.risk_views import ScopeView
from traderbot.application.views import OrderView
from traderbot.domain.risk.control import MANUAL, RiskControl
from traderbot.domain.risk.trading_state import Scope, ScopeKind
from traderbot.domain.shared.ids import BotRunId, OrderId, PortfolioId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltTrading(Command[ScopeView]):
    """Nothing more shall be sent at a scope; or only what makes positions smaller.

    `owner_id` is the user who asks, for a scope of their own; None asks as an operator, for any.
    """

    scope: Scope
    reason: str
    owner_id: UserId | None = None
    cause: str = MANUAL
    only_reduce: bool = False
    until: datetime | None = None  # when reducing ends by itself; a halt never does


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltTradingHandler:
    """Handles `HaltTrading`. Asking twice is harmless."""

    clock: Clock

    def __call__(self, command: HaltTrading, unit: UnitOfWork) -> ScopeView:
        """Return the scope.

        Raises:
            NotFoundError: there is no such portfolio or bot, or it is somebody else's.
            NotAllowedError: a venue or the system is not one user's to stop.
            InvalidValueError: no reason is given.
        """
        ensure_own(command.scope, command.owner_id, unit)
        at, key = self.clock.now(), command.scope.key
        before, by = unit.risk.find(key), named(unit)
        if command.only_reduce:
            events = RiskControl.reduce(
                before,
                command.scope,
                cause=command.cause,
                reason=command.reason,
                by=by,
                at=at,
                until=command.until,
            )
        else:
            events = RiskControl.halt(
                before, command.scope, cause=command.cause, reason=command.reason, by=by, at=at
            )
        return _view(unit.risk.record(key, events) if events else before, key, at)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeTrading(Command[ScopeView]):
    """Everything may be sent again at a scope. The wider scopes may still say no."""

    scope: Scope
    reason: str
    owner_id: UserId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeTradingHandler:
    """Handles `ResumeTrading`. Asking twice is harmless."""

    clock: Clock

    def __call__(self, command: ResumeTrading, unit: UnitOfWork) -> ScopeView:
        """Return the scope. Raises as `HaltTradingHandler` does."""
        ensure_own(command.scope, command.owner_id, unit)
        at, key = self.clock.now(), command.scope.key
        before = unit.risk.find(key)
        events = RiskControl.resume(
            before, command.scope, reason=command.reason, by=named(unit), at=at
        )
        return _view(unit.risk.record(key, events) if events else before, key, at)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallOrder(Command[OrderView]):
    """A working order shall come back, because its scope was stopped. Nobody asks whose it is."""

    order_id: OrderId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallOrderHandler:
    """Handles `RecallOrder`. Asking twice is harmless."""

    clock: Clock

    def __call__(self, command: RecallOrder, unit: UnitOfWork) -> OrderView:
        """Return the order: canceled, about to be if a venue has it, or ended meanwhile.

        Raises:
            NotFoundError: there is no such order.
        """
        order = unit.orders.find(command.order_id)
        if order is None:
            raise NotFoundError("order", command.order_id)
        if not order.status.is_open:
            return OrderView.of(order)
        events = order.request_cancel(command.reason, at=self.clock.now())
        if not events:
            return OrderView.of(order)
        after = unit.orders.record(order.id, events)
        record_released(unit, order, events)
        return OrderView.of(after)


def ensure_own(scope: Scope, owner_id: UserId | None, unit: UnitOfWork) -> None:
    """Let users decide about what is theirs, and operators about everything that exists.

    Raises:
        NotFoundError: there is no such portfolio or bot run, or it is somebody else's.
        NotAllowedError: it is nobody's own, or the user may not act.
    """
    if owner_id is not None:
        ensure_active(unit, owner_id)
        if scope.kind in (ScopeKind.SYSTEM, ScopeKind.VENUE):
            msg = "only an admin decides about a venue or the whole system"
            raise NotAllowedError(msg)
    if scope.kind is ScopeKind.PORTFOLIO:
        id_ = PortfolioId(scope.id)
        portfolio = unit.portfolios.find(id_)
        if portfolio is None:
            raise NotFoundError("portfolio", id_)
        if owner_id is not None:
            owned_portfolio(unit, id_, owner_id)
    elif scope.kind is ScopeKind.BOT:
        run = unit.bots.find(BotRunId(scope.id))
        if run is None or owner_id not in (None, run.owner_id):
            raise NotFoundError("bot run", scope.id)


def named(unit: UnitOfWork) -> str:
    """Return who asks, as it is kept in events."""
    return f"{unit.actor.type}:{unit.actor.id}"


def _view(control: RiskControl | None, key: str, at: datetime) -> ScopeView:
    return ScopeView.untouched(key) if control is None else ScopeView.of(control, at)
