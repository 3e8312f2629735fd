"""Fixed fractional sizing: each trade may lose the same share of the equity."""

from __future__ import annotations

from decimal import Decimal

from traderbot.domain.market.instrument import Instrument
from traderbot.domain.risk.sizing.sized_quantity import (
    DOWN,
    UP,
    SizedQuantity,
    fraction,
    in_quote,
    in_whole_lots,
    not_negative,
    shown,
)
from traderbot.domain.shared.decimals import EXACT, ZERO, plain
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Money, Price

DEFAULT_RISK = Decimal("0.01")


def fixed_fractional(
    instrument: Instrument,
    *,
    equity: Money,
    entry: Price,
    stop: Price,
    risk_fraction: Decimal = DEFAULT_RISK,
    fee_bps: Decimal = ZERO,
    notional_max: Money | None = None,
) -> SizedQuantity:
    """Return how much to trade so that being stopped out costs `risk_fraction` of the equity.

    quantity = equity * risk_fraction / (|entry - stop| + fee * (entry + stop)), in whole lots,
    rounded down. A stop below the entry is a long trade, above it a short one. Fees are paid going
    in and coming out; a fill worse than the stop (a gap) costs more than planned.

    Args:
        instrument: whose lots count.
        equity: in the symbol's quote currency. Zero or less is blocked, not an error.
        entry: the price the trade is expected to begin at.
        stop: the price it is given up at.
        risk_fraction: above 0, at most 1.
        fee_bps: per side, in hundredths of a percent of the notional.
        notional_max: no more than this at the entry price, as the gate's limits or the cash have
            it. Tight stops ask for large notionals; without it nothing bounds them.

    Raises:
        InvalidValueError: stop equals entry, or a number is out of its bounds.
        CurrencyMismatchError: equity or notional_max is not in the symbol's quote currency.

    Source:
        Ralph Vince, "Portfolio Management Formulas", Wiley, 1990, chapter 2; as percent risk in
        Van K. Tharp, "Trade Your Way to Financial Freedom", McGraw-Hill, 1998, chapter 12.
    """
    in_quote(instrument.symbol, equity=equity, notional_max=notional_max)
    risk_fraction = fraction("risk_fraction", risk_fraction)
    fee = EXACT.scaleb(not_negative("fee_bps", fee_bps), -4)
    if entry == stop:
        msg = f"the stop equals the entry, {entry}: put it below to go long, above to go short"
        raise InvalidValueError(msg)
    distance = EXACT.subtract(max(entry, stop).value, min(entry, stop).value)
    both_fees = UP.multiply(fee, EXACT.add(entry.value, stop.value))
    unit_risk = UP.add(distance, both_fees)
    budget = max(EXACT.multiply(equity.amount, risk_fraction), ZERO)
    wanted = DOWN.divide(budget, unit_risk)
    arithmetic = {
        "equity": plain(equity.amount),
        "risk_fraction": plain(risk_fraction),
        "risk_budget": shown(budget),
        "entry": str(entry),
        "stop": str(stop),
        "fee_bps": plain(fee_bps),
        "risk_per_unit": shown(unit_risk),
        "quantity_by_risk": shown(wanted),
    }
    if notional_max is not None:
        most = DOWN.divide(max(notional_max.amount, ZERO), entry.value)
        arithmetic["notional_max"] = plain(notional_max.amount)
        arithmetic["quantity_by_notional"] = shown(most)
        wanted = min(wanted, most)
    return in_whole_lots(instrument, wanted, arithmetic)
