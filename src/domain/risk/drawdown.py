"""The drawdown protocol: trade smaller on the way down, and earn the way back up.

The rule, in words (the figures are the defaults of `DrawdownPolicy`):

- The drawdown is how far the equity is below its peak, as a share of the peak. Money paid in or
  out moves the peak in proportion, so that it is neither a gain nor a loss.
- **Down at once.** At 5 % the size factor is 0.75, at 10 % it is 0.5, at 15 % it is 0: no new risk,
  only closing. A fall through several steps takes all of them in one go.
- **Up one step a day, at most**, and only where the present drawdown asks for a smaller step, when
  either half of the band is recovered (from the 10 % step at 7.5 %, from the 5 % step at 2.5 %), or
  five days in a row closed above the day before. The days begin to count again after each step.
- **A latched step stays** until a person releases it with a reason. Then trading begins on the step
  before it, and the peak is set so that the drawdown reads as the beginning of that step: 10 %.
  What is above has to be earned like any other step.

Days are days of UTC. The factor is a ceiling for sizing; it does not replace the limits of the
gate, which may halt earlier.

Source:
    Steps and half-way hysteresis are a rule of this house, in the manner of a Schmitt trigger. That
    risk should shrink with the distance to a floor is shown in S. J. Grossman and Z. Zhou, "Optimal
    Investment Strategies for Controlling Drawdowns", Mathematical Finance 3(3), 1993.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from traderbot.domain.market.instrument import Instrument
from traderbot.domain.risk.drawdown_policy import DEFAULT_POLICY, DrawdownPolicy
from traderbot.domain.risk.sizing.sized_quantity import (
    SizedQuantity,
    in_whole_lots,
    rounded_down,
    rounded_up,
    shown,
)
from traderbot.domain.shared.decimals import EXACT, ZERO, plain
from traderbot.domain.shared.errors import CorruptHistoryError, InvalidValueError
from traderbot.domain.shared.history import evolve, fold
from traderbot.domain.shared.values import Money, trusted_money

_ONE = Decimal(1)
_REASON_LENGTH = 500


# --- what can happen --------------------------------------------------------------------------


class Because(StrEnum):
    """Why a step up was taken."""

    RECOVERED = "recovered"
    PROFITABLE_DAYS = "profitable_days"


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawdownWatchBegan:
    """From here on the equity is watched; it is its own first peak."""

    at: datetime
    equity: Money
    policy: DrawdownPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityMarked:
    """What everything was worth."""

    at: datetime
    equity: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityTransferred:
    """Money was paid in (above zero) or out; the peak moved with it."""

    at: datetime
    amount: Money
    peak: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeSteppedDown:
    """The drawdown reached a deeper step."""

    at: datetime
    drawdown: Decimal
    level: int
    factor: Decimal
    latched: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeSteppedUp:
    """One step back was earned."""

    at: datetime
    drawdown: Decimal
    level: int
    factor: Decimal
    because: Because


@dataclass(frozen=True, slots=True, kw_only=True)
class LatchReleased:
    """A person decided to go on, on the step before, from this peak."""

    at: datetime
    by: str
    reason: str
    level: int
    peak: Money


DrawdownEvent = (
    DrawdownWatchBegan
    | EquityMarked
    | EquityTransferred
    | SizeSteppedDown
    | SizeSteppedUp
    | LatchReleased
)


# --- the state --------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class DrawdownWatch:
    """Where the equity stands against its peak, and which step of the protocol holds."""

    policy: DrawdownPolicy
    equity: Money
    peak: Money
    updated_at: datetime
    day_opened: Money  # the equity this day began with, transfers included
    level: int = 0
    latched: bool = False
    profitable_days: int = 0  # in a row, counted since the last step
    stepped_up_on: date | None = None
    version: int = 1

    @staticmethod
    def start(
        equity: Money, policy: DrawdownPolicy = DEFAULT_POLICY, *, at: datetime
    ) -> tuple[DrawdownEvent, ...]:
        """Begin to watch. Raises InvalidValueError for equity not above zero or a naive instant."""
        if equity.amount <= 0:
            msg = f"there is no drawdown from {equity}: begin with equity above zero"
            raise InvalidValueError(msg)
        return (DrawdownWatchBegan(at=_utc(at), equity=equity, policy=policy),)

    def observe(self, equity: Money, *, at: datetime) -> tuple[DrawdownEvent, ...]:
        """Take note of what everything is worth, and step down or up by the rule.

        The same equity at the same instant, told again, is no news.

        Raises:
            InvalidValueError: an instant before the last one, or a naive one.
            CurrencyMismatchError: not the currency it began with.
        """
        self._in_order(at)
        if at == self.updated_at and equity == self.equity:
            return ()
        marked = EquityMarked(at=at, equity=equity)
        after = self.apply(marked)  # which compares amounts, and so currencies
        moved = after._step(at)  # noqa: SLF001 - its own kind, one event later
        return (marked, moved) if moved else (marked,)

    def transfer(self, amount: Money, *, at: datetime) -> tuple[DrawdownEvent, ...]:
        """Take note of money paid in (above zero) or out: the drawdown stays where it is.

        Where nothing was left, or nothing remains, what is there afterwards is the new peak.

        Raises:
            InvalidValueError: an amount of nothing, or an instant out of order.
            CurrencyMismatchError: not the currency it began with.
        """
        self._in_order(at)
        after = self.equity + amount
        if not amount:
            msg = "a transfer of nothing: say how much was paid in or out"
            raise InvalidValueError(msg)
        peak = max(after.amount, ZERO)
        if self.equity.amount > 0 and after.amount > 0:
            peak = rounded_down(
                EXACT.divide(EXACT.multiply(self.peak.amount, after.amount), self.equity.amount)
            )
            peak = max(peak, after.amount)  # rounding never leaves the equity above its peak
        moved = trusted_money(peak, self.equity.currency)
        return (EquityTransferred(at=at, amount=amount, peak=moved),)

    def release(self, *, by: str, reason: str, at: datetime) -> tuple[DrawdownEvent, ...]:
        """Go on trading after a latch, on the step before it. Not latched, it changes nothing.

        Where several steps are latched, it is the shallowest of them that counts.

        Raises:
            InvalidValueError: nobody or no reason is named, no equity is left, or an instant out of
                order.
        """
        self._in_order(at)
        if not self.latched:
            return ()
        if self.equity.amount <= 0:
            msg = f"there is nothing to trade with: the equity is {self.equity}; pay money in first"
            raise InvalidValueError(msg)
        level = [step.latched for step in self.policy.steps].index(True)  # the one before it
        left = EXACT.subtract(_ONE, self.policy.begins_at(level))
        as_if = rounded_up(EXACT.divide(self.equity.amount, left))
        return (
            LatchReleased(
                at=at,
                by=_said("who released it", by),
                reason=_said("the reason", reason),
                level=level,
                peak=trusted_money(min(self.peak.amount, as_if), self.equity.currency),
            ),
        )

    @property
    def drawdown(self) -> Decimal:
        """How far the equity is below its peak, as a share of it; at 18 places, never too high."""
        if self.peak.amount <= 0:
            return ZERO
        fallen = EXACT.subtract(self.peak.amount, self.equity.amount)
        return rounded_down(EXACT.divide(fallen, self.peak.amount))

    @property
    def factor(self) -> Decimal:
        """What sizes are multiplied by now: 1 at the top, 0 for no new risk."""
        return self.policy.steps[self.level - 1].factor if self.level else _ONE

    def scale(self, instrument: Instrument, sized: SizedQuantity) -> SizedQuantity:
        """Return a sizing made smaller by the present factor; the arithmetic tells both.

        Use it for what opens risk only: closing a position is never made smaller.
        """
        arithmetic = {
            **sized.arithmetic,
            "drawdown": plain(self.drawdown),
            "drawdown_level": str(self.level),
            "size_factor": plain(self.factor),
        }
        if sized.blocking_code is not None:
            return SizedQuantity(blocking_code=sized.blocking_code, arithmetic=arithmetic)
        if not self.factor:
            code = "DRAWDOWN_LATCHED" if self.latched else "DRAWDOWN_STOPPED"
            return SizedQuantity(blocking_code=code, arithmetic=arithmetic)
        wanted = EXACT.multiply(sized.quantity.value, self.factor)
        arithmetic["quantity_before_drawdown"] = str(sized.quantity)
        arithmetic["quantity_by_drawdown"] = shown(wanted)
        return in_whole_lots(instrument, wanted, arithmetic)

    @staticmethod
    def begin(event: DrawdownEvent) -> DrawdownWatch:
        """Return the watch its first event began. Raises CorruptHistoryError."""
        if not isinstance(event, DrawdownWatchBegan):
            msg = f"a drawdown watch starts with {type(event).__name__}"
            raise CorruptHistoryError(msg)
        return DrawdownWatch(
            policy=event.policy,
            equity=event.equity,
            peak=event.equity,
            updated_at=event.at,
            day_opened=event.equity,
        )

    def apply(self, event: DrawdownEvent) -> DrawdownWatch:
        """Return the watch after `event`."""
        version = self.version + 1
        match event:
            case EquityMarked(at=at, equity=equity):
                days, opened = self._days_at(at)
                return evolve(
                    self,
                    version=version,
                    updated_at=at,
                    equity=equity,
                    peak=max(self.peak, equity),
                    day_opened=opened,
                    profitable_days=days,
                )
            case EquityTransferred(at=at, amount=amount, peak=peak):
                days, opened = self._days_at(at)
                return evolve(
                    self,
                    version=version,
                    updated_at=at,
                    equity=self.equity + amount,
                    peak=peak,
                    day_opened=opened + amount,
                    profitable_days=days,
                )
            case SizeSteppedDown(at=at, level=level, latched=latched):
                return evolve(
                    self,
                    version=version,
                    updated_at=at,
                    level=level,
                    latched=self.latched or latched,
                    profitable_days=0,
                )
            case SizeSteppedUp(at=at, level=level):
                return evolve(
                    self,
                    version=version,
                    updated_at=at,
                    level=level,
                    profitable_days=0,
                    stepped_up_on=at.date(),
                )
            case LatchReleased(at=at, level=level, peak=peak):
                return evolve(
                    self,
                    version=version,
                    updated_at=at,
                    level=level,
                    latched=False,
                    peak=peak,
                    profitable_days=0,
                    stepped_up_on=at.date(),
                )
            case DrawdownWatchBegan():
                msg = "a drawdown watch began twice"
                raise CorruptHistoryError(msg)

    @staticmethod
    def from_events(events: Iterable[DrawdownEvent]) -> DrawdownWatch:
        """Fold a whole history. Raises CorruptHistoryError."""
        return fold(DrawdownWatch.begin, events)

    def _days_at(self, at: datetime) -> tuple[int, Money]:
        """Return the profitable days in a row and the equity this day began with, seen at `at`."""
        if at.date() == self.updated_at.date():
            return self.profitable_days, self.day_opened
        won = self.equity > self.day_opened  # the day that is over
        return (self.profitable_days + 1 if won else 0), self.equity

    def _step(self, at: datetime) -> DrawdownEvent | None:
        policy, drawdown = self.policy, self.drawdown
        asked = policy.level_of(drawdown)
        if asked > self.level:
            step = policy.steps[asked - 1]
            return SizeSteppedDown(
                at=at,
                drawdown=drawdown,
                level=asked,
                factor=step.factor,
                # A fall through a latched step is latched, even if a deeper one is not.
                latched=any(passed.latched for passed in policy.steps[self.level : asked]),
            )
        if self.latched or asked >= self.level or self.stepped_up_on == at.date():
            return None
        if drawdown <= policy.recovered_at(self.level):
            because = Because.RECOVERED
        elif self.profitable_days >= policy.profitable_days:
            because = Because.PROFITABLE_DAYS
        else:
            return None
        level = self.level - 1
        factor = policy.steps[level - 1].factor if level else _ONE
        return SizeSteppedUp(at=at, drawdown=drawdown, level=level, factor=factor, because=because)

    def _in_order(self, at: datetime) -> None:
        if _utc(at) < self.updated_at:
            msg = f"{at.isoformat()} is before {self.updated_at.isoformat()}: tell it in order"
            raise InvalidValueError(msg)


def _utc(at: datetime) -> datetime:
    if at.utcoffset() != timedelta(0):
        msg = f"an instant is aware and in UTC, not {at.isoformat()}"
        raise InvalidValueError(msg)
    return at


def _said(what: str, text: str) -> str:
    said = text.strip()
    if not 0 < len(said) <= _REASON_LENGTH or not said.isprintable():
        msg = f"{what} is 1 to {_REASON_LENGTH} printable characters"
        raise InvalidValueError(msg)
    return said
