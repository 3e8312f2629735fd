"""Which sizing rule a bot run follows, with its numbers: part of the event that starts the run."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from traderbot.domain.market.instrument import Instrument
from traderbot.domain.orders.ticket import Exits, Side
from traderbot.domain.risk.sizing.kelly import TradeRecord
from traderbot.domain.risk.sizing.sized_quantity import fraction
from traderbot.domain.shared.decimals import EXACT, exact, floor_to, plain
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Price

_ONE: Final = Decimal(1)


class SizingRule(StrEnum):
    """How a quantity is found. What `Sizing.amount` is to each stands behind it."""

    SHARE = "share"  # the share of equity at cost one order may use: above 0, at most 1
    FIXED = "fixed"  # units
    RISK = "risk"  # the share of equity that being stopped out costs
    VOLATILITY = "volatility"  # the standard deviation the equity is to have
    KELLY = "kelly"  # how much of the full Kelly fraction is put at risk


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizing:
    """A rule and its numbers.

    `stop_loss` and `take_profit` are distances from the close that is decided on, as fractions of
    it: entries get them as orders at the venue, one of which cancels the other. RISK and KELLY
    measure what may be lost with the stop, so they need one. VOLATILITY reads the indicator of that
    name from the decision record. KELLY trusts a record of closed trades that was made before the
    run, each result a multiple of what it risked. With `short`, a sell signal without a position
    opens a short one; without, it is only heard by who is long.
    """

    rule: SizingRule
    amount: Decimal
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    short: bool = False
    indicator: str = ""
    record: TradeRecord | None = None

    def __post_init__(self) -> None:
        """Raise InvalidValueError for a number out of its bounds, or one that is missing."""
        if self.rule is SizingRule.FIXED:
            if exact(self.amount) <= 0:
                msg = f"a fixed quantity is above 0, not {plain(exact(self.amount))}"
                raise InvalidValueError(msg)
        else:
            most = None if self.rule is SizingRule.VOLATILITY else _ONE
            fraction("amount", self.amount, most=most)
        for name in ("stop_loss", "take_profit"):
            distance = getattr(self, name)
            if distance is not None:
                fraction(name, distance)
        if self.rule in _NEED_A_STOP and self.stop_loss is None:
            msg = f"sizing by {self.rule.value} needs stop_loss: without one nobody knows the risk"
            raise InvalidValueError(msg)
        if self.stop_loss == _ONE:
            msg = "a stop_loss is below 1: no price is at or below zero"
            raise InvalidValueError(msg)
        if self.rule is SizingRule.VOLATILITY and not self.indicator:
            msg = (
                "sizing by volatility needs the name of the indicator that says how volatile it is"
            )
            raise InvalidValueError(msg)
        if (self.rule is SizingRule.KELLY) is not (self.record is not None):
            msg = "sizing by kelly, and no other, needs a record of closed trades"
            raise InvalidValueError(msg)

    def stop_for(self, side: Side, entry: Price, instrument: Instrument) -> Price | None:
        """Return where an entry is given up, rounded away from it to a whole tick."""
        return _off(self.stop_loss, entry, instrument, up=side is Side.SELL)

    def exits_for(self, side: Side, entry: Price, instrument: Instrument) -> Exits | None:
        """Return the orders that protect an entry, None if it gets none."""
        stop = self.stop_for(side, entry, instrument)
        profit = _off(self.take_profit, entry, instrument, up=side is Side.BUY)
        if stop is None and profit is None:
            return None
        return Exits(take_profit=profit, stop_loss=stop)


_NEED_A_STOP: Final = frozenset({SizingRule.RISK, SizingRule.KELLY})


def _off(
    distance: Decimal | None, entry: Price, instrument: Instrument, *, up: bool
) -> Price | None:
    if distance is None:
        return None
    tick = instrument.tick_size.value
    factor = EXACT.add(_ONE, distance) if up else EXACT.subtract(_ONE, distance)
    exactly = EXACT.multiply(entry.value, factor)
    value = floor_to(exactly, tick)
    if up and value != exactly:
        value = EXACT.add(value, tick)
    return Price(max(value, tick))
