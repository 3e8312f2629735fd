"""Alpaca's orders and fills in our words. Its numbers are text, and are read as text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
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

# Every status of Alpaca's orders. What may trade again tomorrow works.
STATUSES: Final[Mapping[str, VenueStatus]] = {
    "new": VenueStatus.WORKING,
    "partially_filled": VenueStatus.WORKING,
    "filled": VenueStatus.FILLED,
    "done_for_day": VenueStatus.WORKING,
    "canceled": VenueStatus.CANCELED,
    "expired": VenueStatus.EXPIRED,
    "replaced": VenueStatus.CANCELED,
    "pending_cancel": VenueStatus.WORKING,
    "pending_replace": VenueStatus.WORKING,
    "pending_review": VenueStatus.PENDING,
    "accepted": VenueStatus.PENDING,
    "pending_new": VenueStatus.PENDING,
    "accepted_for_bidding": VenueStatus.PENDING,
    "stopped": VenueStatus.WORKING,
    "rejected": VenueStatus.REJECTED,
    "suspended": VenueStatus.WORKING,
    "calculated": VenueStatus.WORKING,
    "held": VenueStatus.PENDING,
}
_NANOSECONDS: Final = re.compile(r"(\.\d{6})\d+")
# What reading something odd can end in.
_ODD: Final = (KeyError, TypeError, AttributeError, InvalidValueError, ValueError, OverflowError)


def order_of(told: Any) -> VenueOrder:  # noqa: ANN401 - whatever the venue said
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
        name = own_name(told.get("client_order_id")) if isinstance(told, dict) else None
        if not name or may_be_ours(name) or not told.get("id"):
            raise
        return ForeignOrder(
            venue_order_id=str(told.get("id")), name=str(told.get("symbol")), raw=raw_of(told)
        )


def trade_of(told: Any, client_order_id: str | None) -> VenueTrade:  # noqa: ANN401
    """Read a fill of the account's activities. Raises UnreadableError if anything is missing.

    Alpaca takes no fee of shares. Those of coins are booked at the end of the day, as an activity
    of their own that belongs to no fill: here they are nothing.
    """
    try:
        of = symbol(told["symbol"])
        return VenueTrade(
            trade_id=_text(told["id"]),
            venue_order_id=_text(told["order_id"]),
            client_order_id=client_order_id,
            symbol=of,
            # sell_short is a sale
            side=Side(str(told["side"]).removesuffix("_short")),
            quantity=Quantity(exact(_text(told["qty"]))),
            price=Price(exact(_text(told["price"]))),
            fee=Money.zero(of.quote),
            at=instant_of(told["transaction_time"]),
            raw=raw_of(told),
        )
    except UnreadableError:
        raise
    except _ODD as error:
        msg = f"the venue's fill could not be read: {type(error).__name__}"
        raise UnreadableError(msg) from error


def instant_of(text: object) -> datetime:
    """Read an instant; its nanoseconds are cut to microseconds. Raises ValueError."""
    at = datetime.fromisoformat(_NANOSECONDS.sub(r"\1", _text(text)))
    if at.tzinfo is None:
        msg = "an instant without its zone"
        raise ValueError(msg)
    return at.astimezone(UTC)


def raw_of(told: Any) -> str:  # noqa: ANN401
    """Return the venue's own words for one order or fill."""
    return json.dumps(told, ensure_ascii=False)[:RAW_LENGTH]


def _order(told: Mapping[str, Any]) -> VenueOrder:
    quantity = Quantity(exact(_text(told["qty"])))
    filled = Quantity(exact(_text(told["filled_qty"])))
    status = STATUSES[told["status"]]
    if status is VenueStatus.WORKING and filled >= quantity:
        status = VenueStatus.FILLED  # settled, or stopped at its whole quantity
    if status is VenueStatus.FILLED and filled < quantity:
        msg = f"filled, with {filled} of {quantity}"
        raise UnreadableError(msg)
    limit, stop = told.get("limit_price"), told.get("stop_price")
    return VenueOrder(
        venue_order_id=_text(told["id"]),
        client_order_id=_text(own_name(told["client_order_id"])),
        symbol=symbol(told["symbol"]),
        side=Side(told["side"]),
        quantity=quantity,
        filled=filled,
        status=status,
        at=instant_of(told["updated_at"]),
        raw=raw_of(told),
        limit_price=None if limit is None else Price(exact(_text(limit))),
        stop_price=None if stop is None else Price(exact(_text(stop))),
        reason="replaced by another order" if told["status"] == "replaced" else "",
    )


def _text(told: object) -> str:
    if not isinstance(told, str) or not told:
        msg = "text is missing"
        raise UnreadableError(msg)
    return told
