"""Volatility targeting: hold less of what moves more."""

from __future__ import annotations

from decimal import Decimal

from traderbot.domain.market.instrument import Instrument
from traderbot.domain.risk.sizing.sized_quantity import (
    DOWN,
    SizedQuantity,
    fraction,
    in_quote,
    in_whole_lots,
    shown,
)
from traderbot.domain.shared.decimals import EXACT, ZERO, plain
from traderbot.domain.shared.values import Money, Price

DEFAULT_TARGET = Decimal("0.1")
NO_LEVERAGE = Decimal(1)


def volatility_target(
    instrument: Instrument,
    *,
    equity: Money,
    price: Price,
    volatility: Decimal,
    target: Decimal = DEFAULT_TARGET,
    max_leverage: Decimal = NO_LEVERAGE,
) -> SizedQuantity:
    """Return how much to hold so that its moves are expected to move the equity by `target`.

    quantity = equity * min(target / volatility, max_leverage) / price, in whole lots, rounded down.

    Args:
        instrument: whose lots count.
        equity: in the symbol's quote currency. Zero or less is blocked, not an error.
        price: of one unit, now.
        volatility: standard deviation of the instrument's returns; above 0, 0.2 is twenty percent.
        target: the same of the equity, over the same time: both per year, or both per day.
        max_leverage: the notional is at most this times the equity. What hardly moves would
            otherwise be held without bound.

    Raises:
        InvalidValueError: a number is not above zero, or not exact.
        CurrencyMismatchError: equity is not in the symbol's quote currency.

    Source:
        Alan Moreira and Tyler Muir, "Volatility-Managed Portfolios", Journal of Finance 72(4),
        2017; Robert Carver, "Systematic Trading", Harriman House, 2015, chapters 9 and 10.
    """
    in_quote(instrument.symbol, equity=equity)
    volatility = fraction("volatility", volatility, most=None)
    target = fraction("target", target, most=None)
    max_leverage = fraction("max_leverage", max_leverage, most=None)
    # One division at the end: target / volatility alone would be rounded before it is used.
    worth = max(equity.amount, ZERO)
    by_volatility = DOWN.divide(
        EXACT.multiply(worth, target), DOWN.multiply(volatility, price.value)
    )
    by_leverage = DOWN.divide(EXACT.multiply(worth, max_leverage), price.value)
    arithmetic = {
        "equity": plain(equity.amount),
        "price": str(price),
        "volatility": plain(volatility),
        "target": plain(target),
        "max_leverage": plain(max_leverage),
        "quantity_by_volatility": shown(by_volatility),
        "quantity_by_leverage": shown(by_leverage),
    }
    return in_whole_lots(instrument, min(by_volatility, by_leverage), arithmetic)
