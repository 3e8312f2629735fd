"""The shapes of Binance's spot answers and frames. Numbers are text with eight places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.venues.orders import (
    ZERO,
    Account,
    Entry,
    Kind,
    Listing,
    Order,
    Side,
    Status,
    Trade,
    What,
    Wish,
)

KINDS = {
    "MARKET": Kind.MARKET,
    "LIMIT": Kind.LIMIT,
    "STOP_LOSS": Kind.STOP,
    "STOP_LOSS_LIMIT": Kind.STOP_LIMIT,
    "LIMIT_MAKER": Kind.LIMIT,
}
_KIND_WORDS = {
    Kind.MARKET: "MARKET",
    Kind.LIMIT: "LIMIT",
    Kind.STOP: "STOP_LOSS",
    Kind.STOP_LIMIT: "STOP_LOSS_LIMIT",
    Kind.TRAILING: "STOP_LOSS",
}
_STATUS_WORDS = {
    Status.NEW: "NEW",
    Status.PARTIAL: "PARTIALLY_FILLED",
    Status.FILLED: "FILLED",
    Status.PENDING_CANCEL: "PENDING_CANCEL",
    Status.CANCELED: "CANCELED",
    Status.EXPIRED: "EXPIRED",
    Status.REJECTED: "REJECTED",
}
_EXECUTION_WORDS = {
    What.NEW: "NEW",
    What.FILL: "TRADE",
    What.PENDING_CANCEL: "CANCELED",
    What.CANCELED: "CANCELED",
    What.EXPIRED: "EXPIRED",
    What.REJECTED: "REJECTED",
    What.TRIGGERED: "NEW",
}


def number(value: Decimal | None) -> str:
    """Write a number as Binance does."""
    return f"{value or ZERO:.8f}"


def millis(at: datetime) -> int:
    """Count the milliseconds since 1970."""
    return round(at.timestamp() * 1000)


def order_answer(order: Order) -> dict[str, Any]:
    """Answer a question about an order."""
    return {
        "symbol": order.listing.symbol,
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": order.client_id,
        **_state(order),
        "icebergQty": number(ZERO),
        "time": millis(order.at),
        "updateTime": millis(order.changed_at),
        "isWorking": order.is_resting,
        "workingTime": millis(order.at),
        "origQuoteOrderQty": number(ZERO),
        "selfTradePreventionMode": "EXPIRE_MAKER",
    }


def full_answer(order: Order) -> dict[str, Any]:
    """Answer a submission, `newOrderRespType=FULL`."""
    return {
        "symbol": order.listing.symbol,
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": order.client_id,
        "transactTime": millis(order.changed_at),
        **_state(order),
        "workingTime": millis(order.at),
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "fills": [
            {
                "price": number(it.price),
                "qty": number(it.quantity),
                "commission": number(it.fee),
                "commissionAsset": it.fee_asset,
                "tradeId": it.id,
            }
            for it in order.trades
        ],
    }


def cancel_answer(order: Order, cancel_id: str) -> dict[str, Any]:
    """Answer a cancel. The client order id is the cancel's own; the order's is the original."""
    return {
        "symbol": order.listing.symbol,
        "origClientOrderId": order.client_id,
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": cancel_id,
        "transactTime": millis(order.changed_at),
        **_state(order),
        "selfTradePreventionMode": "EXPIRE_MAKER",
    }


def trade_answer(order: Order, trade: Trade) -> dict[str, Any]:
    """Tell one fill."""
    return {
        "symbol": order.listing.symbol,
        "id": trade.id,
        "orderId": order.id,
        "orderListId": -1,
        "price": number(trade.price),
        "qty": number(trade.quantity),
        "quoteQty": number(trade.notional),
        "commission": number(trade.fee),
        "commissionAsset": trade.fee_asset,
        "time": millis(trade.at),
        "isBuyer": order.side is Side.BUY,
        "isMaker": trade.maker,
        "isBestMatch": True,
    }


def account_answer(account: Account, at: datetime) -> dict[str, Any]:
    """Tell what an account has."""
    return {
        "makerCommission": 10,
        "takerCommission": 10,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {"maker": "0.00100000", "taker": "0.00100000"},
        "canTrade": True,
        "canWithdraw": False,
        "canDeposit": True,
        "updateTime": millis(at),
        "accountType": "SPOT",
        "balances": [
            {"asset": asset, "free": number(it.free), "locked": number(it.locked)}
            for asset, it in account.balances.items()
        ],
        "permissions": ["SPOT"],
        "uid": 354937868,
    }


def exchange_info(listings: Iterable[Listing], at: datetime) -> dict[str, Any]:
    """Tell what can be traded, and in which steps."""
    return {
        "timezone": "UTC",
        "serverTime": millis(at),
        "rateLimits": [
            {
                "rateLimitType": "REQUEST_WEIGHT",
                "interval": "MINUTE",
                "intervalNum": 1,
                "limit": 6000,
            },
            {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
        ],
        "exchangeFilters": [],
        "symbols": [_symbol(it) for it in listings],
    }


def execution_report(entry: Entry) -> dict[str, Any]:
    """Tell one entry of the stream."""
    order, trade = entry.order, entry.trade
    wish = order.wish
    until = tuple(it for it in order.trades if trade is None or it.id <= trade.id)
    canceled = entry.what in {What.CANCELED, What.PENDING_CANCEL}
    return {
        "e": "executionReport",
        "E": millis(entry.at),
        "s": order.listing.symbol,
        "c": (order.cancel_id or f"web_{entry.number}") if canceled else order.client_id,
        "S": order.side.value.upper(),
        "o": _kind(wish),
        "f": _lasting(wish),
        "q": number(wish.quantity),
        "p": number(wish.price),
        "P": number(wish.stop_price),
        "F": number(ZERO),
        "g": -1,
        "C": order.client_id if canceled else "",
        "x": _EXECUTION_WORDS[entry.what],
        "X": _STATUS_WORDS[order.status],
        "r": "NONE",
        "i": order.id,
        "l": number(trade.quantity if trade else ZERO),
        "z": number(sum((it.quantity for it in until), ZERO)),
        "L": number(trade.price if trade else ZERO),
        "n": number(trade.fee) if trade else "0",
        "N": trade.fee_asset if trade else None,
        "T": millis(trade.at if trade else order.changed_at),
        "t": trade.id if trade else -1,
        "I": entry.number,
        "w": order.is_resting,
        "m": trade.maker if trade else False,
        "M": False,
        "O": millis(order.at),
        "Z": number(sum((it.notional for it in until), ZERO)),
        "Y": number(trade.notional if trade else ZERO),
        "Q": number(ZERO),
        "W": millis(order.at),
        "V": "EXPIRE_MAKER",
    }


def account_position(account: Account, entry: Entry) -> dict[str, Any]:
    """Tell the balances an entry touched."""
    listing = entry.order.listing
    touched: Mapping[str, None] = dict.fromkeys([listing.base, listing.quote])
    return {
        "e": "outboundAccountPosition",
        "E": millis(entry.at),
        "u": millis(entry.at),
        "B": [
            {
                "a": asset,
                "f": number(account.balance(asset).free),
                "l": number(account.balance(asset).locked),
            }
            for asset in touched
        ],
    }


def _state(order: Order) -> dict[str, Any]:
    return {
        "price": number(order.wish.price),
        "origQty": number(order.quantity),
        "executedQty": number(order.filled),
        "cummulativeQuoteQty": number(order.traded),
        "status": _STATUS_WORDS[order.status],
        "timeInForce": _lasting(order.wish),
        "type": _kind(order.wish),
        "side": order.side.value.upper(),
        "stopPrice": number(order.wish.stop_price),
        **({} if order.wish.trail_bps is None else {"trailingDelta": int(order.wish.trail_bps)}),
    }


def _kind(wish: Wish) -> str:
    return "LIMIT_MAKER" if wish.post_only else _KIND_WORDS[wish.kind]


def _lasting(wish: Wish) -> str:
    return wish.lasting.value.upper()


def _symbol(listing: Listing) -> dict[str, Any]:
    return {
        "symbol": listing.symbol,
        "status": "TRADING",
        "baseAsset": listing.base,
        "baseAssetPrecision": 8,
        "quoteAsset": listing.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": list(KINDS),
        "icebergAllowed": False,
        "ocoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": number(listing.tick),
                "maxPrice": "1000000.00000000",
                "tickSize": number(listing.tick),
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": number(listing.least),
                "maxQty": number(listing.most),
                "stepSize": number(listing.lot),
            },
            {
                "filterType": "TRAILING_DELTA",
                "minTrailingAboveDelta": 10,
                "maxTrailingAboveDelta": 2000,
                "minTrailingBelowDelta": 10,
                "maxTrailingBelowDelta": 2000,
            },
            {
                "filterType": "NOTIONAL",
                "minNotional": number(listing.least_notional),
                "applyMinToMarket": True,
                "maxNotional": "9000000.00000000",
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_MAKER"],
    }
