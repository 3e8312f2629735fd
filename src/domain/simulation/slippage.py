"""How much worse than the market's price an order trades: one small function per model.

Each returns the distance in the quote currency, never below zero. `moved` then takes the price
that far against the order and on to the next tick on the wrong side.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from traderbot.domain.orders.ticket import Side
from traderbot.domain.shared.decimals import EXACT, ZERO
from traderbot.domain.shared.values import Price, Quantity

_BPS = Decimal(10_000)


def no_slippage() -> Decimal:
    """Return nothing: orders trade at the price that is seen."""
    return ZERO


def bps_slippage(price: Price, bps: Decimal) -> Decimal:
    """Return a fixed share of the price, in hundredths of a percent.

    Source:
        Zipline, `FixedBasisPointsSlippage` (zipline/finance/slippage.py).
    """
    return EXACT.multiply(price.value, EXACT.divide(bps, _BPS))


def range_slippage(high: Price, low: Price, share: Decimal) -> Decimal:
    """Return a share of the bar's range: fast markets are dear ones.

    Source:
        the high-low range as a proxy of intraday volatility: Parkinson, "The Extreme Value Method
        for Estimating the Variance of the Rate of Return", Journal of Business 53(1), 1980.
    """
    return EXACT.multiply(EXACT.subtract(high.value, low.value), share)


def volume_slippage(price: Price, quantity: Quantity, volume: Quantity, impact: Decimal) -> Decimal:
    """Return `impact` x (share of the bar's volume)^2 x price; the whole price share if no volume.

    Source:
        Zipline, `VolumeShareSlippage` (zipline/finance/slippage.py), `price_impact` 0.1.
    """
    if not volume:
        return EXACT.multiply(price.value, impact)
    share = min(EXACT.divide(quantity.value, volume.value), Decimal(1))
    return EXACT.multiply(price.value, EXACT.multiply(impact, EXACT.multiply(share, share)))


def half_spread(price: Price, spread_bps: Decimal) -> Decimal:
    """Return half of a spread given in hundredths of a percent of the price."""
    return EXACT.divide(EXACT.multiply(price.value, spread_bps), EXACT.multiply(_BPS, Decimal(2)))


def moved(price: Price, side: Side, by: Decimal, tick: Price) -> Price:
    """Return the price so far against an order, on to the next tick on the wrong side of it.

    Moved by nothing it stays as it is. No sale is for less than one tick.
    """
    if not by:
        return price
    buys = side is Side.BUY
    value = EXACT.add(price.value, by) if buys else EXACT.subtract(price.value, by)
    return to_tick(value, tick, up=buys)


def to_tick(value: Decimal, tick: Price, *, up: bool) -> Price:
    """Return the next tick at or above (or below) a value, and at least one tick."""
    rounding = ROUND_CEILING if up else ROUND_FLOOR
    ticks = EXACT.divide(value, tick.value).to_integral_value(rounding)
    found = EXACT.multiply(ticks, tick.value)
    return Price(found) if found > 0 else tick
