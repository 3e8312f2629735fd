"""What orders and venues do may stop trading: an inline reaction, in the transaction of the fact.

Inline, because a later one would let orders through between the fact and the stop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from traderbot.application.gate import Gate, record_stop
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.domain.orders.events import (
    OrderFilled,
    OrderNotFound,
    OrderRejected,
    SubmissionUnknown,
)
from traderbot.domain.orders.order import Order
from traderbot.domain.portfolio.events import FillBooked
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.portfolio.trading_memory import Sent
from traderbot.domain.risk.effective import limits_at
from traderbot.domain.risk.limits import Limits
from traderbot.domain.risk.triggers import (
    Stop,
    ended_within,
    loss_streak,
    loss_trigger,
    negative_cash,
    overfilled,
    reject_streak,
    unresolved,
)

# The events this reaction is subscribed to.
Stopping = FillBooked | OrderFilled | OrderRejected | SubmissionUnknown | OrderNotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class StopTrading:
    """Looks at each of these facts, and stops what has to stop."""

    gate: Gate

    def __call__(self, event: Stopping, unit: UnitOfWork) -> None:
        """Record the stop, if one follows, with the command that recorded the fact."""
        order = unit.orders.peek(event.order_id)
        if order is None:
            return
        portfolio = unit.portfolios.find(order.ticket.portfolio_id)
        if portfolio is None:
            return
        stops = self._stops(event, order, portfolio, unit)
        for stop in sorted(stops, key=lambda stop: stop.state.severity):
            record_stop(
                stop,
                unit,
                event.at,
                venue=order.venue or self.gate.venue,
                portfolio_id=portfolio.id,
                bot_run_id=order.bot_run_id,
            )

    def _stops(
        self, event: Stopping, order: Order, portfolio: Portfolio, unit: UnitOfWork
    ) -> list[Stop]:
        found: list[Stop | None]
        match event:
            case OrderFilled():
                found = [overfilled(order)]
            case FillBooked():
                limits = self._limits(order, unit, event.at)
                quote = event.symbol.quote
                found = [
                    negative_cash(portfolio, quote),
                    loss_trigger(portfolio, quote, limits, event.at),
                    self._losses(order, portfolio, limits, event.at, unit),
                ]
            case OrderRejected():
                limits = self._limits(order, unit, event.at)
                ended = ended_within(portfolio.memory.ended, event.at)
                found = [reject_streak(_peeked(ended, unit), limits, event.at)]
            case SubmissionUnknown() | OrderNotFound():
                working = [unit.orders.peek(id_) for id_ in portfolio.memory.working]
                found = [unresolved([it for it in working if it is not None], event.at)]
        return [stop for stop in found if stop is not None]

    def _limits(self, order: Order, unit: UnitOfWork, at: datetime) -> Limits:
        controls = self.gate.controls(unit, order.ticket.portfolio_id, order.bot_run_id)
        return limits_at(self.gate.limits, controls, at)[0]

    @staticmethod
    def _losses(
        order: Order, portfolio: Portfolio, limits: Limits, at: datetime, unit: UnitOfWork
    ) -> Stop | None:
        if order.bot_run_id is None or limits.loss_streak_max is None:
            return None
        run = unit.bots.peek(order.bot_run_id)
        if run is None:
            return None
        bar = run.timeframe.duration
        return loss_streak(portfolio.memory.fills, run.id, bar, limits, at)


def _peeked(ended: Sequence[Sent], unit: UnitOfWork) -> list[Order]:
    return [order for it in ended if (order := unit.orders.peek(it.order_id)) is not None]
