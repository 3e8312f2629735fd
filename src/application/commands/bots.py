"""Start a bot, decide on a bar, stop it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType

from traderbot.application.commands.placing import (
    Placing,
    ensure_active,
    owned_portfolio,
    place,
)
from traderbot.application.errors import NotFoundError
from traderbot.application.gate import Gate
from traderbot.application.ports.clock import Clock, IdSource
from traderbot.application.ports.commands import Command
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.application.views import BotRunView, DecisionView
from traderbot.domain.bots.bot_run import BotRun, Observation
from traderbot.domain.bots.events import BotStarted
from traderbot.domain.bots.sizing import Sized, size
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.orders.order import Order
from traderbot.domain.orders.ticket import OrderKind, Ticket
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.shared.ids import BotRunId, OrderId, PortfolioId, UserId
from traderbot.domain.shared.values import Symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class StartBot(Command[BotRunView]):
    """Somebody lets a strategy trade one symbol for one portfolio."""

    owner_id: UserId
    portfolio_id: PortfolioId
    strategy: str
    parameters: Mapping[str, str]
    symbol: Symbol
    timeframe: Timeframe
    allocation: Decimal

    def __post_init__(self) -> None:
        """Take a copy of the parameters: the caller's own dictionary may change."""
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))


@dataclass(frozen=True, slots=True, kw_only=True)
class StartBotHandler:
    """Handles `StartBot`."""

    clock: Clock
    ids: IdSource

    def __call__(self, command: StartBot, unit: UnitOfWork) -> BotRunView:
        """Return the run. Raises NotFoundError, NotAllowedError, InvalidValueError."""
        ensure_active(unit, command.owner_id)
        owned_portfolio(unit, command.portfolio_id, command.owner_id)
        id_ = BotRunId(self.ids.new())
        started = BotStarted(
            bot_run_id=id_,
            at=self.clock.now(),
            owner_id=command.owner_id,
            portfolio_id=command.portfolio_id,
            strategy=command.strategy,
            parameters=command.parameters,
            symbol=command.symbol,
            timeframe=command.timeframe,
            allocation=command.allocation,
        )
        return BotRunView.of(unit.bots.record(id_, BotRun.start(started)))


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideOnBar(Command[DecisionView]):
    """A bar closed, and the strategy has spoken."""

    bot_run_id: BotRunId
    seen: Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideOnBarHandler:
    """Handles `DecideOnBar`: the decision record and the order it leads to, in one transaction."""

    gate: Gate
    ids: IdSource

    def __call__(self, command: DecideOnBar, unit: UnitOfWork) -> DecisionView:
        """Return what was decided.

        Raises:
            NotFoundError: there is no such run.
            BotStoppedError, BarAlreadyDecidedError: it may not decide on this bar.
        """
        run, seen = unit.bots.find(command.bot_run_id), command.seen
        if run is None:
            raise NotFoundError("bot run", command.bot_run_id)
        run.ensure_may_decide(seen.bar_at)
        portfolio = owned_portfolio(unit, run.portfolio_id, run.owner_id)
        sized = self._sized(run, seen, portfolio, unit)
        order = self._place(run, seen, sized, portfolio, unit)
        refused = order.reasons[0].code if order is not None and order.reasons else None
        events = run.decide(
            seen,
            sized,
            order_id=None if order is None else order.id,
            blocking_code=refused,
        )
        unit.bots.record(run.id, events)
        return DecisionView(
            bot_run_id=run.id,
            bar_at=seen.bar_at,
            signal=seen.signal,
            order_id=None if order is None else order.id,
            blocking_code=refused or sized.blocking_code,
        )

    def _sized(
        self, run: BotRun, seen: Observation, portfolio: Portfolio, unit: UnitOfWork
    ) -> Sized:
        owner = unit.users.find(run.owner_id)
        if seen.signal != "HOLD" and (owner is None or not owner.active):
            return Sized(blocking_code="OWNER_INACTIVE")
        working = unit.orders.find(run.order_id) if run.order_id else None
        if seen.signal != "HOLD" and working is not None and working.status.is_open:
            return Sized(blocking_code="ORDER_WORKING")
        return size(
            seen.signal,
            run.symbol,
            seen.close,
            run.allocation,
            portfolio=portfolio,
            limits=self.gate.in_force(unit, run, seen.closes_at),
        )

    def _place(
        self,
        run: BotRun,
        seen: Observation,
        sized: Sized,
        portfolio: Portfolio,
        unit: UnitOfWork,
    ) -> Order | None:
        if sized.side is None or sized.quantity is None:
            return None
        ticket = Ticket(
            portfolio_id=run.portfolio_id,
            symbol=run.symbol,
            side=sized.side,
            quantity=sized.quantity,
            kind=OrderKind.MARKET,
        )
        placing = Placing(
            order_id=OrderId(self.ids.new()),
            owner_id=run.owner_id,
            ticket=ticket,
            at=seen.closes_at,
            run=run,
            reference=seen.close,
        )
        return place(placing, portfolio, self.gate, unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class StopBot(Command[BotRunView]):
    """Somebody ends a run."""

    owner_id: UserId
    bot_run_id: BotRunId
    reason: str
    at: datetime | None = None  # now, unless the run lives in another time


@dataclass(frozen=True, slots=True, kw_only=True)
class StopBotHandler:
    """Handles `StopBot`. Asking twice is harmless."""

    clock: Clock

    def __call__(self, command: StopBot, unit: UnitOfWork) -> BotRunView:
        """Return the run, stopped. Raises NotFoundError."""
        run = unit.bots.find(command.bot_run_id)
        if run is None or run.owner_id != command.owner_id:
            raise NotFoundError("bot run", command.bot_run_id)
        events = run.stop(command.reason, at=command.at or self.clock.now())
        return BotRunView.of(unit.bots.record(run.id, events) if events else run)
