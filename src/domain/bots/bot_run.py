"""The BotRun aggregate: one strategy on one symbol, deciding once on each closed bar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from traderbot.domain.bots.errors import (
    BarAlreadyDecidedError,
    BotLeasedElsewhereError,
    BotStoppedError,
)
from traderbot.domain.bots.events import (
    BotDecided,
    BotEvent,
    BotLeased,
    BotParametersChanged,
    BotPaused,
    BotResumed,
    BotStarted,
    BotStopped,
)
from traderbot.domain.bots.sizing import Sized
from traderbot.domain.bots.sizing_rule import Sizing
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.decimals import exact
from traderbot.domain.shared.errors import CorruptHistoryError, InvalidValueError
from traderbot.domain.shared.history import evolve, fold
from traderbot.domain.shared.ids import BotRunId, OrderId, PortfolioId, UserId
from traderbot.domain.shared.values import Price, Symbol

_REMEMBERED: Final = 20  # as far back as the gate's limit on repetition looks


class BotStatus(StrEnum):
    """Whether the run goes on."""

    RUNNING = "running"
    PAUSED = "paused"  # it looks at every bar, and places no order
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What the strategy saw on one closed bar, and what it said."""

    bar_at: datetime
    closes_at: datetime
    close: Price
    input_digest: str
    signal: str
    confidence: str
    reason: str
    indicators: Mapping[str, str]
    rules: Mapping[str, bool]

    def __post_init__(self) -> None:
        """Take copies: what was observed does not change with the strategy's own dictionaries."""
        object.__setattr__(self, "indicators", MappingProxyType(dict(self.indicators)))
        object.__setattr__(self, "rules", MappingProxyType(dict(self.rules)))


@dataclass(frozen=True, kw_only=True)
class BotRun:
    """A bot run as its events have made it."""

    id: BotRunId
    owner_id: UserId
    portfolio_id: PortfolioId
    strategy: str
    parameters: Mapping[str, str]
    symbol: Symbol
    timeframe: Timeframe
    allocation: Decimal
    sizing: Sizing | None = None
    started_at: datetime
    updated_at: datetime
    status: BotStatus = BotStatus.RUNNING
    last_bar_at: datetime | None = None
    input_digest: str = ""
    decisions: int = 0
    order_id: OrderId | None = None  # the newest order it asked for
    asked: tuple[datetime, ...] = ()  # when, for its newest orders that passed the gate
    asked_on: int = 0  # the day of the newest of them, as a proleptic ordinal
    asked_that_day: int = 0
    feed: str = ""
    first_bar_at: datetime | None = None
    holder: str = ""  # the process that runs it, if one has leased it
    fence: int = 0  # how often it was leased
    reason: str = ""  # why it is paused or stopped
    code: str = ""  # what failed, if that stopped it
    version: int = 1

    @staticmethod
    def start(started: BotStarted) -> tuple[BotEvent, ...]:
        """Begin a run. Raises InvalidValueError unless 0 < allocation <= 1."""
        if not 0 < exact(started.allocation) <= 1:
            msg = f"an allocation is a share above 0 and at most 1, not {started.allocation}"
            raise InvalidValueError(msg)
        return (started,)

    def ensure_goes_on(self) -> None:
        """Raise BotStoppedError if the run is over."""
        if self.status is BotStatus.STOPPED:
            msg = f"bot run {self.id} is stopped"
            raise BotStoppedError(msg)

    def ensure_held(self, fence: int | None) -> None:
        """Refuse whoever ran it before. None is not checked: the caller has no lease.

        Raises:
            BotLeasedElsewhereError: another process has leased it since.
        """
        if fence is not None and fence != self.fence:
            msg = f"bot run {self.id} is leased by {self.holder or 'nobody'} under fence "
            msg += f"{self.fence}, and no longer under {fence}"
            raise BotLeasedElsewhereError(msg)

    def ensure_may_decide(self, bar_at: datetime, fence: int | None = None) -> None:
        """Refuse to decide when stopped, for who lost the lease, or a second time on one bar.

        Raises:
            BotStoppedError: the run is over.
            BotLeasedElsewhereError: another process runs it now.
            BarAlreadyDecidedError: the bar is the last one decided on, or older.
        """
        self.ensure_goes_on()
        self.ensure_held(fence)
        if self.last_bar_at is not None and bar_at <= self.last_bar_at:
            msg = f"bot run {self.id} has decided on bars up to {self.last_bar_at.isoformat()}"
            raise BarAlreadyDecidedError(msg)

    def decide(
        self,
        seen: Observation,
        sized: Sized,
        *,
        order_id: OrderId | None = None,
        blocking_code: str | None = None,
    ) -> tuple[BotEvent, ...]:
        """Record the decision on one bar: the order it led to, or why to none.

        Raises:
            BotStoppedError, BarAlreadyDecidedError: it may not decide on this bar.
        """
        self.ensure_may_decide(seen.bar_at)
        return (
            BotDecided(
                bot_run_id=self.id,
                at=seen.closes_at,
                bar_at=seen.bar_at,
                close=seen.close,
                input_digest=seen.input_digest,
                signal=seen.signal,
                confidence=seen.confidence,
                reason=seen.reason,
                indicators=seen.indicators,
                rules=seen.rules,
                sizing=sized.arithmetic,
                quantity=sized.quantity,
                order_id=order_id,
                blocking_code=blocking_code or sized.blocking_code,
            ),
        )

    def lease(self, holder: str, known_fence: int, *, at: datetime) -> tuple[BotEvent, ...]:
        """Let a process run it, if it stands as that process has seen it.

        Raises:
            BotStoppedError: the run is over.
            BotLeasedElsewhereError: somebody was faster.
        """
        self.ensure_goes_on()
        self.ensure_held(known_fence)
        return (BotLeased(bot_run_id=self.id, at=at, holder=holder, fence=self.fence + 1),)

    def pause(self, reason: str, *, at: datetime) -> tuple[BotEvent, ...]:
        """Place no more orders until it is resumed. Asking twice is harmless.

        Raises:
            BotStoppedError: the run is over.
        """
        self.ensure_goes_on()
        if self.status is BotStatus.PAUSED:
            return ()
        return (BotPaused(bot_run_id=self.id, at=at, reason=reason),)

    def resume(self, reason: str, *, at: datetime) -> tuple[BotEvent, ...]:
        """Place orders again. Asking twice is harmless.

        Raises:
            BotStoppedError: the run is over; start another one.
        """
        self.ensure_goes_on()
        if self.status is BotStatus.RUNNING:
            return ()
        return (BotResumed(bot_run_id=self.id, at=at, reason=reason),)

    def change_parameters(
        self, parameters: Mapping[str, str], reason: str, *, at: datetime
    ) -> tuple[BotEvent, ...]:
        """Go on with other parameters. The same ones change nothing.

        Raises:
            BotStoppedError: the run is over.
        """
        self.ensure_goes_on()
        if dict(parameters) == dict(self.parameters):
            return ()
        return (
            BotParametersChanged(bot_run_id=self.id, at=at, parameters=parameters, reason=reason),
        )

    def stop(self, reason: str, *, at: datetime, code: str = "") -> tuple[BotEvent, ...]:
        """End the run. Asking twice is harmless."""
        if self.status is BotStatus.STOPPED:
            return ()
        return (BotStopped(bot_run_id=self.id, at=at, reason=reason, code=code),)

    @staticmethod
    def begin(event: BotEvent) -> BotRun:
        """Return the run its first event made. Raises CorruptHistoryError."""
        if not isinstance(event, BotStarted):
            msg = f"bot run {event.bot_run_id} starts with {type(event).__name__}"
            raise CorruptHistoryError(msg)
        return BotRun(
            id=event.bot_run_id,
            owner_id=event.owner_id,
            portfolio_id=event.portfolio_id,
            strategy=event.strategy,
            parameters=event.parameters,
            symbol=event.symbol,
            timeframe=event.timeframe,
            allocation=event.allocation,
            sizing=event.sizing,
            started_at=event.at,
            updated_at=event.at,
            feed=event.feed,
            first_bar_at=event.first_bar_at,
        )

    def apply(self, event: BotEvent) -> BotRun:
        """Return the run after `event`."""
        version = self.version + 1
        match event:
            case BotDecided():
                return evolve(
                    self,
                    version=version,
                    updated_at=event.at,
                    last_bar_at=event.bar_at,
                    input_digest=event.input_digest,
                    decisions=self.decisions + 1,
                    order_id=event.order_id or self.order_id,
                    **(self._asked_once_more(event.at) if _has_passed(event) else {}),
                )
            case BotLeased():
                holder, fence = event.holder, event.fence
                return evolve(
                    self, version=version, updated_at=event.at, holder=holder, fence=fence
                )
            case BotPaused():
                return self._turned(BotStatus.PAUSED, event.at, event.reason)
            case BotResumed():
                return self._turned(BotStatus.RUNNING, event.at, "")
            case BotParametersChanged():
                parameters = event.parameters
                return evolve(self, version=version, updated_at=event.at, parameters=parameters)
            case BotStopped():
                return self._turned(BotStatus.STOPPED, event.at, event.reason, event.code)
            case BotStarted():
                msg = f"bot run {self.id} was started twice"
                raise CorruptHistoryError(msg)

    def asked_on_day(self, at: datetime) -> int:
        """Return how many of its orders passed the gate on the day of an instant."""
        return self.asked_that_day if self.asked_on == at.toordinal() else 0

    def _turned(self, status: BotStatus, at: datetime, reason: str, code: str = "") -> BotRun:
        version = self.version + 1
        return evolve(self, version=version, updated_at=at, status=status, reason=reason, code=code)

    def _asked_once_more(self, at: datetime) -> dict[str, Any]:
        return {
            "asked": (*self.asked[1 - _REMEMBERED :], at),
            "asked_on": at.toordinal(),
            "asked_that_day": self.asked_on_day(at) + 1,
        }

    @staticmethod
    def from_events(events: Iterable[BotEvent]) -> BotRun:
        """Fold a whole history. Raises CorruptHistoryError."""
        return fold(BotRun.begin, events)


def _has_passed(decided: BotDecided) -> bool:
    return decided.order_id is not None and decided.blocking_code is None
