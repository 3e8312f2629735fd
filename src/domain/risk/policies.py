"""One small named function per limit. The gate asks all of them, in the order of `POLICIES`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from traderbot.domain.orders.ticket import Check, Ticket
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.risk.limits import Limits
from traderbot.domain.shared.values import Money, Price, Quantity, trusted_money


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What an order would do to a portfolio, measured before it is let through."""

    ticket: Ticket
    portfolio: Portfolio
    limits: Limits
    reference: Price
    closing: Quantity  # the part that only reduces a position
    opening_notional: Money  # the other part, at the reference
    reserved: Money  # what it may cost at worst, fees included


@dataclass(frozen=True, slots=True)
class Finding:
    """What one policy saw, and whether it lets the order pass."""

    check: Check
    passed: bool


RiskPolicy = Callable[[Exposure], Finding]


def sufficient_funds(exposure: Exposure) -> Finding:
    """Free cash covers the worst case. An order that only reduces a position needs none."""
    free = exposure.portfolio.cash_in(exposure.reserved.currency).free
    passed = not exposure.reserved or exposure.reserved <= free
    return Finding(Check("INSUFFICIENT_FUNDS", str(free), str(exposure.reserved)), passed)


def order_notional(exposure: Exposure) -> Finding:
    """One order opens no more than the lower of a fixed amount and a share of equity."""
    limits = exposure.limits
    opening = exposure.opening_notional
    equity = exposure.portfolio.equity_at_cost(opening.currency)
    ceiling = min(
        trusted_money(limits.order_notional_max, opening.currency),
        equity.times(limits.order_notional_fraction),
    )
    passed = not opening or opening <= ceiling
    return Finding(Check("ORDER_NOTIONAL_MAX", str(ceiling), str(opening)), passed)


POLICIES: tuple[RiskPolicy, ...] = (sufficient_funds, order_notional)
