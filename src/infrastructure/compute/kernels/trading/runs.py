"""Whole backtests in one call: wishes, fills, equity and its sums; and many of them on one RSI.

Every function returns a code of `settling`; `TROUBLE` of the wishes is one more: the closes have a
gap or a value beyond what is allowed, and the indicator is to be computed the slow way.
"""

from __future__ import annotations

import numpy as np

from traderbot.infrastructure.compute.arrays import FloatArray
from traderbot.infrastructure.compute.kernels.trading.curve import (
    MOVES,
    SUMS,
    add_stretch,
    begin_sums,
    draw,
    end_sums,
    money,
    stretch,
)
from traderbot.infrastructure.compute.kernels.trading.settling import (
    BAR,
    CASH_MILLIONTHS,
    CASH_UNITS,
    FILLED,
    HELD,
    KIND,
    LAST,
    MILLIONTHS,
    QUANTITY,
    ROWS,
    SETTLED,
    SIDE,
    START_MILLIONTHS,
    START_UNITS,
    UNITS,
    Bars,
    Integers,
    settle,
)
from traderbot.infrastructure.compute.kernels.trading.wishes import (
    Signals,
    crossings,
    falls,
    rises,
    split,
)

TROUBLE = 9
FIGURES = 5  # of a curve: deepest drawdown, sum of returns, of their squares, last equity and close


def run_signals(  # noqa: PLR0917 - arrays of a compiled loop
    signals: Signals,
    opens: FloatArray,
    closes: FloatArray,
    at: Integers,
    terms: Integers,
    floats: FloatArray,
    log: Integers,
    totals: Integers,
    equity: FloatArray,
    sums: FloatArray,
) -> int:
    """Settle the wishes of a column of signals, draw the equity and sum over it."""
    buys, sells = np.empty(len(closes), np.int32), np.empty(len(closes), np.int32)
    n, m = split(signals, buys, sells)
    code = settle(buys[:n], sells[:m], opens, closes, at, terms, log, totals)
    if code == SETTLED:
        _whole(closes, terms, floats, log, totals, equity, sums)
    return code


def run_rsi(  # noqa: PLR0917 - arrays of a compiled loop
    memory: FloatArray,
    levels: FloatArray,
    first: int,
    opens: FloatArray,
    closes: FloatArray,
    at: Integers,
    terms: Integers,
    floats: FloatArray,
    log: Integers,
    totals: Integers,
    equity: FloatArray,
    sums: FloatArray,
) -> int:
    """The same for an RSI of these cells that crosses two levels; the RSI is never stored."""
    room = len(closes) // 2 + 2
    buys, sells = np.empty(room, np.int32), np.empty(room, np.int32)
    n, m = crossings(memory, levels, first, closes, buys, sells)
    if n < 0:
        return TROUBLE
    code = settle(buys[:n], sells[:m], opens, closes, at, terms, log, totals)
    if code == SETTLED:
        _whole(closes, terms, floats, log, totals, equity, sums)
    return code


def run_strengths(  # noqa: PLR0917 - arrays of a compiled loop
    strengths: FloatArray,
    levels: FloatArray,
    first: int,
    opens: FloatArray,
    closes: FloatArray,
    at: Integers,
    terms: Integers,
    floats: FloatArray,
    log: Integers,
    totals: Integers,
    equity: FloatArray,
    sums: FloatArray,
) -> int:
    """The same for an RSI that was computed before."""
    room = len(closes) // 2 + 2
    buys, sells = np.empty(room, np.int32), np.empty(room, np.int32)
    n = rises(strengths, levels[0], first, buys)
    m = falls(strengths, levels[1], first, sells)
    code = settle(buys[:n], sells[:m], opens, closes, at, terms, log, totals)
    if code == SETTLED:
        _whole(closes, terms, floats, log, totals, equity, sums)
    return code


def run_grid(  # noqa: PLR0917 - arrays of a compiled loop
    strengths: FloatArray,
    lows: FloatArray,
    highs: FloatArray,
    pairs: Bars,
    first: int,
    opens: FloatArray,
    closes: FloatArray,
    at: Integers,
    terms: Integers,
    floats: FloatArray,
    lists: Bars,
    log: Integers,
    equity: FloatArray,
    totals: Integers,
    sums: FloatArray,
) -> int:
    """Run one set a pair of levels, all on one RSI; return the first code that is not `SETTLED`.

    Args:
        strengths: the RSI of every bar.
        lows: the distinct lower levels.
        highs: the distinct upper levels.
        pairs: of shape (sets, 2): which of each.
        first: the first bar that may wish something.
        opens: of every bar, as all columns.
        closes: of every bar.
        at: when each bar opens.
        terms: as `settle` is told.
        floats: units in 1, the quantity of a lot, and whether to sum over the curve.
        lists: room for the bars of every level: of shape (lows + highs, bars / 2 + 2).
        log: room for the fills of one set.
        equity: room for one curve.
        totals: of shape (sets, TOTALS), filled.
        sums: of shape (sets, FIGURES), filled: drawdown, returns, squares, last equity and close.
    """
    up, down = lists[: len(lows)], lists[len(lows) :]
    ups, downs = np.empty(len(lows), np.int64), np.empty(len(highs), np.int64)
    for k in range(len(lows)):
        ups[k] = rises(strengths, lows[k], first, up[k])
    for k in range(len(highs)):
        downs[k] = falls(strengths, highs[k], first, down[k])
    moves = np.empty(MOVES)
    for k in range(len(pairs)):
        i, j = pairs[k, 0], pairs[k, 1]
        buys, sells = up[i, : ups[i]], down[j, : downs[j]]
        code = settle(buys, sells, opens, closes, at, terms, log, totals[k])
        if code != SETTLED:
            return code
        _held(closes, terms, floats, log, totals[k], equity, sums[k], moves)
    return SETTLED


def run_one_of_grid(  # noqa: PLR0917 - arrays of a compiled loop
    signals: Signals,
    opens: FloatArray,
    closes: FloatArray,
    at: Integers,
    terms: Integers,
    floats: FloatArray,
    log: Integers,
    totals: Integers,
    equity: FloatArray,
    sums: FloatArray,
) -> int:
    """Run one set of a column of signals, for its totals and sums alone."""
    buys, sells = np.empty(len(closes), np.int32), np.empty(len(closes), np.int32)
    n, m = split(signals, buys, sells)
    code = settle(buys[:n], sells[:m], opens, closes, at, terms, log, totals)
    if code == SETTLED:
        _held(closes, terms, floats, log, totals, equity, sums, np.empty(MOVES))
    return code


def _whole(  # noqa: PLR0917 - what a curve is made of
    closes: FloatArray,
    terms: Integers,
    floats: FloatArray,
    log: Integers,
    totals: Integers,
    equity: FloatArray,
    sums: FloatArray,
) -> None:
    bars = totals[LAST] + 1
    draw(closes[:bars], terms, log, totals[ROWS], floats[0], floats[1], equity[:bars])
    inner = np.empty(SUMS)
    begin_sums(inner, money(terms[START_UNITS], terms[START_MILLIONTHS], floats[0]))
    add_stretch(inner, equity[:bars], 0, np.empty(MOVES))
    sums[0], sums[1], sums[2] = end_sums(inner)
    sums[3], sums[4] = equity[bars - 1], closes[bars - 1]


def _held(  # noqa: PLR0917 - what a curve is made of
    closes: FloatArray,
    terms: Integers,
    floats: FloatArray,
    log: Integers,
    totals: Integers,
    equity: FloatArray,
    sums: FloatArray,
    moves: FloatArray,
) -> None:
    """Sum over the bars at which something is held; the others add nothing."""
    bars = totals[LAST] + 1
    sums[4] = closes[bars - 1]
    if floats[2] == 0.0:
        cash = money(totals[UNITS], totals[MILLIONTHS], floats[0])
        sums[3] = cash + (totals[HELD] * floats[1]) * closes[bars - 1]
        return
    cash = money(terms[START_UNITS], terms[START_MILLIONTHS], floats[0])
    inner = np.empty(SUMS)
    begin_sums(inner, cash)
    quantity, begin = 0.0, 0
    for row in range(totals[ROWS]):
        if log[row, KIND] != FILLED:
            continue
        bar = log[row, BAR]
        before = cash
        cash = money(log[row, CASH_UNITS], log[row, CASH_MILLIONTHS], floats[0])
        if log[row, SIDE] > 0:
            quantity, begin = log[row, QUANTITY] * floats[1], bar
            equity[bar - 1] = before  # the first fill is after the first bar
        else:
            stretch(closes[begin:bar], before, quantity, equity[begin:bar])
            equity[bar] = cash
            add_stretch(inner, equity[begin - 1 : bar + 1], begin - 1, moves)
            quantity = 0.0
    sums[3] = cash
    if quantity != 0.0:
        sums[3] = cash + quantity * closes[bars - 1]
        stretch(closes[begin:bars], cash, quantity, equity[begin:bars])
        add_stretch(inner, equity[begin - 1 : bars], begin - 1, moves)
    sums[0], sums[1], sums[2] = end_sums(inner)
