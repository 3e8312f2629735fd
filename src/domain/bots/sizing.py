"""How much to trade on a signal: long only, one position, a share of equity at cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from traderbot.domain.market.instrument import default_instrument
from traderbot.domain.orders.ticket import Side
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.risk.limits import Limits
from traderbot.domain.shared.decimals import EXACT, plain
from traderbot.domain.shared.values import Price, Quantity, Symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class Sized:
    """An order's side and quantity, or the one reason there is none; and the arithmetic of it."""

    side: Side | None = None
    quantity: Quantity | None = None
    blocking_code: str | None = None
    arithmetic: Mapping[str, str] = field(default_factory=dict)


def size(
    signal: str,
    symbol: Symbol,
    close: Price,
    allocation: Decimal,
    *,
    portfolio: Portfolio,
    limits: Limits,
) -> Sized:
    """Turn a signal into a quantity: buy when flat, sell all of it when long."""
    position = portfolio.position_in(symbol)
    match signal:
        case "BUY" if position.net > 0:
            return Sized(blocking_code="ALREADY_LONG")
        case "BUY":
            return _buy(symbol, close, allocation, portfolio, limits)
        case "SELL" if position.net <= 0:
            return Sized(blocking_code="NO_POSITION")
        case "SELL":
            # What another order is closing already is not sold a second time.
            free = position.closable(Side.SELL)
            arithmetic = {"held": plain(position.net), "claimed": str(position.claimed)}
            if not free:
                return Sized(blocking_code="ORDER_WORKING", arithmetic=arithmetic)
            return Sized(side=Side.SELL, quantity=free, arithmetic=arithmetic)
        case _:
            return Sized(blocking_code="NO_SIGNAL")


def _buy(
    symbol: Symbol, close: Price, allocation: Decimal, portfolio: Portfolio, limits: Limits
) -> Sized:
    equity = portfolio.equity_at_cost(symbol.quote).amount
    # The gate's own ceiling is part of the sum: a bot does not ask for what it will be refused.
    share = min(allocation, limits.order_notional_fraction)
    budget = min(EXACT.multiply(equity, share), limits.order_notional_max)
    quantity = Quantity(0)
    if budget > 0:
        quantity = default_instrument(symbol).whole_lots(EXACT.divide(budget, close.value))
    arithmetic = {
        "equity_at_cost": plain(equity),
        "share": plain(share),
        "budget": plain(budget),
        "close": str(close),
        "quantity": str(quantity),
    }
    if not quantity:
        return Sized(blocking_code="BUDGET_BELOW_ONE_LOT", arithmetic=arithmetic)
    return Sized(side=Side.BUY, quantity=quantity, arithmetic=arithmetic)
