"""ccxt's unified orders and trades, their numbers as text, in our words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from traderbot.application.ports.venue import (
    ForeignOrder,
    VenueOrder,
    VenueStatus,
    VenueTrade,
)
from traderbot.domain.orders.ticket import Side
from traderbot.domain.shared.decimals import exact
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Money, Price, Quantity, symbol
from traderbot.infrastructure.brokers.line import UnreadableError
from traderbot.infrastructure.brokers.order_names import may_be_ours, own_name
from traderbot.infrastructure.brokers.venue_errors import RAW_LENGTH

_STATUSES: Final = {
    "PENDING_NEW": VenueStatus.PENDING,
    "open": VenueStatus.WORKING,
    "canceling": VenueStatus.WORKING,
    "closed": VenueStatus.FILLED,
    "canceled": VenueStatus.CANCELED,
    "expired": VenueStatus.EXPIRED,
    "rejected": VenueStatus.REJECTED,
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# What reading something odd can end in.
_ODD: Final = (KeyError, TypeError, AttributeError, InvalidValueError, ValueError, OverflowError)


def order_of(told: Any) -> VenueOrder:  # noqa: ANN401 - whatever the library returned
    """Read an order. Raises UnreadableError if anything is missing or unknown."""
    try:
        return _order(told)
    except UnreadableError:
        raise
    except _ODD as error:
        msg = f"the venue's order could not be read: {type(error).__name__}"
        raise UnreadableError(msg) from error


def listed_of(told: Any) -> VenueOrder | ForeignOrder:  # noqa: ANN401 - as above
    """Read a working order; one that cannot be ours need not be understood.

    Raises:
        UnreadableError: it may be ours, and cannot be read.
    """
    try:
        return order_of(told)
    except UnreadableError:
        name = _name_of(told) if isinstance(told, dict) else None
        if not name or may_be_ours(name) or not told.get("id"):
            raise
        return ForeignOrder(
            venue_order_id=str(told.get("id")), name=str(told.get("symbol")), raw=raw_of(told)
        )


def is_foreign(told: Mapping[str, Any]) -> bool:
    """Whether an order cannot be ours, by the name it bears."""
    return not may_be_ours(_name_of(told))


def trade_of(told: Any, client_order_id: str | None) -> VenueTrade:  # noqa: ANN401
    """Read a trade. Raises UnreadableError if anything is missing."""
    try:
        return _trade(told, client_order_id)
    except UnreadableError:
        raise
    except _ODD as error:
        msg = f"the venue's trade could not be read: {type(error).__name__}"
        raise UnreadableError(msg) from error


def raw_of(told: Mapping[str, Any]) -> str:
    """Return the venue's own words for one order or trade."""
    return json.dumps(told["info"], ensure_ascii=False)[:RAW_LENGTH]


def _order(told: Mapping[str, Any]) -> VenueOrder:
    quantity, filled = Quantity(exact(told["amount"])), Quantity(exact(told["filled"]))
    status = _STATUSES[told["status"]]
    if status is VenueStatus.FILLED and filled < quantity:
        msg = f"filled, with {filled} of {quantity}"
        raise UnreadableError(msg)
    limited = told["type"] == "limit" and told["price"] is not None
    stop = told.get("triggerPrice") or told.get("stopPrice")
    return VenueOrder(
        venue_order_id=_text(told["id"]),
        # The answer to a cancel has a name of its own, and the order's beside it.
        client_order_id=_text(_name_of(told)),
        symbol=symbol(told["symbol"]),
        side=Side(told["side"]),
        quantity=quantity,
        filled=filled,
        status=status,
        at=_instant(told["lastUpdateTimestamp"] or told["timestamp"]),
        raw=raw_of(told),
        limit_price=Price(exact(told["price"])) if limited else None,
        stop_price=None if stop is None else Price(exact(stop)),
    )


def _name_of(told: Mapping[str, Any]) -> Any:  # noqa: ANN401 - whatever the venue said
    info = told.get("info")
    own = info.get("origClientOrderId") if isinstance(info, dict) else None
    return own_name(own or told.get("clientOrderId"))


def _trade(told: Mapping[str, Any], client_order_id: str | None) -> VenueTrade:
    of = symbol(told["symbol"])
    fee = told["fee"]
    if fee is None or fee["cost"] is None:
        paid = Money.zero(of.quote)
    else:
        paid = Money(exact(fee["cost"]), fee["currency"])
    return VenueTrade(
        trade_id=_text(told["id"]),
        venue_order_id=_text(told["order"]),
        client_order_id=client_order_id,
        symbol=of,
        side=Side(told["side"]),
        quantity=Quantity(exact(told["amount"])),
        price=Price(exact(told["price"])),
        fee=paid,
        at=_instant(told["timestamp"]),
        raw=raw_of(told),
    )


def _text(told: object) -> str:
    if not isinstance(told, str) or not told:
        msg = "an id is missing"
        raise UnreadableError(msg)
    return told


def _instant(told: object) -> datetime:
    if not isinstance(told, int):
        msg = "a time is missing"
        raise UnreadableError(msg)
    return _EPOCH + timedelta(milliseconds=told)
