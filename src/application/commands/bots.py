"""Start a bot, lease it, decide on a bar, pause it, give it other parameters, stop it."""

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
from traderbot.domain.bots.bot_run import BotRun, BotStatus, Observation
from traderbot.domain.bots.events import BotStarted
from traderbot.domain.bots.sizing import Sized, size
from traderbot.domain.bots.sizing_rule import Sizing
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
    sizing: Sizing | None = None  # else by `allocation`
    feed: str = ""  # empty: whoever starts it brings the bars
    first_bar_at: datetime | None = None
    history_bars: int | None = None  # instead: so many of its timeframe before it starts

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
        id_, now = BotRunId(self.ids.new()), self.clock.now()
        first_bar_at = command.first_bar_at
        if command.history_bars is not None:
            first_bar_at = now - command.history_bars * command.timeframe.duration
        started = BotStarted(
            bot_run_id=id_,
            at=now,
            owner_id=command.owner_id,
            portfolio_id=command.portfolio_id,
            strategy=command.strategy,
            parameters=command.parameters,
            symbol=command.symbol,
            timeframe=command.timeframe,
            allocation=command.allocation,
            sizing=command.sizing,
            feed=command.feed,
            first_bar_at=first_bar_at,
        )
        return BotRunView.of(unit.bots.record(id_, BotRun.start(started)))


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseBot(Command[BotRunView]):
    """A process wants to run a bot that stands as it has seen it, under the fence it has seen."""

    bot_run_id: BotRunId
    holder: str
    known_fence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseBotHandler:
    """Handles `LeaseBot`: of two processes that ask, one gets it."""

    clock: Clock

    def __call__(self, command: LeaseBot, unit: UnitOfWork) -> BotRunView:
        """Return the run with its new fence.

        Raises:
            NotFoundError: there is no such run.
            BotStoppedError, BotLeasedElsewhereError: it is over; somebody was faster.
        """
        run = unit.bots.find(command.bot_run_id)
        if run is None:
            raise NotFoundError("bot run", command.bot_run_id)
        events = run.lease(command.holder, command.known_fence, at=self.clock.now())
        return BotRunView.of(unit.bots.record(run.id, events))


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideOnBar(Command[DecisionView]):
    """A bar closed, and the strategy has spoken.

    `fence` is that of the lease under which it spoke; None where nobody else can run the bot.
    `withheld` is why no order may follow, whatever it said, such as `STALE_BAR`.
    """

    bot_run_id: BotRunId
    seen: Observation
    fence: int | None = None
    withheld: str | None = None


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
            BotLeasedElsewhereError: another process runs the bot now.
        """
        run, seen = unit.bots.find(command.bot_run_id), command.seen
        if run is None:
            raise NotFoundError("bot run", command.bot_run_id)
        run.ensure_may_decide(seen.bar_at, command.fence)
        portfolio = owned_portfolio(unit, run.portfolio_id, run.owner_id)
        withheld = "BOT_PAUSED" if run.status is BotStatus.PAUSED else command.withheld
        if withheld is not None and seen.signal != "HOLD":
            sized = Sized(blocking_code=withheld)
        else:
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
            sizing=run.sizing,
            indicators=seen.indicators,
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
            exits=sized.exits,
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
    code: str = ""  # what failed, if that is why
    fence: int | None = None  # of the process that stops it because it failed


@dataclass(frozen=True, slots=True, kw_only=True)
class StopBotHandler:
    """Handles `StopBot`. Asking twice is harmless."""

    clock: Clock

    def __call__(self, command: StopBot, unit: UnitOfWork) -> BotRunView:
        """Return the run, stopped. Raises NotFoundError, BotLeasedElsewhereError."""
        run = _owned_run(unit, command.bot_run_id, command.owner_id)
        run.ensure_held(command.fence)
        events = run.stop(command.reason, at=command.at or self.clock.now(), code=command.code)
        return BotRunView.of(unit.bots.record(run.id, events) if events else run)


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseBot(Command[BotRunView]):
    """Somebody wants no more orders of a bot for now. It goes on looking."""

    owner_id: UserId
    bot_run_id: BotRunId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseBotHandler:
    """Handles `PauseBot`. Asking twice is harmless."""

    clock: Clock

    def __call__(self, command: PauseBot, unit: UnitOfWork) -> BotRunView:
        """Return the run, paused. Raises NotFoundError, BotStoppedError."""
        run = _owned_run(unit, command.bot_run_id, command.owner_id)
        events = run.pause(command.reason, at=self.clock.now())
        return BotRunView.of(unit.bots.record(run.id, events) if events else run)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeBot(Command[BotRunView]):
    """Somebody lets a paused bot place orders again."""

    owner_id: UserId
    bot_run_id: BotRunId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeBotHandler:
    """Handles `ResumeBot`. Asking twice is harmless."""

    clock: Clock

    def __call__(self, command: ResumeBot, unit: UnitOfWork) -> BotRunView:
        """Return the run, going on. Raises NotFoundError, NotAllowedError, BotStoppedError."""
        ensure_active(unit, command.owner_id)
        run = _owned_run(unit, command.bot_run_id, command.owner_id)
        events = run.resume(command.reason, at=self.clock.now())
        return BotRunView.of(unit.bots.record(run.id, events) if events else run)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeBotParameters(Command[BotRunView]):
    """Somebody wants the strategy of a run to go on with other parameters; all of them are named.

    Whether the strategy takes them is for the caller to see: a process that cannot build it
    with them leaves the run alone.
    """

    owner_id: UserId
    bot_run_id: BotRunId
    parameters: Mapping[str, str]
    reason: str

    def __post_init__(self) -> None:
        """Take a copy of the parameters: the caller's own dictionary may change."""
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeBotParametersHandler:
    """Handles `ChangeBotParameters`. The parameters it has already change nothing."""

    clock: Clock

    def __call__(self, command: ChangeBotParameters, unit: UnitOfWork) -> BotRunView:
        """Return the run. Raises NotFoundError, NotAllowedError, BotStoppedError."""
        ensure_active(unit, command.owner_id)
        run = _owned_run(unit, command.bot_run_id, command.owner_id)
        events = run.change_parameters(command.parameters, command.reason, at=self.clock.now())
        return BotRunView.of(unit.bots.record(run.id, events) if events else run)


def _owned_run(unit: UnitOfWork, id_: BotRunId, owner_id: UserId) -> BotRun:
    run = unit.bots.find(id_)
    if run is None or run.owner_id != owner_id:
        raise NotFoundError("bot run", id_)
    return run
