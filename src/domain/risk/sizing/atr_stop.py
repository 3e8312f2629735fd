"""A stop some average true ranges away, and the quantity that goes with it."""

from __future__ import annotations

from decimal import Decimal

from traderbot.domain.market.instrument import Instrument
from traderbot.domain.orders.ticket import Side
from traderbot.domain.risk.sizing.fixed_fractional import DEFAULT_RISK, fixed_fractional
from traderbot.domain.risk.sizing.sized_quantity import SizedQuantity, fraction
from traderbot.domain.shared.decimals import EXACT, ZERO, floor_to, plain
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Money, Price

DEFAULT_MULTIPLE = Decimal(2)


def atr_stop(
    instrument: Instrument,
    *,
    side: Side,
    entry: Price,
    atr: Decimal,
    multiple: Decimal = DEFAULT_MULTIPLE,
) -> Price:
    """Return the stop `multiple` average true ranges from the entry, on a whole tick.

    It is rounded away from the entry, so that the room given is never less than asked; the
    quantity is measured with the rounded stop, so the money at risk stays what it was.

    Args:
        instrument: whose ticks count.
        side: buy for a long trade, whose stop is below; sell for a short one.
        entry: the price the trade is expected to begin at.
        atr: average true range in the quote currency, above 0, of any period and smoothing.
        multiple: above 0.

    Raises:
        InvalidValueError: a long stop would not be above zero, or a number is out of its bounds.

    Source:
        J. Welles Wilder, "New Concepts in Technical Trading Systems", Trend Research, 1978.
    """
    value = _stop(instrument, side, entry, atr, multiple)
    if value <= 0:
        msg = (
            f"a stop {plain(multiple)} ranges of {plain(atr)} below {entry} is not above zero: "
            "use a smaller multiple"
        )
        raise InvalidValueError(msg)
    return Price(value)


def atr_sizing(
    instrument: Instrument,
    *,
    side: Side,
    equity: Money,
    entry: Price,
    atr: Decimal,
    multiple: Decimal = DEFAULT_MULTIPLE,
    risk_fraction: Decimal = DEFAULT_RISK,
    fee_bps: Decimal = ZERO,
    notional_max: Money | None = None,
) -> SizedQuantity:
    """Return how much to trade so that the ATR stop costs `risk_fraction` of the equity.

    `atr_stop` places the stop, `fixed_fractional` does the sum; the arithmetic names both. Where no
    stop above zero is that far away, the answer is blocked with STOP_NOT_ABOVE_ZERO.

    Raises:
        InvalidValueError: a number is out of its bounds.
        CurrencyMismatchError: equity or notional_max is not in the symbol's quote currency.
    """
    arithmetic = {"atr": plain(atr), "atr_multiple": plain(multiple)}
    if _stop(instrument, side, entry, atr, multiple) <= 0:
        return SizedQuantity(blocking_code="STOP_NOT_ABOVE_ZERO", arithmetic=arithmetic)
    stop = atr_stop(instrument, side=side, entry=entry, atr=atr, multiple=multiple)
    sized = fixed_fractional(
        instrument,
        equity=equity,
        entry=entry,
        stop=stop,
        risk_fraction=risk_fraction,
        fee_bps=fee_bps,
        notional_max=notional_max,
    )
    return SizedQuantity(
        quantity=sized.quantity,
        blocking_code=sized.blocking_code,
        arithmetic={**arithmetic, **sized.arithmetic},
    )


def on_tick(value: Decimal, tick: Decimal, *, up: bool) -> Decimal:
    """Return the multiple of `tick` next to a positive `value`, upwards or downwards."""
    below = floor_to(value, tick)
    return EXACT.add(below, tick) if up and below < value else below


def _stop(
    instrument: Instrument, side: Side, entry: Price, atr: Decimal, multiple: Decimal
) -> Decimal:
    room = EXACT.multiply(
        fraction("atr", atr, most=None), fraction("multiple", multiple, most=None)
    )
    short = side is Side.SELL
    value = EXACT.add(entry.value, room) if short else EXACT.subtract(entry.value, room)
    if value <= 0:
        return ZERO
    return on_tick(value, instrument.tick_size.value, up=short)
