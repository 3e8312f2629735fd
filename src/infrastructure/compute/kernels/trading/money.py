"""Exact money in whole numbers: what the Decimal arithmetic gives, without its objects.

An amount is two integers: whole units, and millionths of a unit, from 0 to 999,999. A unit is the
worth of one lot at one price step, so a price times a quantity is a product of two integers, and a
fee in parts per million of it is exact too. No product is made before it is known to fit into
64 bits; `LARGEST_AMOUNT` leaves room for sums of two.

The functions are compiled, and run as plain Python where there is no compiler; same integers.
"""

from __future__ import annotations

import math

MILLION = 1_000_000
LARGEST_AMOUNT = 4_000_000_000_000_000_000
_LARGEST_FLOAT = 9_007_199_254_740_992.0  # from here on not every whole number is a float


def steps_of(price: float, scale: int) -> int:
    """Return a price as a whole number of steps of 1 / scale; -1 if it is not on that grid.

    The float is on the grid if it is the float nearest to so many steps.
    """
    raw = price * scale
    if not 0.0 < raw < _LARGEST_FLOAT:
        return -1
    steps = int(math.floor(raw + 0.5))  # noqa: RUF046 - compiled, floor gives a float
    return steps if steps / scale == price else -1


def dearest(lots: int) -> int:
    """Return the highest price whose product with so many lots is an amount."""
    return LARGEST_AMOUNT // max(lots, 1)


def parts_of(amount: int, ppm: int) -> tuple[int, int]:
    """Return so many parts per million of an amount, at most all of it: units and millionths."""
    rest = (amount % MILLION) * ppm
    return (amount // MILLION) * ppm + rest // MILLION, rest % MILLION


def worse_price(price: int, ppm: int, tick: int, side: int) -> int:
    """Return a price moved against a buy (1) or a sale (-1) as `slippage.moved` does."""
    if ppm == 0:
        return price
    by, rest = parts_of(price, ppm)
    if side > 0:
        value = price + by
        ticks = value // tick
        if value % tick != 0 or rest != 0:
            ticks += 1
        return ticks * tick
    value = price - by - (1 if rest != 0 else 0)
    return max(value // tick, 1) * tick


def lots_of_share(units: int, millionths: int, ppm: int, price: int) -> int:
    """Return how many whole lots a share of the cash buys at a price; not above 0 without cash."""
    rest = (units % MILLION) * ppm * MILLION + millionths * ppm
    return ((units // MILLION) * ppm + rest // (MILLION * MILLION)) // price


def covers(units: int, millionths: int, notional: int, cushion: int, fee: int) -> bool:
    """Whether cash covers notional * (1 + cushion) * (1 + fee), in parts per million, at most all.

    The two shares add up to no more than a million, so that most buys need only a glance.
    """
    if notional < units // 3:
        return True
    ratio = (cushion + fee) * MILLION + cushion * fee  # of what comes on top, in 1e-12
    many, few = notional // MILLION, notional % MILLION
    high, low = ratio // MILLION, ratio % MILLION
    between = many * low + few * high
    rest = (between % MILLION) * MILLION + few * low
    square = MILLION * MILLION
    need = notional + many * high + between // MILLION + rest // square
    return need < units or (need == units and rest % square <= millionths * MILLION)
