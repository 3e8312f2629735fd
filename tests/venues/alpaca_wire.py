"""The shapes of Alpaca's answers and frames: trading API v2, market data v2 and v1beta3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from tests.venues.orders import (
    ZERO,
    Account,
    Entry,
    Kind,
    Listing,
    Order,
    Side,
    Status,
    Top,
    Trade,
    What,
)

KINDS = {
    "market": Kind.MARKET,
    "limit": Kind.LIMIT,
    "stop": Kind.STOP,
    "stop_limit": Kind.STOP_LIMIT,
    "trailing_stop": Kind.TRAILING,
}
_EVENTS = {
    What.NEW: "new",
    What.PENDING_CANCEL: "pending_cancel",
    What.CANCELED: "canceled",
    What.EXPIRED: "expired",
    What.REJECTED: "rejected",
    What.TRIGGERED: "restated",
}
_ORDER_IDS = 0xA1FA << 112
_TRADE_IDS = 0x7ADE << 112


def order_uuid(number: int) -> str:
    """Name an order as Alpaca does."""
    return str(UUID(int=_ORDER_IDS + number))


def order_number(text: str) -> int:
    """Return the number of the order with that name. Raises ValueError."""
    return UUID(text).int - _ORDER_IDS


def execution_uuid(number: int) -> str:
    """Name a fill as Alpaca does."""
    return str(UUID(int=_TRADE_IDS + number))


def asset_uuid(symbol: str) -> str:
    """Name an asset as Alpaca does."""
    return str(uuid5(NAMESPACE_OID, symbol))


def instant(at: datetime | None) -> str | None:
    """Write an instant as Alpaca does."""
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def amount(value: Decimal | None) -> str | None:
    """Write a number as Alpaca does: without useless zeros."""
    if value is None:
        return None
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def is_crypto(listing: Listing) -> bool:
    """Whether it is a pair of coins."""
    return "/" in listing.symbol


def order_answer(order: Order, *, status: str | None = None) -> dict[str, Any]:
    """Tell an order as it stands."""
    ended = {
        Status.FILLED: "filled_at",
        Status.CANCELED: "canceled_at",
        Status.EXPIRED: "expired_at",
        Status.REJECTED: "failed_at",
    }
    ends: dict[str, str | None] = dict.fromkeys(ended.values())
    if order.status in ended:
        ends[ended[order.status]] = instant(order.changed_at)
    filled, wish = order.filled, order.wish
    average = None
    if filled:
        average = amount((order.traded / filled).quantize(Decimal("1e-9")))
    return {
        "id": order_uuid(order.id),
        "client_order_id": order.client_id,
        "created_at": instant(order.at),
        "updated_at": instant(order.changed_at),
        "submitted_at": instant(order.at),
        **ends,
        "replaced_at": None,
        "replaced_by": None,
        "replaces": None,
        "asset_id": asset_uuid(order.listing.symbol),
        "symbol": order.listing.symbol,
        "asset_class": "crypto" if is_crypto(order.listing) else "us_equity",
        "notional": None,
        "qty": amount(order.quantity),
        "filled_qty": amount(filled),
        "filled_avg_price": average,
        "order_class": "simple",
        "order_type": wish.kind.value,
        "type": wish.kind.value,
        "side": order.side.value,
        "time_in_force": wish.lasting.value,
        "limit_price": amount(wish.price),
        "stop_price": amount(order.stop),
        "status": status or order.status.value,
        "extended_hours": False,
        "legs": None,
        "trail_percent": None if wish.trail_bps is None else amount(wish.trail_bps / 100),
        "trail_price": amount(wish.trail),
        "hwm": amount(order.best),
    }


def trade_update(entry: Entry, position: Decimal) -> dict[str, Any]:
    """Tell one entry of the stream."""
    order, trade = entry.order, entry.trade
    data: dict[str, Any] = {"order": order_answer(order), "timestamp": instant(entry.at)}
    if trade is None:
        data |= {"event": _EVENTS[entry.what], "execution_id": execution_uuid(10**9 + entry.number)}
    else:
        whole = order.status is Status.FILLED
        data |= {
            "event": "fill" if whole else "partial_fill",
            "execution_id": execution_uuid(trade.id),
            "price": amount(trade.price),
            "qty": amount(trade.quantity),
            "position_qty": amount(position),
        }
    return {"stream": "trade_updates", "data": data}


def activity(order: Order, trade: Trade) -> dict[str, Any]:
    """Tell one fill, as the account's activities do."""
    until = sum((it.quantity for it in order.trades if it.id <= trade.id), ZERO)
    whole = until >= order.quantity
    return {
        "id": f"{trade.at.astimezone(UTC):%Y%m%d%H%M%S}{trade.at.microsecond // 1000:03d}"
        f"::{execution_uuid(trade.id)}",
        "activity_type": "FILL",
        "transaction_time": instant(trade.at),
        "type": "fill" if whole else "partial_fill",
        "price": amount(trade.price),
        "qty": amount(trade.quantity),
        "side": order.side.value,
        "symbol": order.listing.symbol,
        "leaves_qty": amount(max(order.quantity - until, ZERO)),
        "order_id": order_uuid(order.id),
        "cum_qty": amount(until),
        "order_status": order.status.value,
    }


def account_answer(account: Account) -> dict[str, Any]:
    """Tell what an account has."""
    cash = account.balance("USD")
    return {
        "id": str(uuid5(NAMESPACE_OID, account.key)),
        "account_number": "PA0000000001",
        "status": "ACTIVE",
        "crypto_status": "ACTIVE",
        "currency": "USD",
        "cash": amount(cash.total),
        "buying_power": amount(cash.free),
        "regt_buying_power": amount(cash.free),
        "daytrading_buying_power": "0",
        "non_marginable_buying_power": amount(cash.free),
        "portfolio_value": amount(cash.total),
        "equity": amount(cash.total),
        "last_equity": amount(cash.total),
        "long_market_value": "0",
        "short_market_value": "0",
        "initial_margin": "0",
        "maintenance_margin": "0",
        "last_maintenance_margin": "0",
        "multiplier": "2" if account.margin else "1",
        "shorting_enabled": account.margin,
        "pattern_day_trader": False,
        "trading_blocked": False,
        "transfers_blocked": False,
        "account_blocked": False,
        "trade_suspended_by_user": False,
        "created_at": "2026-01-02T03:04:05Z",
        "daytrade_count": 0,
        "sma": "0",
        "accrued_fees": "0",
    }


def position_answer(
    listing: Listing, account: Account, orders: Sequence[Order], top: Top | None
) -> dict[str, Any]:
    """Tell what an account has of one asset."""
    balance = account.balance(listing.base)
    quantity = balance.total
    side = Side.BUY if quantity >= 0 else Side.SELL
    trades = [it for order in orders if order.side is side for it in order.trades]
    bought = sum((it.quantity for it in trades), ZERO)
    average = sum((it.notional for it in trades), ZERO) / bought if bought else ZERO
    now = top.bid if top is not None else average
    return {
        "asset_id": asset_uuid(listing.symbol),
        "symbol": listing.symbol.replace("/", ""),
        "exchange": "CRYPTO" if is_crypto(listing) else "NASDAQ",
        "asset_class": "crypto" if is_crypto(listing) else "us_equity",
        "asset_marginable": not is_crypto(listing),
        "avg_entry_price": amount(average.quantize(Decimal("1e-9"))),
        "qty": amount(quantity),
        "qty_available": amount(balance.free),
        "side": "long" if quantity >= 0 else "short",
        "market_value": amount(quantity * now),
        "cost_basis": amount((quantity * average).quantize(Decimal("1e-9"))),
        "unrealized_pl": "0",
        "unrealized_plpc": "0",
        "unrealized_intraday_pl": "0",
        "unrealized_intraday_plpc": "0",
        "current_price": amount(now),
        "lastday_price": amount(now),
        "change_today": "0",
    }


def asset_answer(listing: Listing) -> dict[str, Any]:
    """Tell what can be traded, and in which steps."""
    crypto = is_crypto(listing)
    answer: dict[str, Any] = {
        "id": asset_uuid(listing.symbol),
        "class": "crypto" if crypto else "us_equity",
        "exchange": "CRYPTO" if crypto else "NASDAQ",
        "symbol": listing.symbol,
        "name": f"{listing.base} of nobody",
        "status": "active",
        "tradable": True,
        "marginable": not crypto,
        "maintenance_margin_requirement": 30 if not crypto else 100,
        "shortable": not crypto,
        "easy_to_borrow": not crypto,
        "fractionable": True,
        "attributes": [],
    }
    if crypto:
        answer |= {
            "min_order_size": amount(listing.least),
            "min_trade_increment": amount(listing.lot),
            "price_increment": amount(listing.tick),
        }
    return answer


def quote_answer(top: Top, at: datetime) -> Mapping[str, Any]:
    """Tell the best prices. Market data comes in JSON numbers."""
    return {
        "t": instant(at),
        "ax": "V",
        "ap": float(top.ask),
        "as": 1,
        "bx": "V",
        "bp": float(top.bid),
        "bs": 1,
        "c": ["R"],
        "z": "C",
    }
