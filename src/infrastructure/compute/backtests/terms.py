"""On which terms a backtest trades, and the same as the whole numbers of a compiled loop."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Self

import numpy as np

from traderbot.domain.bots.sizing_rule import Sizing, SizingRule
from traderbot.domain.market.instrument import Instrument
from traderbot.domain.risk.limits import Limits
from traderbot.domain.shared.decimals import EXACT, PLACES, canonical, exact, plain
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.simulation.fill_model import FillModel, SlippageKind
from traderbot.infrastructure.compute.arrays import FloatArray
from traderbot.infrastructure.compute.kernels.trading import settling
from traderbot.infrastructure.compute.kernels.trading.money import LARGEST_AMOUNT, MILLION
from traderbot.infrastructure.compute.kernels.trading.settling import Integers

_MOST_PLACES = 12  # of a price
_ONE = Decimal(1)
# The limits the kernel keeps.
_SAID = ("order_notional_max", "order_notional_fraction", "market_order_cushion", "fee_bps")
_BPS = Decimal(100)  # parts per million


class NotInKernelError(InvalidValueError):
    """The kernel cannot say it exactly; the engine that trades order by order can."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"{reason}; run it with the exact engine")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """One long position in one symbol: with what cash, how much at a time, at which cost.

    A buy is `quantity` units, or `share` of the cash in whole lots of `lot`; one of the two.
    `fee_bps` is of the notional; `slippage_bps` of the price, on to the next `tick`. The gate's
    part: a buy is refused unless the cash covers it with `cushion` and `reserved_fee_bps` on top,
    or if it is worth more than `order_most` or than `order_fraction` of the cash.
    """

    cash: Decimal = Decimal(10_000)
    quantity: Decimal | None = None
    share: Decimal | None = None
    lot: Decimal = _ONE
    tick: Decimal = Decimal("0.01")
    fee_bps: Decimal = Decimal(10)
    slippage_bps: Decimal = Decimal(5)
    cushion: Decimal = Decimal("0.05")
    reserved_fee_bps: Decimal = Decimal(10)
    order_most: Decimal | None = None
    order_fraction: Decimal | None = None

    def __post_init__(self) -> None:
        """Raise InvalidValueError for an amount that makes no sense."""
        if (self.quantity is None) is (self.share is None):
            raise InvalidValueError("a backtest buys a quantity or a share of the cash: give one")
        for name in ("cash", "lot", "tick", "quantity" if self.share is None else "share"):
            value = getattr(self, name)
            if exact(value) <= 0:
                raise InvalidValueError(f"{name} is above 0, not {value}")
        for name in ("fee_bps", "slippage_bps", "cushion", "reserved_fee_bps"):
            if exact(getattr(self, name)) < 0:
                raise InvalidValueError(f"{name} is not below 0: {getattr(self, name)}")
        for name in ("share", "order_fraction"):
            value = getattr(self, name)
            if value is not None and not 0 <= exact(value) <= 1:
                raise InvalidValueError(f"{name} is at most 1, for nothing is borrowed: {value}")

    @classmethod
    def of(
        cls,
        cash: Decimal,
        sizing: Sizing,
        instrument: Instrument,
        model: FillModel,
        limits: Limits,
    ) -> Self:
        """Return what a bot trades on, as far as the kernel can say it.

        Raises:
            NotInKernelError: sizing by a model, exits, short sales, partial fills, latency, a
                spread, slippage that is not a share of the price, or limits that look at more than
            the size of an order; it says which.
        """
        texts = limits.texts()
        others = [name for name, text in texts.items() if text is not None and name not in _SAID]
        for cannot, what in (
            (sizing.rule not in (SizingRule.FIXED, SizingRule.SHARE), f"sizing by {sizing.rule}"),
            (sizing.stop_loss is not None or sizing.take_profit is not None, "exits at the venue"),
            (sizing.short, "short sales"),
            (model.participation is not None, "a share of the volume"),
            (bool(model.latency), "latency"),
            (bool(model.spread_bps), "a spread"),
            (
                model.slippage.kind not in (SlippageKind.NONE, SlippageKind.BPS),
                f"slippage by {model.slippage.kind}",
            ),
            (bool(others), f"limits beyond the size of an order ({', '.join(others)})"),
        ):
            if cannot:
                raise NotInKernelError(f"the kernel knows no {what}")
        fixed = sizing.rule is SizingRule.FIXED
        none = model.slippage.kind is SlippageKind.NONE
        boundless = limits.order_notional_fraction > 1
        return cls(
            cash=cash,
            quantity=sizing.amount if fixed else None,
            share=None if fixed else min(sizing.amount, limits.order_notional_fraction),
            lot=instrument.lot_size.value,
            tick=instrument.tick_size.value,
            fee_bps=model.taker_fee_bps,
            slippage_bps=Decimal(0) if none else model.slippage.amount,
            cushion=limits.market_order_cushion,
            reserved_fee_bps=limits.fee_bps,
            order_most=limits.order_notional_max,
            order_fraction=None if boundless else limits.order_notional_fraction,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Scaled:
    """Terms as whole numbers, for prices with so many places."""

    integers: Integers
    floats: FloatArray = field(repr=False)  # units in 1, the quantity of a lot, sum over the curve
    places: int  # of a price
    lot: Decimal  # the quantity one counts in
    unit: Decimal  # the worth of one lot at one price step

    def money(self, units: int, millionths: int) -> Decimal:
        """Return an exact amount."""
        whole = EXACT.add(Decimal(units), EXACT.scaleb(Decimal(millionths), -6))
        return canonical(EXACT.multiply(whole, self.unit))

    def price(self, steps: int) -> Decimal:
        """Return an exact price."""
        return canonical(EXACT.scaleb(Decimal(steps), -self.places))

    def quantity(self, lots: int) -> Decimal:
        """Return an exact quantity."""
        return canonical(EXACT.multiply(Decimal(lots), self.lot))


@lru_cache(maxsize=64)
def scaled(terms: Terms, places: int, *, keep: bool = True, curve: bool = True) -> Scaled:
    """Return the terms as whole numbers.

    Args:
        terms: what is asked for.
        places: with how many places prices are exact.
        keep: whether the log has placed and refused orders beside fills.
        curve: whether a sweep sums over the equity of every bar.

    Raises:
        NotInKernelError: an amount is too large or has too many places to be exact in 64 bits.
    """
    lot = _unit_of(terms.quantity) if terms.quantity is not None else terms.lot
    unit = EXACT.scaleb(lot, -places)
    fee = _ppm("fee_bps", terms.fee_bps, _BPS)
    if _places(unit) + _places(EXACT.scaleb(terms.fee_bps, -4)) > PLACES:
        raise NotInKernelError(
            f"prices of {places} places times lots of {plain(lot)} and a fee of "
            f"{plain(terms.fee_bps)} bps have more than {PLACES} places and would be rounded"
        )
    cash = EXACT.divide(terms.cash, unit)
    units = int(cash)
    millionths = EXACT.scaleb(EXACT.subtract(cash, Decimal(units)), 6)
    if millionths != int(millionths):
        raise NotInKernelError(f"the cash of {plain(terms.cash)} is not a multiple of {unit}e-6")
    lots = EXACT.divide(terms.quantity, lot) if terms.quantity is not None else Decimal(0)
    if max(cash, lots) > LARGEST_AMOUNT:
        raise NotInKernelError(
            f"cash of {plain(terms.cash)} is more than 64 bits hold in units of {plain(unit)}"
        )
    tick = EXACT.scaleb(terms.tick, places)
    if tick != int(tick):
        raise NotInKernelError(f"prices of {places} places are finer than a tick's own")
    cushion = _ppm("cushion", terms.cushion, Decimal(MILLION))
    reserved = _ppm("reserved_fee_bps", terms.reserved_fee_bps, _BPS)
    if cushion + reserved > MILLION:
        raise NotInKernelError("a cushion and a fee of more than the order itself")
    most = LARGEST_AMOUNT
    if terms.order_most is not None:
        most = min(most, int(EXACT.divide(terms.order_most, unit)))
    fraction = settling.NO_FRACTION
    if terms.order_fraction is not None:
        fraction = _ppm("order_fraction", terms.order_fraction, Decimal(MILLION))
    share = Decimal(0) if terms.share is None else terms.share
    integers = np.zeros(settling.TERMS, np.int64)
    for place, value in (
        (settling.START_UNITS, units),
        (settling.START_MILLIONTHS, int(millionths)),
        (settling.LOTS, int(lots)),
        (settling.SHARE, _ppm("share", share, Decimal(MILLION))),
        (settling.FEE, fee),
        (settling.SLIPPAGE, _ppm("slippage_bps", terms.slippage_bps, _BPS)),
        (settling.TICK, int(tick)),
        (settling.SCALE, 10**places),
        (settling.CUSHION, cushion),
        (settling.RESERVED_FEE, reserved),
        (settling.MOST, most),
        (settling.FRACTION, fraction),
        (settling.KEEP, int(keep)),
    ):
        integers[place] = value
    floats = np.array([float(EXACT.divide(_ONE, unit)), float(lot), float(curve)])
    integers.flags.writeable = floats.flags.writeable = False  # the same for all who ask
    return Scaled(integers, floats, places, lot, unit)


def places_of(terms: Terms) -> int:
    """Return with how many places prices are tried first: those of a tick."""
    return _places(terms.tick)


def finer_places(terms: Terms, opens: FloatArray, closes: FloatArray) -> int:
    """Return with how many places every price is exact, the nearest float of a decimal.

    Raises:
        NotInKernelError: no grid of at most 12 places has them all; it names one that is not on it.
        InvalidValueError: one is no price; it names column and row.
    """
    values = np.concatenate((opens, closes))
    for places in range(places_of(terms), _MOST_PLACES + 1):
        scale = 10**places
        steps = np.floor(values * scale + 0.5)
        off = (steps / scale != values) | ~(values > 0.0) | ~(values * scale < 2.0**53)
        if not off.any():
            return places
    place = int(np.flatnonzero(off)[0])
    worst = float(values[place])
    if not 0.0 < worst < math.inf:
        column = "open" if place < len(opens) else "close"
        raise InvalidValueError(
            f"{column}[{place % len(opens)}] is {worst}: a price is a finite number above 0"
        )
    raise NotInKernelError(f"the price {worst!r} has more than {_MOST_PLACES} places")


def _ppm(name: str, value: Decimal, one: Decimal) -> int:
    found = EXACT.multiply(value, one)
    if found != int(found) or found > MILLION:
        raise NotInKernelError(
            f"{name} {plain(value)} is not a whole number of millionths from 0 to 1"
        )
    return int(found)


def _unit_of(quantity: Decimal) -> Decimal:
    """Return the last place of a quantity: what it is counted in."""
    return _ONE.scaleb(-_places(quantity))


def _places(value: Decimal) -> int:
    exponent = exact(value).as_tuple().exponent
    return max(0, -int(exponent))
