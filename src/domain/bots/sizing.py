"""How much to trade on a signal: one position, sized by the rule of the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Final

from traderbot.domain.bots.sizing_rule import Sizing, SizingRule
from traderbot.domain.market.instrument import Instrument, default_instrument
from traderbot.domain.orders.ticket import Exits, Side
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.risk.limits import Limits
from traderbot.domain.risk.sizing.fixed_fractional import fixed_fractional
from traderbot.domain.risk.sizing.kelly import KellyPolicy, kelly_sizing
from traderbot.domain.risk.sizing.sized_quantity import SizedQuantity, rounded_down
from traderbot.domain.risk.sizing.volatility_target import volatility_target
from traderbot.domain.shared.decimals import EXACT, plain
from traderbot.domain.shared.values import Money, Price, Quantity, Symbol, trusted_money

_ONE: Final = Decimal(1)
_NONE: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sized:
    """An order's side and quantity, or the one reason there is none; and the arithmetic of it."""

    side: Side | None = None
    quantity: Quantity | None = None
    blocking_code: str | None = None
    arithmetic: Mapping[str, str] = field(default_factory=dict)
    exits: Exits | None = None  # what protects an entry


def size(  # noqa: PLR0911 - one answer for each case
    signal: str,
    symbol: Symbol,
    close: Price,
    allocation: Decimal,
    *,
    portfolio: Portfolio,
    limits: Limits,
    sizing: Sizing | None = None,
    indicators: Mapping[str, str] = _NONE,
) -> Sized:
    """Turn a signal into a quantity: enter when flat, get out of all of it when the signal turns.

    Without a rule, an order uses at most `allocation` of the equity at cost.
    """
    position = portfolio.position_in(symbol)
    short = sizing is not None and sizing.short
    match signal:
        case "BUY" if position.net > 0:
            return Sized(blocking_code="ALREADY_LONG")
        case "BUY" if position.net < 0:
            return _close(Side.BUY, position.net, position.claimed, position.closable(Side.BUY))
        case "BUY":
            return _enter(
                Side.BUY, symbol, close, allocation, portfolio, limits, sizing, indicators
            )
        case "SELL" if position.net < 0 and short:
            return Sized(blocking_code="ALREADY_SHORT")
        case "SELL" if not position.net and short:
            return _enter(
                Side.SELL, symbol, close, allocation, portfolio, limits, sizing, indicators
            )
        case "SELL" if position.net <= 0:
            return Sized(blocking_code="NO_POSITION")
        case "SELL":
            return _close(Side.SELL, position.net, position.claimed, position.closable(Side.SELL))
        case _:
            return _NO_SIGNAL


_NO_SIGNAL: Final = Sized(blocking_code="NO_SIGNAL")


def _close(side: Side, net: Decimal, claimed: Quantity, free: Quantity) -> Sized:
    """Get out of what no other order is closing already: nothing is sold a second time."""
    arithmetic = {"held": plain(net), "claimed": str(claimed)}
    if not free:
        return Sized(blocking_code="ORDER_WORKING", arithmetic=arithmetic)
    return Sized(side=side, quantity=free, arithmetic=arithmetic)


def _enter(  # noqa: PLR0917 - all that a rule may look at
    side: Side,
    symbol: Symbol,
    close: Price,
    allocation: Decimal,
    portfolio: Portfolio,
    limits: Limits,
    sizing: Sizing | None,
    indicators: Mapping[str, str],
) -> Sized:
    equity = portfolio.equity_at_cost(symbol.quote)
    instrument = default_instrument(symbol)
    if sizing is None or sizing.rule is SizingRule.SHARE:
        share = allocation if sizing is None else sizing.amount
        found = by_share(instrument, close, share, equity, limits)
    elif sizing.rule is SizingRule.FIXED:
        found = fixed_units(instrument, sizing.amount)
    else:
        found = _by_model(instrument, side, close, sizing, equity, limits, indicators)
    if found.blocking_code is not None:
        return Sized(blocking_code=found.blocking_code, arithmetic=found.arithmetic)
    exits = None if sizing is None else sizing.exits_for(side, close, instrument)
    return Sized(side=side, quantity=found.quantity, arithmetic=found.arithmetic, exits=exits)


def by_share(
    instrument: Instrument, close: Price, share: Decimal, equity: Money, limits: Limits
) -> SizedQuantity:
    """Return what a share of the equity at cost buys, within what the gate lets pass."""
    # The gate's own ceiling is part of the sum: a bot does not ask for what it will be refused.
    share = min(share, limits.order_notional_fraction)
    budget = min(EXACT.multiply(equity.amount, share), limits.order_notional_max)
    quantity = Quantity(0)
    if budget > 0:
        quantity = instrument.whole_lots(EXACT.divide(budget, close.value))
    arithmetic = {
        "equity_at_cost": plain(equity.amount),
        "share": plain(share),
        "budget": plain(budget),
        "close": str(close),
        "quantity": str(quantity),
    }
    code = None if quantity else "BUDGET_BELOW_ONE_LOT"
    return SizedQuantity(quantity=quantity, blocking_code=code, arithmetic=arithmetic)


def fixed_units(instrument: Instrument, units: Decimal) -> SizedQuantity:
    """Return so many units in whole lots."""
    quantity = instrument.whole_lots(units)
    arithmetic = {"units": plain(units), "quantity": str(quantity)}
    code = None if quantity else "BUDGET_BELOW_ONE_LOT"
    return SizedQuantity(quantity=quantity, blocking_code=code, arithmetic=arithmetic)


def _by_model(  # noqa: PLR0917 - all that the three of them look at
    instrument: Instrument,
    side: Side,
    close: Price,
    sizing: Sizing,
    equity: Money,
    limits: Limits,
    indicators: Mapping[str, str],
) -> SizedQuantity:
    """Size by one of the models of `domain/risk/sizing`, within what the gate lets pass."""
    most = _ceiling(equity, limits)
    if sizing.rule is SizingRule.VOLATILITY:
        volatility = _number(indicators.get(sizing.indicator))
        if volatility is None:
            return SizedQuantity(
                blocking_code="NO_VOLATILITY", arithmetic={"indicator": sizing.indicator}
            )
        leverage = (
            min(_ONE, EXACT.divide(most.amount, equity.amount)) if equity.amount > 0 else _ONE
        )
        if leverage <= 0:
            return SizedQuantity(blocking_code="BUDGET_BELOW_ONE_LOT")
        return volatility_target(
            instrument,
            equity=equity,
            price=close,
            volatility=volatility,
            target=sizing.amount,
            max_leverage=rounded_down(leverage),
        )
    stop = sizing.stop_for(side, close, instrument)
    if stop is None or stop == close:
        return SizedQuantity(blocking_code="NO_STOP", arithmetic={"close": str(close)})
    if sizing.rule is SizingRule.RISK or sizing.record is None:
        return fixed_fractional(
            instrument,
            equity=equity,
            entry=close,
            stop=stop,
            risk_fraction=sizing.amount,
            fee_bps=limits.fee_bps,
            notional_max=most,
        )
    return kelly_sizing(
        instrument,
        equity=equity,
        entry=close,
        stop=stop,
        record=sizing.record,
        policy=KellyPolicy(multiplier=sizing.amount),
        fee_bps=limits.fee_bps,
        notional_max=most,
    )


def _ceiling(equity: Money, limits: Limits) -> Money:
    by_share = EXACT.multiply(max(equity.amount, Decimal(0)), limits.order_notional_fraction)
    return trusted_money(rounded_down(min(by_share, limits.order_notional_max)), equity.currency)


def _number(text: str | None) -> Decimal | None:
    """Return an indicator's value as an exact number above zero, None if it is none."""
    try:
        value = Decimal(text or "")
    except InvalidOperation:
        return None
    if not value.is_finite() or value <= 0:
        return None
    found = rounded_down(value)
    return found if found > 0 else None
