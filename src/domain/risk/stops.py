"""Adaptive stops: a stop that follows a position, never against it, bar after bar.

What one closed bar does, in this order:

1. The stop that stood **before** the bar is held against it. A long position is stopped out when
   the low reaches the stop, at the stop, or at the open if the bar opened beyond it. Nothing of the
   bar itself moves the stop first: within a bar, nobody knows what came before what.
2. Otherwise the stop may move, for the bars to come: to the best price since the entry less some
   average true ranges (trailing), and to the entry, once the best price is some multiples of the
   first risk away (break-even). The stop nearest to the market wins, and it never moves back.
3. A position held for as many bars as the time stop allows is given up at the close.

Short positions are the mirror image.

Source:
    Chandelier exit: Charles LeBeau, in A. Elder, "Come Into My Trading Room", Wiley, 2002. The
    multiples of first risk (R): Van K. Tharp, "Trade Your Way to Financial Freedom", 1998. The
    true range: J. Welles Wilder, "New Concepts in Technical Trading Systems", 1978.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from traderbot.domain.market.bars import Bar
from traderbot.domain.market.instrument import Instrument
from traderbot.domain.orders.ticket import Side
from traderbot.domain.risk.sizing.atr_stop import on_tick
from traderbot.domain.risk.sizing.sized_quantity import fraction, not_negative
from traderbot.domain.shared.decimals import EXACT, ZERO, plain
from traderbot.domain.shared.errors import CorruptHistoryError, InvalidValueError
from traderbot.domain.shared.history import evolve, fold
from traderbot.domain.shared.values import Price


@dataclass(frozen=True, slots=True, kw_only=True)
class StopPlan:
    """How a stop adapts. What is None is not done.

    `trail_multiple` average true ranges behind the best price; to break-even after
    `break_even_after_r` times the first risk, and `break_even_cushion_bps` of the entry beyond it,
    so that fees are covered too; out after `max_bars` closed bars.
    """

    trail_multiple: Decimal | None = Decimal(3)
    break_even_after_r: Decimal | None = Decimal(1)
    break_even_cushion_bps: Decimal = ZERO
    max_bars: int | None = None

    def __post_init__(self) -> None:
        """Raise InvalidValueError for a number out of its bounds."""
        if self.trail_multiple is not None:
            fraction("trail_multiple", self.trail_multiple, most=None)
        if self.break_even_after_r is not None:
            fraction("break_even_after_r", self.break_even_after_r, most=None)
        not_negative("break_even_cushion_bps", self.break_even_cushion_bps)
        if self.max_bars is not None and self.max_bars < 1:
            msg = f"max_bars is at least 1, not {self.max_bars}"
            raise InvalidValueError(msg)


DEFAULT_PLAN = StopPlan()


# --- what can happen --------------------------------------------------------------------------


class Because(StrEnum):
    """What moved a stop, or ended a position."""

    TRAILING = "trailing"
    BREAK_EVEN = "break_even"
    STOP = "stop"  # the price reached the stop
    TIME = "time"


@dataclass(frozen=True, slots=True, kw_only=True)
class StopPlaced:
    """A position was opened with a stop. `side` opened it: buy for long, sell for short."""

    at: datetime
    instrument: Instrument
    side: Side
    entry: Price
    stop: Price
    plan: StopPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class BarHeld:
    """A bar closed and the position is still there. `best` is the best price since the entry."""

    at: datetime  # when the bar opened
    best: Price
    atr: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StopMoved:
    """The stop moved with the position; it holds from the next bar on."""

    at: datetime
    stop: Price
    was: Price
    because: Because
    arithmetic: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitCalled:
    """The position is to be closed; `price` is what the bar would have given."""

    at: datetime
    price: Price
    because: Because


StopEvent = StopPlaced | BarHeld | StopMoved | ExitCalled


# --- the state --------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class AdaptiveStop:
    """The stop of one position, as its events have made it."""

    instrument: Instrument
    side: Side
    entry: Price
    first_stop: Price
    stop: Price
    best: Price
    plan: StopPlan
    placed_at: datetime
    updated_at: datetime
    last_bar_at: datetime | None = None
    bars_held: int = 0
    exit: ExitCalled | None = None
    version: int = 1

    @staticmethod
    def place(
        instrument: Instrument,
        *,
        side: Side,
        entry: Price,
        stop: Price,
        plan: StopPlan = DEFAULT_PLAN,
        at: datetime,
    ) -> tuple[StopEvent, ...]:
        """Put a stop behind a position.

        Raises:
            InvalidValueError: the stop is not on the losing side of the entry, is not a whole
                number of ticks, or the instant is naive.
        """
        long = side is Side.BUY
        if stop == entry or (stop < entry) is not long:
            msg = (
                f"the stop of a {side} at {entry} is {'below' if long else 'above'} it, not {stop}"
            )
            raise InvalidValueError(msg)
        tick = instrument.tick_size.value
        if on_tick(stop.value, tick, up=False) != stop.value:
            msg = f"a stop for {instrument.symbol} is a multiple of {plain(tick)}, not {stop}"
            raise InvalidValueError(msg)
        if at.utcoffset() != timedelta(0):
            msg = f"an instant is aware and in UTC, not {at.isoformat()}"
            raise InvalidValueError(msg)
        return (
            StopPlaced(at=at, instrument=instrument, side=side, entry=entry, stop=stop, plan=plan),
        )

    def on_bar(self, bar: Bar, atr: Decimal | None) -> tuple[StopEvent, ...]:
        """Decide what a closed bar means for the stop and the position.

        A bar told before, a bar that opened before the position, and any bar after the exit change
        nothing. `atr` is the average true range known at the bar's close; None (not enough bars
        yet) leaves the trailing stop where it is.

        Raises:
            InvalidValueError: another symbol's bar, or an ATR that is not above zero.
        """
        if bar.symbol != self.instrument.symbol:
            msg = f"a bar of {bar.symbol} says nothing about a stop on {self.instrument.symbol}"
            raise InvalidValueError(msg)
        if atr is not None:
            fraction("atr", atr, most=None)
        known = self.last_bar_at is not None and bar.at <= self.last_bar_at
        if known or bar.at < self.placed_at or self.exit is not None:
            return ()
        if self._reached(bar):
            price = min(bar.open, self.stop) if self._long else max(bar.open, self.stop)
            return (ExitCalled(at=bar.at, price=price, because=Because.STOP),)
        best = max(self.best, bar.high) if self._long else min(self.best, bar.low)
        events: list[StopEvent] = [BarHeld(at=bar.at, best=best, atr=atr)]
        moved = self._move(bar.at, best, atr)
        if moved is not None:
            events.append(moved)
        if self.plan.max_bars is not None and self.bars_held + 1 >= self.plan.max_bars:
            events.append(ExitCalled(at=bar.at, price=bar.close, because=Because.TIME))
        return tuple(events)

    @property
    def first_risk(self) -> Decimal:
        """What one unit would have lost at the first stop: one R."""
        return self._ahead(self.entry.value, self.first_stop.value)

    @staticmethod
    def begin(event: StopEvent) -> AdaptiveStop:
        """Return the stop its first event placed. Raises CorruptHistoryError."""
        if not isinstance(event, StopPlaced):
            msg = f"a stop starts with {type(event).__name__}"
            raise CorruptHistoryError(msg)
        return AdaptiveStop(
            instrument=event.instrument,
            side=event.side,
            entry=event.entry,
            first_stop=event.stop,
            stop=event.stop,
            best=event.entry,
            plan=event.plan,
            placed_at=event.at,
            updated_at=event.at,
        )

    def apply(self, event: StopEvent) -> AdaptiveStop:
        """Return the stop after `event`."""
        version = self.version + 1
        match event:
            case BarHeld(at=at, best=best):
                return evolve(
                    self,
                    version=version,
                    updated_at=at,
                    last_bar_at=at,
                    best=best,
                    bars_held=self.bars_held + 1,
                )
            case StopMoved(at=at, stop=stop):
                return evolve(self, version=version, updated_at=at, stop=stop)
            case ExitCalled(at=at):
                return evolve(self, version=version, updated_at=at, last_bar_at=at, exit=event)
            case StopPlaced():
                msg = f"a stop on {self.instrument.symbol} was placed twice"
                raise CorruptHistoryError(msg)

    @staticmethod
    def from_events(events: Iterable[StopEvent]) -> AdaptiveStop:
        """Fold a whole history. Raises CorruptHistoryError."""
        return fold(AdaptiveStop.begin, events)

    @property
    def _long(self) -> bool:
        return self.side is Side.BUY

    def _reached(self, bar: Bar) -> bool:
        return bar.low <= self.stop if self._long else bar.high >= self.stop

    def _ahead(self, price: Decimal, of: Decimal) -> Decimal:
        """Return how much better than `of` a price is for the position."""
        return EXACT.subtract(price, of) if self._long else EXACT.subtract(of, price)

    def _behind(self, price: Decimal, room: Decimal) -> Decimal:
        """Return the price that is worse for the position by `room`."""
        return EXACT.subtract(price, room) if self._long else EXACT.add(price, room)

    def _move(self, at: datetime, best: Price, atr: Decimal | None) -> StopMoved | None:
        nearest = None
        for wish in (self._trailing(best, atr), self._break_even(best)):
            if wish is None or self._ahead(wish.stop, self.stop.value) <= 0:
                continue
            if nearest is None or self._ahead(wish.stop, nearest.stop) > 0:
                nearest = wish
        if nearest is None:
            return None
        return StopMoved(
            at=at,
            stop=Price(nearest.stop),
            was=self.stop,
            because=nearest.because,
            arithmetic=nearest.arithmetic,
        )

    def _trailing(self, best: Price, atr: Decimal | None) -> _Wish | None:
        multiple = self.plan.trail_multiple
        if multiple is None or atr is None:
            return None
        value = self._behind(best.value, EXACT.multiply(multiple, atr))
        if value <= 0:
            return None
        told = {"best": str(best), "atr": plain(atr), "trail_multiple": plain(multiple)}
        # Rounded away from the market: never less room than asked.
        stop = on_tick(value, self.instrument.tick_size.value, up=not self._long)
        return _Wish(stop, Because.TRAILING, told) if stop > 0 else None

    def _break_even(self, best: Price) -> _Wish | None:
        after, bps = self.plan.break_even_after_r, self.plan.break_even_cushion_bps
        entry = self.entry.value
        gained = self._ahead(best.value, entry)
        if after is None or gained < EXACT.multiply(after, self.first_risk):
            return None
        cushion = EXACT.scaleb(EXACT.multiply(entry, bps), -4)
        value = EXACT.add(entry, cushion) if self._long else EXACT.subtract(entry, cushion)
        if value <= 0:
            return None
        # Rounded into the profit: break-even never loses a part of a tick.
        stop = on_tick(value, self.instrument.tick_size.value, up=self._long)
        if stop <= 0 or self._ahead(best.value, stop) < 0:
            return None  # the cushion is wider than what was gained
        told = {
            "best": str(best),
            "entry": str(self.entry),
            "first_risk": plain(self.first_risk),
            "break_even_after_r": plain(after),
            "break_even_cushion_bps": plain(bps),
        }
        return _Wish(stop, Because.BREAK_EVEN, told)


@dataclass(frozen=True, slots=True)
class _Wish:
    """Where a rule wants the stop, and why."""

    stop: Decimal
    because: Because
    arithmetic: Mapping[str, str]
