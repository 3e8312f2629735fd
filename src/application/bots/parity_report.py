"""What is compared when a run is held against its backtest, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from traderbot.application.errors import ApplicationError
from traderbot.domain.bots.events import BotDecided, BotEvent, BotStarted
from traderbot.domain.orders.ticket import Fill, Ticket
from traderbot.domain.shared.ids import OrderId

Progress = Callable[[int, int], None]


class NoParityError(ApplicationError):
    """What an honest comparison needs is not there. The message says what is missing."""

    code: ClassVar[str] = "NO_PARITY"


class Cause(StrEnum):
    """Why a run has another amount of money than its backtest."""

    DATA = "data"  # the backtest had other bars, or none that fill the order
    LATENCY = "latency"  # it was filled in another bar
    FILL_PRICE = "fill_price"  # at another price in the same bar
    PARTIAL = "partial"  # more or less of it was filled
    FEE = "fee"
    ROUNDING = "rounding"  # what the others cannot be divided into
    MANUAL = "manual"  # somebody canceled it


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOrder:
    """An order of a run as the log has it."""

    order_id: OrderId
    ticket: Ticket
    placed_at: datetime
    fills: Sequence[Fill]
    canceled_by_hand: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStory:
    """All that is recorded of a run, oldest first. `others` counts fills of protecting orders."""

    events: Sequence[BotEvent]
    orders: Mapping[OrderId, RunOrder]
    others: int = 0

    @property
    def started(self) -> BotStarted:
        """Return the event that began it."""
        first = self.events[0]
        assert isinstance(first, BotStarted)  # noqa: S101 - a history begins with it
        return first

    @property
    def decisions(self) -> list[BotDecided]:
        """Return every decision."""
        return [it for it in self.events if isinstance(it, BotDecided)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionDifference:
    """A bar on which the strategy says something else now. `cause`: data, or strategy."""

    bar_at: datetime
    what: str
    recorded: str
    replayed: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDifference:
    """An order that brought in another amount of money; the causes add up to `difference`."""

    order_id: str
    symbol: str
    recorded: str
    replayed: str
    difference: str
    causes: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityReport:
    """How a run compares with its backtest. Amounts are cash of one currency, fees taken off."""

    bot_run_id: str
    bars: int
    decisions: int
    orders: int
    currency: str
    recorded: str
    replayed: str
    difference: str
    causes: Mapping[str, str]
    decision_differences: Sequence[DecisionDifference] = ()
    order_differences: Sequence[OrderDifference] = ()
    taken_as_recorded: int = 0  # fills of protecting orders

    @property
    def equal(self) -> bool:
        """Whether every decision and every fill is the same."""
        return not self.decision_differences and not self.order_differences
