"""The risk gate as handlers use it: gathers what the policies look at, in the same transaction.

Everything comes from aggregates the transaction holds: if another process moves one of them, the
command is decided again. The states and limits of the scopes are among them, so no order passes,
and none is sent, beside a halt that was there first (docs/decisions/0025).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from traderbot.application.ports.latch import Latch, NoLatch
from traderbot.application.ports.markets import Markets, UnknownMarkets
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.domain.bots.bot_run import BotRun
from traderbot.domain.orders.order import Order
from traderbot.domain.orders.ticket import Approved, Check, Refused, Ticket, Verdict
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.risk.control import BY_ITSELF, RiskControl
from traderbot.domain.risk.effective import limits_at, strictest_at
from traderbot.domain.risk.errors import TradingHaltedError, TradingReducingError
from traderbot.domain.risk.exposure import Circumstances, Neighbour, Pace, Quote, RiskPolicy
from traderbot.domain.risk.installed import installed_text
from traderbot.domain.risk.limits import Limits
from traderbot.domain.risk.policies import POLICIES
from traderbot.domain.risk.policies_order import is_stale
from traderbot.domain.risk.review import measure, review
from traderbot.domain.risk.trading_state import Scope, ScopeKind, TradingState, scopes_of
from traderbot.domain.risk.triggers import Stop, after_refusal, gate_failed
from traderbot.domain.shared.decimals import EXACT, ZERO, subtract
from traderbot.domain.shared.errors import TraderbotError
from traderbot.domain.shared.ids import BotRunId, OrderId, PortfolioId
from traderbot.domain.shared.values import Price, Quantity

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An order, or what is left of one that is to be changed, on its way to the gate."""

    ticket: Ticket
    reference: Price
    at: datetime
    controls: Sequence[RiskControl]  # `Gate.controls`: the scopes it belongs to
    run: BotRun | None = None
    itself: OrderId | None = None  # the order that is to be changed: it is no other order
    parent_room: Quantity | None = None  # what the children of its parent may still add
    holds: Decimal = ZERO  # what the order that is to be changed has set aside already


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What the gate said, and what has to stop because of it."""

    verdict: Verdict
    stop: Stop | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The limits of the installation, and what the gate may know beside them."""

    limits: Limits = field(default_factory=Limits)
    venue: str = "paper"
    markets: Markets = field(default_factory=UnknownMarkets)
    latch: Latch = field(default_factory=NoLatch)
    policies: Sequence[RiskPolicy] = POLICIES
    installed: str = field(init=False)  # `limits`, as every verdict records them

    def __post_init__(self) -> None:
        """Put the limits into words once, for all verdicts."""
        object.__setattr__(self, "installed", installed_text(self.limits))

    def controls(
        self,
        unit: UnitOfWork,
        portfolio_id: PortfolioId,
        bot_run_id: BotRunId | None = None,
        venue: str | None = None,
    ) -> list[RiskControl]:
        """Return the scopes of an order that have a state or limits of their own, widest first."""
        keys, find = scopes_of(venue or self.venue, portfolio_id, bot_run_id), unit.risk.find
        return [control for key in keys if (control := find(key)) is not None]

    def in_force(self, unit: UnitOfWork, run: BotRun, at: datetime) -> Limits:
        """Return the limits that hold for a bot."""
        return limits_at(self.limits, self.controls(unit, run.portfolio_id, run.id), at)[0]

    def ask(self, asked: Asked, portfolio: Portfolio, unit: UnitOfWork) -> Answered:
        """Return the verdict. A gate that breaks refuses, and stops the portfolio.

        Raises:
            TraderbotError: a rule said no before there was anything to judge.
        """
        try:
            return self._ask(asked, portfolio, unit)
        except TraderbotError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the order does not pass
            _log.exception("the gate broke on an order of portfolio %s", portfolio.id)
            reason = Check("GATE_FAILED", "an answer", type(error).__name__)
            verdict = Refused(ticket=asked.ticket, reasons=(reason,))
            return Answered(verdict=verdict, stop=gate_failed(error))

    def _ask(self, asked: Asked, portfolio: Portfolio, unit: UnitOfWork) -> Answered:
        limits, version = limits_at(self.limits, asked.controls, asked.at)
        around = self._around(asked, portfolio, limits, version, unit)
        ticket, reference = asked.ticket, asked.reference
        verdict = review(
            ticket, portfolio, reference, limits, policies=self.policies, around=around
        )
        if isinstance(verdict, Approved):
            return Answered(verdict=verdict)
        exposure = measure(ticket, portfolio, reference, limits, around)
        return Answered(verdict=verdict, stop=after_refusal(verdict.reasons, exposure))

    def ensure_may_send(self, order: Order, venue: str, unit: UnitOfWork, at: datetime) -> None:
        """Let an approved order go out, unless trading was stopped since it was approved.

        Raises:
            TradingHaltedError: nothing may be sent.
            TradingReducingError: it does more than make a position smaller.
        """
        controls = self.controls(unit, order.ticket.portfolio_id, order.bot_run_id, venue)
        state, where = self._state(controls, at)
        if state is TradingState.HALTED:
            raise TradingHaltedError(where)
        if state is TradingState.REDUCING and not _only_reduces(order, unit):
            raise TradingReducingError(where)

    def _state(self, controls: Sequence[RiskControl], at: datetime) -> tuple[TradingState, str]:
        pulled = self.latch.engaged()
        if pulled is not None:
            return TradingState.HALTED, pulled
        if not controls:
            return TradingState.ACTIVE, ""
        state, control = strictest_at(controls, at)
        return state, "" if control is None else control.scope

    def _around(
        self,
        asked: Asked,
        portfolio: Portfolio,
        limits: Limits,
        version: str,
        unit: UnitOfWork,
    ) -> Circumstances:
        symbol, run, markets = asked.ticket.symbol, asked.run, self.markets
        state, where = self._state(asked.controls, asked.at)
        quote = markets.quote(symbol) if _needs_quote(limits) else None
        market = None
        if limits.price_collar is not None and asked.ticket.limit_price is not None:
            market = (
                _market(quote, limits, asked.at) if quote else unit.references.latest_close(symbol)
            )
        keyed = unit.is_keyed
        return Circumstances(
            at=asked.at,
            state=state,
            where=where,
            limits_version=version,
            installed=self.installed,
            keyed=keyed,
            rules=markets.rules(symbol),
            is_listed=markets.lists(symbol),
            quote=quote,
            market=market,
            neighbours=_neighbours(asked, portfolio, limits, unit, keyed=keyed),
            pace=None if run is None else Pace(run.asked, run.asked_on_day(asked.at)),
            elsewhere=None
            if limits.total_exposure_max is None
            else subtract(unit.exposures.at_risk(symbol.quote), asked.holds),
            parent_room=asked.parent_room,
        )


def _market(quote: Quote, limits: Limits, at: datetime) -> Price | None:
    """Return what a limit price is held against; nothing while the quote is too old for it.

    What opens is refused then for the old quote. What closes is not held back by it.
    """
    return None if is_stale(quote, at, limits) else quote.price


def _needs_quote(limits: Limits) -> bool:
    return (
        limits.price_collar is not None
        or limits.reference_age_max is not None
        or limits.market_order_collar is not None
    )


def _only_reduces(order: Order, unit: UnitOfWork) -> bool:
    """Whether what is not filled of an order makes a position smaller, and no more.

    An order that claims nothing may still say that it only reduces: of a pair of exits one claims
    for both. Then what is held has to be enough for it.
    """
    if order.closing >= order.remaining:
        return True
    if not order.ticket.reduce_only:
        return False
    portfolio = unit.portfolios.find(order.ticket.portfolio_id)
    if portfolio is None:
        return False
    held = portfolio.position_in(order.ticket.symbol)
    return held.against(order.ticket.side) >= order.remaining.value


def record_lapsed(
    controls: Sequence[RiskControl], unit: UnitOfWork, at: datetime
) -> Sequence[RiskControl]:
    """Record what has ended by itself at these scopes: raises of limits, and pauses.

    Return the scopes after it.
    """
    for place, control in enumerate(controls):
        if control.limits or control.until is not None:
            events = control.lapse(at=at)
            if events:
                after = unit.risk.record(control.scope, events)
                controls = [*controls[:place], after, *controls[place + 1 :]]
    return controls


def record_alarm(
    unit: UnitOfWork, portfolio_id: PortfolioId, cause: str, message: str, at: datetime
) -> None:
    """Tell the people behind a portfolio of something they have to look at."""
    scope = Scope(ScopeKind.PORTFOLIO, portfolio_id)
    unit.risk.find(scope.key)  # a stream nobody looked for counts as new
    unit.risk.record(scope.key, RiskControl.alarm(scope, cause=cause, message=message, at=at))


def record_stop(
    stop: Stop,
    unit: UnitOfWork,
    at: datetime,
    *,
    venue: str,
    portfolio_id: PortfolioId,
    bot_run_id: BotRunId | None = None,
) -> None:
    """Stop trading by itself, at the scope that the condition is about."""
    match stop.scope:
        case ScopeKind.BOT if bot_run_id is not None:
            scope = Scope(ScopeKind.BOT, bot_run_id)
        case ScopeKind.VENUE:
            scope = Scope(ScopeKind.VENUE, venue)
        case ScopeKind.SYSTEM:
            scope = Scope(ScopeKind.SYSTEM)
        case _:
            scope = Scope(ScopeKind.PORTFOLIO, portfolio_id)
    before = unit.risk.find(scope.key)
    decide = RiskControl.halt if stop.state is TradingState.HALTED else RiskControl.reduce
    events = decide(before, scope, cause=stop.cause, reason=stop.reason, by=BY_ITSELF, at=at)
    if events:
        unit.risk.record(scope.key, events)


def _neighbours(
    asked: Asked, portfolio: Portfolio, limits: Limits, unit: UnitOfWork, *, keyed: bool
) -> tuple[Neighbour, ...]:
    """Return the portfolio's own orders that this one could repeat, or meet."""
    found: dict[OrderId, Order] = {}
    if limits.self_trade_max is not None and portfolio.memory.working:
        found.update(_resting(asked.ticket, portfolio, unit))
    if limits.duplicate_window and not keyed:
        found.update(_recent(asked, portfolio, limits.duplicate_window, unit))
    if not found:  # as nearly always
        return ()
    if asked.itself is not None:
        found.pop(asked.itself, None)
    return tuple(
        Neighbour(order.id, order.placed_at, order.ticket, order.status.is_open)
        for order in found.values()
    )


def _resting(
    ticket: Ticket, portfolio: Portfolio, unit: UnitOfWork
) -> Iterator[tuple[OrderId, Order]]:
    """Yield the working orders on the other side. Most work on the same: they are not looked up."""
    symbol, side = ticket.symbol, ticket.side
    for id_, working in portfolio.memory.working.items():
        if working.side is not side and (working.symbol is symbol or working.symbol == symbol):
            order = unit.orders.peek(id_)
            if order is not None and order.ticket.side is not side:
                yield id_, order


def _recent(
    asked: Asked, portfolio: Portfolio, window: Decimal, unit: UnitOfWork
) -> Iterator[tuple[OrderId, Order]]:
    """Yield the orders in the symbol that passed the gate within a window of seconds."""
    since = asked.at - timedelta(microseconds=int(EXACT.scaleb(window, 6)))
    for sent in reversed(portfolio.memory.sent):
        if sent.at < since:
            break
        if sent.symbol == asked.ticket.symbol:
            order = unit.orders.peek(sent.order_id)
            if order is not None:
                yield sent.order_id, order
