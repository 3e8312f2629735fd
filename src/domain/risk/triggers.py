"""What stops trading by itself: typed conditions, each over numbers and none over log lines.

"An error was logged" is no condition: harmless ones would stop everything, and a real one could
hide among them. Each function says what it saw and what follows, or None; each has a test for what
makes it speak and for the near miss that must not. Who has the numbers calls it: the gate and the
reaction to fills for what happens in orders, the trading desk for what it hears of venues.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from traderbot.domain.orders.lifecycle import OrderStatus
from traderbot.domain.orders.order import Order
from traderbot.domain.orders.ticket import Check
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.portfolio.trading_memory import Sent, Traded
from traderbot.domain.risk.exposure import Exposure
from traderbot.domain.risk.limits import MINUTE, Limits
from traderbot.domain.risk.policies_account import lost_today
from traderbot.domain.risk.trading_state import ScopeKind, TradingState
from traderbot.domain.shared.decimals import EXACT, multiply, plain
from traderbot.domain.shared.ids import BotRunId
from traderbot.domain.shared.values import Currency

UNRESOLVED_MAX: Final = 5  # orders nobody knows the state of
UNRESOLVED_FOR: Final = timedelta(seconds=60)
STREAM_SILENT_FOR: Final = timedelta(seconds=30)
ERROR_SHARE_MAX: Final = Decimal("0.1")  # of database calls in 30 s
HANDLERS_BEHIND_FOR: Final = timedelta(seconds=10)
CLOCK_REDUCE: Final = timedelta(seconds=1)
CLOCK_HALT: Final = timedelta(seconds=5)
LOSS_BARS: Final = 24
_FEW_CALLS: Final = 20  # a share of fewer says nothing


@dataclass(frozen=True, slots=True)
class Stop:
    """Trading has to stop: how far, at which kind of scope, and why."""

    state: TradingState
    scope: ScopeKind
    cause: str
    reason: str


def _halt(scope: ScopeKind, cause: str, reason: str) -> Stop:
    return Stop(TradingState.HALTED, scope, cause, reason)


def _reduce(scope: ScopeKind, cause: str, reason: str) -> Stop:
    return Stop(TradingState.REDUCING, scope, cause, reason)


# --- from the gate ----------------------------------------------------------------------------


def after_refusal(reasons: Sequence[Check], exposure: Exposure) -> Stop | None:
    """Return what follows from the gate's own findings, the strictest of it."""
    stops = [stop for check in reasons if (stop := _after_check(check, exposure)) is not None]
    return max(stops, key=lambda stop: stop.state.severity, default=None)


def _after_check(check: Check, exposure: Exposure) -> Stop | None:
    said = f"{check.value}, the limit is {check.limit}"
    of_bot = ScopeKind.BOT if exposure.around.pace is not None else ScopeKind.PORTFOLIO
    match check.code:
        case "DAILY_LOSS_MAX":
            halt = exposure.limits.daily_loss_halt
            if halt is not None and lost_today(exposure) > multiply(halt, exposure.equity.amount):
                return _halt(ScopeKind.PORTFOLIO, check.code, said)
            return _reduce(ScopeKind.PORTFOLIO, check.code, said)
        case "DRAWDOWN_MAX" | "CHILD_EXCEEDS_PARENT":
            return _halt(ScopeKind.PORTFOLIO, check.code, said)
        case "STRATEGY_REPEAT_MAX":
            return _halt(ScopeKind.BOT, check.code, said)
        case "PRICE_COLLAR_CUMULATIVE":
            return _reduce(of_bot, check.code, said)
        case _:
            return None


def gate_failed(error: BaseException) -> Stop:
    """Say that the gate itself broke: nothing it has not understood may pass."""
    return _halt(ScopeKind.PORTFOLIO, "GATE_FAILED", f"the gate raised {type(error).__name__}")


# --- from what venues say ---------------------------------------------------------------------


def overfilled(order: Order) -> Stop | None:
    """The venue traded more than was asked."""
    if not order.is_overfilled:
        return None
    said = f"order {order.id}: {order.filled} traded, {order.ticket.quantity} asked"
    return _halt(ScopeKind.PORTFOLIO, "OVERFILL", said)


def negative_cash(portfolio: Portfolio, currency: Currency) -> Stop | None:
    """More was paid than was there: the fill is booked all the same, and nothing more is sent."""
    free = portfolio.cash_in(currency).free
    if free.amount >= 0:
        return None
    return _halt(ScopeKind.PORTFOLIO, "NEGATIVE_CASH", f"{free} free")


def reject_streak(orders: Sequence[Order], limits: Limits, at: datetime) -> Stop | None:
    """The venue refuses one order after another. `orders` ended lately, in this portfolio."""
    most = limits.reject_streak_max
    if most is None:
        return None
    refused = [it for it in orders if it.status is OrderStatus.REJECTED]
    count = len([it for it in refused if it.updated_at > at - MINUTE])
    if count < most:
        return None
    return _reduce(ScopeKind.PORTFOLIO, "REJECT_STREAK", f"{count} refused by the venue in 60 s")


def unresolved(orders: Sequence[Order], at: datetime) -> Stop | None:
    """Too many working orders are in doubt, or one is for too long."""
    doubts = [each.doubt.since for each in orders if each.status.is_open and each.doubt]
    if len(doubts) >= UNRESOLVED_MAX:
        said = f"nobody knows the state of {len(doubts)} orders"
        return _reduce(ScopeKind.PORTFOLIO, "UNRESOLVED_ORDERS", said)
    if any(at - since > UNRESOLVED_FOR for since in doubts):
        said = f"nobody knows the state of an order since {int(UNRESOLVED_FOR.total_seconds())} s"
        return _reduce(ScopeKind.PORTFOLIO, "UNRESOLVED_ORDERS", said)
    return None


def loss_trigger(
    portfolio: Portfolio, currency: Currency, limits: Limits, at: datetime
) -> Stop | None:
    """The portfolio lost too much today, or fell too far from its best of 30 days."""
    equity = portfolio.equity_at_cost(currency).amount
    profit = portfolio.memory.profit_in(currency)
    day = at.toordinal()
    lost = EXACT.subtract(profit.opening_of(day), profit.total)
    fallen = EXACT.subtract(profit.peak(day), profit.total)
    for fraction, value, state, cause in (
        (limits.drawdown_max, fallen, TradingState.HALTED, "DRAWDOWN_MAX"),
        (limits.daily_loss_halt, lost, TradingState.HALTED, "DAILY_LOSS_MAX"),
        (limits.daily_loss_reduce, lost, TradingState.REDUCING, "DAILY_LOSS_MAX"),
    ):
        if fraction is not None and value > 0 and value > multiply(fraction, equity):
            said = f"{plain(value)} {currency} lost, the limit is {plain(fraction)} of equity"
            return Stop(state, ScopeKind.PORTFOLIO, cause, said)
    return None


def loss_streak(
    fills: Sequence[Traded], bot_run_id: BotRunId, bar: timedelta, limits: Limits, at: datetime
) -> Stop | None:
    """A bot closed at a loss again and again within 24 of its bars."""
    most = limits.loss_streak_max
    if most is None:
        return None
    since = at
    for _ in range(LOSS_BARS):
        since -= bar
    count = len(
        [each for each in fills if each.lost and each.bot_run_id == bot_run_id and each.at > since]
    )
    if count < most:
        return None
    return _reduce(ScopeKind.BOT, "LOSS_STREAK", f"{count} losses in {LOSS_BARS} bars")


def ended_within(ended: Sequence[Sent], at: datetime) -> list[Sent]:
    """Return what ended in the last minute: whose reasons are worth asking."""
    return [each for each in ended if each.at > at - MINUTE]


# --- for the trading desk ---------------------------------------------------------------------


def clock_unsafe(offset: timedelta) -> Stop | None:
    """The clock is off, by the database or the venue: more than 1 s, more than 5 s."""
    off = max(offset, -offset)
    said = f"the clock is off by {off.total_seconds():.3f} s"
    if off > CLOCK_HALT:
        return _halt(ScopeKind.SYSTEM, "CLOCK_UNSAFE", said)
    return _reduce(ScopeKind.SYSTEM, "CLOCK_UNSAFE", said) if off > CLOCK_REDUCE else None


def stream_silent(silent_for: timedelta, open_orders: int) -> Stop | None:
    """A venue says nothing for more than 30 s although it has orders of ours."""
    if not open_orders or silent_for <= STREAM_SILENT_FOR:
        return None
    said = f"silent for {silent_for.total_seconds():.0f} s, with {open_orders} orders open"
    return _reduce(ScopeKind.VENUE, "STREAM_SILENT", said)


def database_errors(failed: int, calls: int) -> Stop | None:
    """More than a tenth of the database calls of the last 30 s failed."""
    if calls < _FEW_CALLS or failed <= EXACT.multiply(ERROR_SHARE_MAX, Decimal(calls)):
        return None
    return _reduce(ScopeKind.SYSTEM, "DATABASE_ERRORS", f"{failed} of {calls} calls failed")


def handlers_behind(behind_for: timedelta) -> Stop | None:
    """What follows the log is more than 10 s behind it."""
    if behind_for <= HANDLERS_BEHIND_FOR:
        return None
    said = f"handlers are {behind_for.total_seconds():.0f} s behind the log"
    return _reduce(ScopeKind.SYSTEM, "HANDLERS_BEHIND", said)


def pool_exhausted(waiting_for: timedelta) -> Stop | None:
    """No connection was free for more than 10 s."""
    if waiting_for <= HANDLERS_BEHIND_FOR:
        return None
    said = f"no connection was free for {waiting_for.total_seconds():.0f} s"
    return _reduce(ScopeKind.SYSTEM, "POOL_EXHAUSTED", said)


def reconciliation_differs(lots: Decimal, attempts: int) -> Stop | None:
    """We and the venue differ by more than one lot, after asking twice."""
    if attempts < 2 or EXACT.abs(lots) <= 1:  # noqa: PLR2004 - once may be a fill on its way
        return None
    said = f"{plain(lots)} lots of difference after {attempts} attempts"
    return _halt(ScopeKind.VENUE, "RECONCILIATION", said)


# Causes nobody measures: whoever meets one halts the system at once, with `HaltTrading`.
AT_ONCE: Final = (
    "LOG_DAMAGED",  # the log does not verify
    "REPLAY_DIFFERS",  # replay and state differ
    "SYNC_FAILED",  # the disk is full, or did not sync, on the order path
    "LEASE_LOST",  # two processes hold one bot
    "KEY_UNREADABLE",  # a live key cannot be decrypted
)
