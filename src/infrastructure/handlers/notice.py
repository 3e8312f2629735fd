"""What people are told of: a sentence for each event that is worth one."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from traderbot.application.ports.recorded import DomainEvent, Recorded
from traderbot.domain.bots.events import BotStarted, BotStopped
from traderbot.domain.operations.events import EpochStarted, ParkedDiscarded
from traderbot.domain.orders.events import (
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderRefused,
    OrderRejected,
    OrderUnconfirmed,
    SubmissionUnknown,
)
from traderbot.domain.portfolio.events import CashCorrected, CashDeposited, CashWithdrawn
from traderbot.domain.users.events import UserDeactivated

NOTABLE: Final[frozenset[type]] = frozenset(
    {
        OrderFilled,
        OrderRefused,
        OrderCanceled,
        OrderExpired,
        OrderRejected,
        SubmissionUnknown,
        OrderUnconfirmed,
        CashDeposited,
        CashWithdrawn,
        CashCorrected,
        BotStarted,
        BotStopped,
        UserDeactivated,
        EpochStarted,
        ParkedDiscarded,
    }
)
_ALARMING: Final = (
    OrderRefused,
    OrderRejected,
    SubmissionUnknown,
    OrderUnconfirmed,
    EpochStarted,
    ParkedDiscarded,
)
_LONGEST: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One event to be told of. `token` is the same whenever it is told again."""

    token: str
    recorded: Recorded
    sentence: str  # one printable line
    event: bytes  # a CloudEvent

    @property
    def level(self) -> int:
        """How loud it is, as in `logging`."""
        return logging.WARNING if isinstance(self.recorded.event, _ALARMING) else logging.INFO


def sentence_of(event: DomainEvent) -> str:
    """Return one printable line about an event of NOTABLE, at most 300 characters."""
    text = _of_trading(event) or _of_running(event) or type(event).__name__
    # Reasons are other people's texts: no line break of theirs ends a line or a header of ours.
    return "".join(each if each.isprintable() else " " for each in text)[:_LONGEST]


def _of_trading(event: DomainEvent) -> str | None:
    match event:
        case OrderFilled(fill=fill):
            return f"order {event.order_id}: {fill.quantity} filled at {fill.price}, fee {fill.fee}"
        case OrderRefused():
            broken = ", ".join(f"{it.code} (limit {it.limit}, {it.value})" for it in event.reasons)
            return f"order {event.order_id} was refused: {broken}"
        case CashDeposited() | CashWithdrawn() | CashCorrected():
            return f"portfolio {event.portfolio_id}: {_of_cash(event)}"
        case _:
            return _of_venue(event)


def _of_venue(event: DomainEvent) -> str | None:
    match event:
        case OrderCanceled():
            return f"order {event.order_id} was canceled: {event.reason}"
        case OrderExpired():
            return f"order {event.order_id} has expired: {event.reason}"
        case OrderRejected():
            return f"order {event.order_id} was rejected by the venue: {event.reason}"
        case SubmissionUnknown():
            return f"order {event.order_id}: nobody knows whether the venue has it: {event.cause}"
        case OrderUnconfirmed():
            return f"order {event.order_id} needs a person to look: {event.reason}"
        case _:
            return None


def _of_cash(event: CashDeposited | CashWithdrawn | CashCorrected) -> str:
    if isinstance(event, CashCorrected):
        return f"{event.amount} by correction: {event.reason}"
    return f"{event.amount} {'came in' if isinstance(event, CashDeposited) else 'went out'}"


def _of_running(event: DomainEvent) -> str | None:
    match event:
        case BotStarted():
            return f"bot {event.bot_run_id} trades {event.symbol} {event.timeframe.value}"
        case BotStopped():
            return f"bot {event.bot_run_id} has stopped: {event.reason}"
        case UserDeactivated():
            return f"user {event.user_id} may no longer act: {event.reason}"
        case EpochStarted():
            return f"the log goes on as epoch {event.epoch}, {event.origin}: {event.reason}"
        case ParkedDiscarded():
            return f"{event.subscription} never handles event {event.event_id}: {event.reason}"
        case _:
            return None
