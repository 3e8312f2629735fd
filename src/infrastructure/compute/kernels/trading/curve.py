"""Equity at every close, as floats, and what is summed over it.

The exact cash between two fills is a constant, so equity is one line per stretch of bars:

    cash   = units / D + millionths / (D * 1,000,000)     D: units in 1
    equity = cash + quantity * close

each operation rounded once. It is a view: nothing is booked from it.
"""

from __future__ import annotations

from traderbot.infrastructure.compute.arrays import FloatArray
from traderbot.infrastructure.compute.kernels.trading.money import MILLION
from traderbot.infrastructure.compute.kernels.trading.settling import (
    BAR,
    CASH_MILLIONTHS,
    CASH_UNITS,
    FILLED,
    KIND,
    QUANTITY,
    SIDE,
    START_MILLIONTHS,
    START_UNITS,
    Integers,
)

# What is summed over a curve.
SUMS = 19
PEAK, LOW, DRAWDOWN, RETURNS, _SQUARES = 0, 1, 2, 3, 11
_CHUNK = 512
MOVES = _CHUNK + 16
_BLOCK = 32


def money(units: int, millionths: int, divisor: float) -> float:
    """Return an exact amount as a float."""
    return units / divisor + millionths / (divisor * MILLION)


def draw(  # noqa: PLR0917 - what the line is made of
    closes: FloatArray,
    terms: Integers,
    log: Integers,
    rows: int,
    divisor: float,
    lot: float,
    equity: FloatArray,
) -> None:
    """Fill in the equity at every close.

    Args:
        closes: of every bar.
        terms: as `settle` was told.
        log: as it filled it in, so many rows.
        rows: of it.
        divisor: units in 1 of the quote currency.
        lot: the quantity of one lot.
        equity: filled.
    """
    cash = money(terms[START_UNITS], terms[START_MILLIONTHS], divisor)
    quantity, begin = 0.0, 0
    for row in range(rows):
        if log[row, KIND] != FILLED:
            continue
        end = log[row, BAR]
        stretch(closes[begin:end], cash, quantity, equity[begin:end])
        cash = money(log[row, CASH_UNITS], log[row, CASH_MILLIONTHS], divisor)
        quantity = log[row, QUANTITY] * lot if log[row, SIDE] > 0 else 0.0
        begin = end
    stretch(closes[begin:], cash, quantity, equity[begin:])


def stretch(closes: FloatArray, cash: float, quantity: float, equity: FloatArray) -> None:
    """Fill in the equity between two fills."""
    if quantity == 0.0:
        equity[:] = cash
        return
    for i in range(len(closes)):
        equity[i] = cash + quantity * closes[i]


def begin_sums(sums: FloatArray, first: float) -> None:
    """Begin to sum over a curve whose first value is given."""
    sums[:] = 0.0
    sums[PEAK] = sums[LOW] = first


def add_stretch(sums: FloatArray, equity: FloatArray, first: int, moves: FloatArray) -> None:
    """Add the bars after the first of a stretch of a curve that stands `first` bars into it.

    A return is equity / equity before - 1. Returns and their squares are summed in eight sums each,
    the bar's number modulo 8 says in which; they are added up at the end, in `end_sums`. A stretch
    that does not move adds nothing, so it may be left out. The drawdown is
    (peak - lowest since) / peak, looked at whenever a new peak is reached. `moves` is room for
    `MOVES` values, no matter which.
    """
    for begin in range(1, len(equity), _CHUNK):
        end = min(begin + _CHUNK, len(equity))
        m = end - begin
        lead = (first + begin) % 8
        now, before = equity[begin:end], equity[begin - 1 : end - 1]
        moves[:lead] = 0.0
        part = moves[lead : lead + m]
        for i in range(m):
            part[i] = now[i] / before[i] - 1.0
        whole = (lead + m + 7) // 8 * 8
        moves[lead + m : whole] = 0.0
        _add_moves(sums, moves[:whole])
        _follow(sums, now)


def end_sums(sums: FloatArray) -> tuple[float, float, float]:
    """Return the deepest drawdown, the sum of the returns and the sum of their squares."""
    fall = (sums[PEAK] - sums[LOW]) / sums[PEAK] if sums[PEAK] > 0.0 else 0.0
    deepest = fall if fall > sums[DRAWDOWN] else sums[DRAWDOWN]  # noqa: FURB136
    r, q = sums[RETURNS:_SQUARES], sums[_SQUARES : _SQUARES + 8]
    return (
        deepest,
        ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7])),
        ((q[0] + q[1]) + (q[2] + q[3])) + ((q[4] + q[5]) + (q[6] + q[7])),
    )


def _add_moves(sums: FloatArray, moves: FloatArray) -> None:
    r, q = sums[RETURNS:_SQUARES], sums[_SQUARES : _SQUARES + 8]
    a, b, c, d, e, f, g, h = r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7]
    s, t, u, v, w, x, y, z = q[0], q[1], q[2], q[3], q[4], q[5], q[6], q[7]
    for j in range(0, len(moves), 8):
        a += moves[j]
        b += moves[j + 1]
        c += moves[j + 2]
        d += moves[j + 3]
        e += moves[j + 4]
        f += moves[j + 5]
        g += moves[j + 6]
        h += moves[j + 7]
        s += moves[j] * moves[j]
        t += moves[j + 1] * moves[j + 1]
        u += moves[j + 2] * moves[j + 2]
        v += moves[j + 3] * moves[j + 3]
        w += moves[j + 4] * moves[j + 4]
        x += moves[j + 5] * moves[j + 5]
        y += moves[j + 6] * moves[j + 6]
        z += moves[j + 7] * moves[j + 7]
    r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7] = a, b, c, d, e, f, g, h
    q[0], q[1], q[2], q[3], q[4], q[5], q[6], q[7] = s, t, u, v, w, x, y, z


def _follow(sums: FloatArray, equity: FloatArray) -> None:
    """Follow the peak and the lowest since; a block without a new peak is looked at once."""
    peak, low, deepest = sums[PEAK], sums[LOW], sums[DRAWDOWN]
    begin = 0
    while begin < len(equity):
        end = min(begin + _BLOCK, len(equity))
        if end - begin == _BLOCK:
            top, bottom = _ends(equity[begin:end])
            if top <= peak:
                low = bottom if bottom < low else low  # noqa: FURB136
                begin = end
                continue
        for i in range(begin, end):
            value = equity[i]
            if value > peak:
                fall = (peak - low) / peak if peak > 0.0 else 0.0
                deepest = fall if fall > deepest else deepest  # noqa: FURB136
                peak = low = value
            elif value < low:
                low = value
        begin = end
    sums[PEAK], sums[LOW], sums[DRAWDOWN] = peak, low, deepest


def _ends(x: FloatArray) -> tuple[float, float]:
    """Return the highest and the lowest of a block, four chains side by side."""
    a, b, c, d = x[0], x[1], x[2], x[3]
    s, t, u, v = a, b, c, d
    for j in range(4, _BLOCK, 4):
        a = x[j] if x[j] > a else a  # noqa: FURB136
        b = x[j + 1] if x[j + 1] > b else b  # noqa: FURB136
        c = x[j + 2] if x[j + 2] > c else c  # noqa: FURB136
        d = x[j + 3] if x[j + 3] > d else d  # noqa: FURB136
        s = x[j] if x[j] < s else s  # noqa: FURB136
        t = x[j + 1] if x[j + 1] < t else t  # noqa: FURB136
        u = x[j + 2] if x[j + 2] < u else u  # noqa: FURB136
        v = x[j + 3] if x[j + 3] < v else v  # noqa: FURB136
    a, c = (a if a > b else b), (c if c > d else d)  # noqa: FURB136
    s, u = (s if s < t else t), (u if u < v else v)  # noqa: FURB136
    return (a if a > c else c), (s if s < u else u)  # noqa: FURB136
