"""ccxt's unified orders and trades of exchanges nobody has read closely, with nothing assumed.

Many answers lack fields. What an order is must be said: its id, its amounts, its side, its state.
Its name may be missing, for orders of others, or where the venue was asked for one by its id.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from traderbot.application.ports.venue import (
    ForeignOrder,
    VenueOrder,
    VenueStatus,
    VenueTrade,
    WorkingOrder,
)
from traderbot.domain.orders.ticket import Side
from traderbot.domain.shared.decimals import exact
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Money, Price, Quantity, symbol
from traderbot.infrastructure.brokers.ccxt_orders import raw_of
from traderbot.infrastructure.brokers.line import UnreadableError
from traderbot.infrastructure.brokers.order_names import may_be_ours

_STATUSES: Final = {
    "open": VenueStatus.WORKING,
    "canceling": VenueStatus.WORKING,
    "closed": VenueStatus.FILLED,
    "canceled": VenueStatus.CANCELED,
    "cancelled": VenueStatus.CANCELED,
    "expired": VenueStatus.EXPIRED,
    "rejected": VenueStatus.REJECTED,
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ODD: Final = (KeyError, TypeError, AttributeError, InvalidValueError, ValueError, OverflowError)
_NAMES: Final = ("clientOrderId", "cl_ord_id", "clOrdId", "orderLinkId", "client_oid", "clientOid")


def name_of(told: Mapping[str, Any]) -> str | None:
    """Return the name an order bears; the venue's own field counts if ccxt shows another."""
    info = told.get("info")
    found = [told.get("clientOrderId")]
    found += [info.get(it) for it in _NAMES] if isinstance(info, dict) else []
    said = [it for it in found if isinstance(it, str) and it]
    return next((it for it in said if may_be_ours(_bare(it))), said[0] if said else None)


def is_ours(told: Mapping[str, Any], order: WorkingOrder) -> bool:
    """Whether it bears the name of this order; some venues write it with dashes."""
    return _bare(name_of(told) or "") == order.client_order_id


def might_be(told: Mapping[str, Any], order: WorkingOrder) -> bool:
    """Whether it bears no name and looks like this order."""
    ticket = order.ticket
    return (
        name_of(told) is None
        and told.get("symbol") in {ticket.symbol.code, None}
        and told.get("side") in {ticket.side.value, None}
        and _amount(told) in {order.remaining, None}
    )


def taken_in(told: Any, order: WorkingOrder, at: datetime) -> VenueOrder:  # noqa: ANN401
    """Read an acknowledgement: the venue has the order under an id. How it stands is asked for.

    Raises:
        UnreadableError: there is no id in it.
    """
    try:
        ticket = order.ticket
        return VenueOrder(
            venue_order_id=_text(told["id"]),
            client_order_id=order.client_order_id,
            symbol=ticket.symbol,
            side=ticket.side,
            quantity=order.remaining,
            filled=Quantity(0),
            status=VenueStatus.PENDING,
            at=at,
            raw=raw_of(told),
            limit_price=ticket.limit_price,
            stop_price=ticket.stop_price,
        )
    except _ODD as error:
        msg = "the venue's acknowledgement has no id"
        raise UnreadableError(msg) from error


def order_of(told: Any, asked_for: str | None = None) -> VenueOrder | ForeignOrder:  # noqa: ANN401
    """Read an order. `asked_for` is its name where it was asked for by its id.

    Raises:
        UnreadableError: it may be ours, and something is missing or unknown.
    """
    try:
        name = name_of(told)
        if name is None or may_be_ours(_bare(name)):
            name = asked_for if name is None else _bare(name)
        return _order(told, name)
    except (UnreadableError, *_ODD) as error:
        if (
            isinstance(told, dict)
            and asked_for is None
            and not may_be_ours(_bare(name_of(told) or ""))
        ):
            return ForeignOrder(
                venue_order_id=str(told.get("id")), name=str(told.get("symbol")), raw=raw_of(told)
            )
        if isinstance(error, UnreadableError):
            raise
        msg = f"the venue's order could not be read: {type(error).__name__}"
        raise UnreadableError(msg) from error


def trade_of(told: Any, client_order_id: str | None) -> VenueTrade:  # noqa: ANN401
    """Read a trade. Raises UnreadableError if anything is missing."""
    try:
        of, fee = symbol(told["symbol"]), told.get("fee")
        if not fee or fee.get("cost") is None:
            paid = Money.zero(of.quote)
        else:
            paid = Money(exact(fee["cost"]), fee["currency"] or of.quote)
        return VenueTrade(
            trade_id=_text(told["id"]),
            venue_order_id=_text(told["order"]),
            client_order_id=client_order_id,
            symbol=of,
            side=Side(told["side"]),
            quantity=Quantity(exact(told["amount"])),
            price=Price(exact(told["price"])),
            fee=paid,
            at=instant_of(told["timestamp"]),
            raw=raw_of(told),
        )
    except UnreadableError:
        raise
    except _ODD as error:
        msg = f"the venue's trade could not be read: {type(error).__name__}"
        raise UnreadableError(msg) from error


def instant_of(told: object) -> datetime:
    """Read ccxt's milliseconds. Raises UnreadableError."""
    if not isinstance(told, int):
        msg = "a time is missing"
        raise UnreadableError(msg)
    return _EPOCH + timedelta(milliseconds=told)


def _order(told: Mapping[str, Any], name: str | None) -> VenueOrder:
    quantity, filled = Quantity(exact(told["amount"])), Quantity(exact(told["filled"]))
    status = _STATUSES[told["status"]]
    if status is VenueStatus.FILLED and filled < quantity:
        # Some say "closed" of whatever has ended; with a part of it traded the rest was canceled.
        status = VenueStatus.CANCELED
    limited = told.get("type") == "limit" and told.get("price") is not None
    stop = told.get("stopLossPrice") or told.get("triggerPrice") or told.get("stopPrice")
    stop = None if stop is None or not exact(stop) else Price(exact(stop))
    return VenueOrder(
        venue_order_id=_text(told["id"]),
        client_order_id=name,
        symbol=symbol(told["symbol"]),
        side=Side(told["side"]),
        quantity=quantity,
        filled=filled,
        status=status,
        at=instant_of(told.get("lastUpdateTimestamp") or told.get("timestamp")),
        raw=raw_of(told),
        limit_price=Price(exact(told["price"])) if limited else None,
        stop_price=stop,
    )


def _amount(told: Mapping[str, Any]) -> Quantity | None:
    try:
        return Quantity(exact(told["amount"]))
    except _ODD:
        return None


def _bare(name: str) -> str:
    return name.replace("-", "").lower()


def _text(told: object) -> str:
    if not isinstance(told, str) or not told:
        msg = "an id is missing"
        raise UnreadableError(msg)
    return told
