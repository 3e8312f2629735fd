"""The gate's list: one small named function per limit, in the order they are asked.

The order is that of docs/risk.md: may anything be sent; is it an order the venue can take; is it a
duplicate; the one order; its price; the pace; the account; all accounts; the strategy; is the price
it is measured with of now.
"""

from __future__ import annotations

from typing import Final

from traderbot.domain.risk.exposure import RiskPolicy
from traderbot.domain.risk.policies_account import (
    daily_loss,
    drawdown,
    gross_exposure,
    net_exposure,
    position_notional,
    sufficient_funds,
    total_exposure,
)
from traderbot.domain.risk.policies_order import (
    absolute_notional,
    child_within_parent,
    fresh_reference,
    no_self_trade,
    not_a_duplicate,
    only_reduces,
    order_notional,
    price_collar,
    price_drift,
    protection,
    usual_quantity,
)
from traderbot.domain.risk.policies_pace import message_rate, open_orders, strategy_repeats
from traderbot.domain.risk.policies_state import (
    in_lots,
    in_ticks,
    known_symbol,
    least_notional,
    not_expired,
    restricted_symbol,
    supported,
    trading_state,
)

POLICIES: Final[tuple[RiskPolicy, ...]] = (
    # 1 may anything be sent
    trading_state,
    # 2 can the venue take it
    restricted_symbol,
    known_symbol,
    supported,
    in_ticks,
    in_lots,
    least_notional,
    not_expired,
    # 3 is it there already
    not_a_duplicate,
    # 4 the one order
    order_notional,
    absolute_notional,
    usual_quantity,
    only_reduces,
    child_within_parent,
    no_self_trade,
    # 5 its price
    price_collar,
    protection,
    price_drift,
    # 6 the pace
    message_rate,
    open_orders,
    # 7 the account
    sufficient_funds,
    position_notional,
    gross_exposure,
    net_exposure,
    daily_loss,
    drawdown,
    # 8 all accounts
    total_exposure,
    # 9 the strategy
    strategy_repeats,
    # 10 the price it is measured with
    fresh_reference,
)

# Every code the gate may refuse an order with, in the order of `POLICIES`.
CODES: Final = (
    "TRADING_HALTED",
    "TRADING_REDUCING",
    "RESTRICTED_SYMBOL",
    "UNKNOWN_SYMBOL",
    "UNSUPPORTED_ORDER",
    "INVALID_TICK",
    "INVALID_LOT",
    "MIN_NOTIONAL",
    "EXPIRED_ORDER",
    "DUPLICATE_ORDER",
    "ORDER_NOTIONAL_MAX",
    "ORDER_NOTIONAL_ABSOLUTE",
    "ORDER_QTY_MAX",
    "REDUCE_ONLY",
    "CHILD_EXCEEDS_PARENT",
    "SELF_TRADE",
    "PRICE_COLLAR",
    "PRICE_COLLAR_CUMULATIVE",
    "MESSAGE_RATE",
    "OPEN_ORDERS_MAX",
    "INSUFFICIENT_FUNDS",
    "POSITION_NOTIONAL_MAX",
    "GROSS_EXPOSURE_MAX",
    "NET_EXPOSURE_MAX",
    "DAILY_LOSS_MAX",
    "DRAWDOWN_MAX",
    "TOTAL_EXPOSURE_MAX",
    "STRATEGY_REPEAT_MAX",
    "REFERENCE_STALE",
    "GATE_FAILED",
)
