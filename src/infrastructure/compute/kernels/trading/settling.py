"""From wishes to fills: one long position, traded at the open of the next bar, in exact money.

The rules are those of `domain.simulation` and of a bot that is long only: a buy is taken when
nothing is held and a sale when something is, decided at the close of a bar and filled at the open
of the next; the price moves against the order by the slippage, on to the next tick; the fee is a
share of the notional. A buy is refused if the free cash would not cover it at the last close, with
the gate's cushion and its fee, or if it opens more than one order may. What is wished on the last
bar stays open. A fill that overdraws the cash ends the run with its bar.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from traderbot.infrastructure.compute.arrays import FloatArray
from traderbot.infrastructure.compute.kernels.trading.money import (
    LARGEST_AMOUNT,
    MILLION,
    covers,
    dearest,
    lots_of_share,
    parts_of,
    steps_of,
    worse_price,
)

Bars = npt.NDArray[np.int32]
Integers = npt.NDArray[np.int64]

# What the loop is told: one row of integers.
TERMS = 13
(
    START_UNITS,
    START_MILLIONTHS,
    LOTS,  # of a fixed quantity; 0 for a share of the cash
    SHARE,
    FEE,
    SLIPPAGE,
    TICK,  # in price steps
    SCALE,  # price steps in 1
    CUSHION,  # what the gate sets aside beside a market order's notional
    RESERVED_FEE,
    MOST,  # units one order may open
    FRACTION,  # of the cash one order may open, or `NO_FRACTION`
    KEEP,  # 1: log placed and refused orders too; 0: fills alone
) = range(TERMS)
NO_FRACTION = -1

# One row of the log.
COLUMNS = 11
(
    KIND,
    BAR,
    AT,
    SIDE,
    QUANTITY,
    PRICE,
    FEE_UNITS,
    FEE_MILLIONTHS,
    CASH_UNITS,
    CASH_MILLIONTHS,
    WHY,
) = range(COLUMNS)
PLACED, REFUSED, FILLED = range(3)
# Why a buy was refused; they add up.
NO_FUNDS, TOO_MUCH, NO_LOT = 1, 2, 4

# What comes out of it: one row of integers.
TOTALS = 16
(
    ROWS,
    FILLS,
    TRADES,
    WINS,
    REFUSALS,
    HELD,
    UNITS,
    MILLIONTHS,
    FEES,
    FEES_MILLIONTHS,
    PROFIT,  # of the trades that made one, after fees
    PROFIT_MILLIONTHS,
    LOSS,
    LOSS_MILLIONTHS,
    LAST,  # the bar the run ended with
    WHERE,  # the bar that could not be settled, or -1
) = range(TOTALS)

SETTLED, OFF_GRID, TOO_LARGE, LOG_FULL = range(4)


def settle(  # noqa: C901, PLR0912, PLR0915, PLR0917 - one pass, kept in one place
    buys: Bars,
    sells: Bars,
    opens: FloatArray,
    closes: FloatArray,
    at: Integers,
    terms: Integers,
    log: Integers,
    totals: Integers,
) -> int:
    """Settle the wishes in their order; return whether it could be done exactly.

    Args:
        buys: the bars at whose close a buy is wished, ascending; so are `sells`.
        sells: the same for sales.
        opens: of every bar, as all columns.
        closes: what the wish is sized with.
        at: when each bar opens, nanoseconds; only copied to the log.
        terms: as named above.
        log: filled from its first row on.
        totals: filled.
    """
    units, millionths = int(terms[START_UNITS]), int(terms[START_MILLIONTHS])
    scale, tick = int(terms[SCALE]), int(terms[TICK])
    slippage, fee_share, share = int(terms[SLIPPAGE]), int(terms[FEE]), int(terms[SHARE])
    cushion, reserved_fee, keep = int(terms[CUSHION]), int(terms[RESERVED_FEE]), int(terms[KEEP])
    most, fraction = int(terms[MOST]), int(terms[FRACTION])
    fixed = int(terms[LOTS])
    lots, limit = fixed, dearest(fixed)
    last = len(opens) - 1
    rows = fills = trades = wins = refusals = held = 0
    fees = fees_rest = profit = profit_rest = loss = loss_rest = 0
    before, before_rest = units, millionths
    i = j = free_from = 0
    code, where = SETTLED, -1
    while True:
        if rows + 2 > len(log):
            code = LOG_FULL
            break
        if held == 0:
            while i < len(buys) and buys[i] < free_from:
                i += 1
            if i == len(buys):
                break
            bar = int(buys[i])
            seen = steps_of(closes[bar], scale)
            if seen < 0:
                code, where = OFF_GRID, bar
                break
            if fixed == 0:
                lots = max(min(lots_of_share(units, millionths, share, seen), most // seen), 0)
                limit = dearest(lots)
            if seen > limit:
                code, where = TOO_LARGE, bar
                break
            why = NO_LOT if lots <= 0 else 0
            if lots > 0:
                notional = seen * lots
                if not covers(units, millionths, notional, cushion, reserved_fee):
                    why += NO_FUNDS
                if notional > most or (
                    fraction != NO_FRACTION
                    and notional > lots_of_share(units, millionths, fraction, 1)
                ):
                    why += TOO_MUCH
            if why > 0:
                refusals += 1
                free_from = bar + 1
                if keep == 1:
                    log[rows, KIND], log[rows, BAR], log[rows, AT] = REFUSED, bar, at[bar]
                    log[rows, SIDE], log[rows, QUANTITY], log[rows, PRICE] = 1, lots, seen
                    log[rows, FEE_UNITS], log[rows, FEE_MILLIONTHS] = 0, 0
                    log[rows, CASH_UNITS], log[rows, CASH_MILLIONTHS] = units, millionths
                    log[rows, WHY] = why
                    rows += 1
                continue
            side = 1
        else:
            while j < len(sells) and sells[j] < free_from:
                j += 1
            if j == len(sells):
                break
            bar = int(sells[j])
            side = -1
        if keep == 1:
            log[rows, KIND], log[rows, BAR], log[rows, AT] = PLACED, bar, at[bar]
            log[rows, SIDE], log[rows, QUANTITY], log[rows, PRICE] = side, lots, 0
            log[rows, FEE_UNITS], log[rows, FEE_MILLIONTHS] = 0, 0
            log[rows, CASH_UNITS], log[rows, CASH_MILLIONTHS] = units, millionths
            log[rows, WHY] = 0
            rows += 1
        if bar == last:
            break
        bar += 1
        opened = steps_of(opens[bar], scale)
        if opened < 0:
            code, where = OFF_GRID, bar
            break
        if opened > LARGEST_AMOUNT // 2:
            code, where = TOO_LARGE, bar
            break
        price = worse_price(opened, slippage, tick, side)
        if price > limit:
            code, where = TOO_LARGE, bar
            break
        notional = price * lots
        fee, fee_rest = parts_of(notional, fee_share)
        fees, fees_rest = fees + fee, fees_rest + fee_rest
        if fees_rest >= MILLION:
            fees, fees_rest = fees + 1, fees_rest - MILLION
        if side == 1:
            before, before_rest = units, millionths
        units -= side * notional + fee
        millionths -= fee_rest
        if millionths < 0:
            units, millionths = units - 1, millionths + MILLION
        if not -LARGEST_AMOUNT < units < LARGEST_AMOUNT or fees > LARGEST_AMOUNT:
            code, where = TOO_LARGE, bar
            break
        if side == 1:
            held = lots
        else:
            held = 0
            trades += 1
            made, made_rest = units - before, millionths - before_rest
            if made_rest < 0:
                made, made_rest = made - 1, made_rest + MILLION
            if made > 0 or (made == 0 and made_rest > 0):
                wins += 1
                profit, profit_rest = profit + made, profit_rest + made_rest
            else:  # made is at most 0: -made - made_rest is the loss
                loss, loss_rest = loss - made, loss_rest - made_rest
            if profit_rest >= MILLION:
                profit, profit_rest = profit + 1, profit_rest - MILLION
            if loss_rest < 0:
                loss, loss_rest = loss - 1, loss_rest + MILLION
            if profit > LARGEST_AMOUNT or loss > LARGEST_AMOUNT:
                code, where = TOO_LARGE, bar
                break
        log[rows, KIND], log[rows, BAR], log[rows, AT] = FILLED, bar, at[bar]
        log[rows, SIDE], log[rows, QUANTITY], log[rows, PRICE] = side, lots, price
        log[rows, FEE_UNITS], log[rows, FEE_MILLIONTHS] = fee, fee_rest
        log[rows, CASH_UNITS], log[rows, CASH_MILLIONTHS] = units, millionths
        log[rows, WHY] = 0
        rows += 1
        fills += 1
        free_from = bar
        if units < 0:
            last = bar
            break
    totals[ROWS], totals[FILLS], totals[TRADES], totals[WINS] = rows, fills, trades, wins
    totals[REFUSALS], totals[HELD] = refusals, held
    totals[UNITS], totals[MILLIONTHS] = units, millionths
    totals[FEES], totals[FEES_MILLIONTHS] = fees, fees_rest
    totals[PROFIT], totals[PROFIT_MILLIONTHS] = profit, profit_rest
    totals[LOSS], totals[LOSS_MILLIONTHS] = loss, loss_rest
    totals[LAST], totals[WHERE] = last, where
    return code
