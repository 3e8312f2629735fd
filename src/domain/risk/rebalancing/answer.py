"""What a rebalancing plan answers: orders, what they lead to, and what stays out of reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from traderbot.domain.orders.ticket import Side
from traderbot.domain.shared.values import Money, Price, Quantity, Symbol


class WhyNot(StrEnum):
    """What keeps a position from its target."""

    BELOW_ONE_LOT = "BELOW_ONE_LOT"  # the gap is smaller than what can be traded
    MINIMUM_TRADE = "MINIMUM_TRADE"  # the order would be too small to be worth it
    ORDER_LIMIT = "ORDER_LIMIT"  # one order may not be larger; plan again after it filled
    CASH = "CASH"  # there is not enough of it
    WORKING_ORDERS = "WORKING_ORDERS"  # other orders have claimed what would be sold
    NOT_SETTLED = "NOT_SETTLED"  # fees move the targets faster than orders reach them


@dataclass(frozen=True, slots=True, kw_only=True)
class IntendedOrder:
    """One order of the plan; at most one a symbol. The notional is at the reference price."""

    symbol: Symbol
    side: Side
    quantity: Quantity
    reference: Price
    notional: Money
    fee: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreached:
    """A position that stays outside its tolerance after the plan, and why.

    `gap` is what it is short of its target, at reference prices; below zero, what it is over.
    """

    symbol: Symbol
    why: WhyNot
    target: Decimal
    weight: Decimal
    gap: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class RebalancingPlan:
    """The orders, sells first, and what they lead to if all fill at their reference prices.

    Weights are shares of `equity_after`, rounded half to even at the 18th place.
    """

    orders: tuple[IntendedOrder, ...]
    unreached: tuple[Unreached, ...]
    quantities: Mapping[Symbol, Quantity]
    weights: Mapping[Symbol, Decimal]
    cash: Money
    fees: Money
    equity_before: Money
    equity_after: Money
