"""What an order's row says beside its columns: as JSON, and back."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

from traderbot.domain.orders.order import Doubt, Order, PendingAmendment
from traderbot.domain.orders.ticket import SETTINGS, Exits
from traderbot.domain.shared.decimals import plain
from traderbot.domain.shared.ids import OrderId
from traderbot.domain.shared.instants import instant, instant_text
from traderbot.domain.shared.values import Money, Price, Quantity


def details_text(order: Order) -> str:
    """Return what is unusual about an order; `{}` for the commonest ones."""
    ticket = order.ticket
    said: dict[str, Any] = {
        "trail": _text(ticket.trail),
        "trail_bps": None if ticket.trail_bps is None else plain(ticket.trail_bps),
        "post_only": ticket.post_only,
        "reduce_only": ticket.reduce_only,
        "protective_limit": _text(ticket.protective_limit),
        "exits": None if ticket.exits is None else _exits_out(ticket.exits),
        "parent_id": order.parent_id,
        "oco_group": order.oco_group,
        "attempts": order.attempts,
        "triggered": order.triggered,
        "limits_version": None if order.limits_version == SETTINGS else order.limits_version,
        "cancel_requested": order.cancel_requested,
        "doubt": None if order.doubt is None else _doubt_out(order.doubt),
        "amendment": None if order.amendment is None else _amendment_out(order.amendment),
    }
    usual = {name: value for name, value in said.items() if value}
    return json.dumps(usual, sort_keys=True) if usual else "{}"


class OrderDetails:
    """The details read back; what is not said is as usual."""

    def __init__(self, text: str) -> None:
        """Read what `details_text` wrote."""
        self._said: dict[str, Any] = {} if text == "{}" else json.loads(text)

    @property
    def ticket(self) -> dict[str, Any]:
        """What it says about the ticket, by the names of its fields."""
        said = self._said
        bps = said.get("trail_bps")
        return {
            "trail": _price(said.get("trail")),
            "trail_bps": None if bps is None else Decimal(bps),
            "post_only": said.get("post_only", False),
            "reduce_only": said.get("reduce_only", False),
            "protective_limit": _price(said.get("protective_limit")),
            "exits": _exits_in(said.get("exits")),
        }

    @property
    def order(self) -> dict[str, Any]:
        """What it says about the order itself, by the names of its fields."""
        said = self._said
        parent = said.get("parent_id")
        return {
            "parent_id": None if parent is None else OrderId(parent),
            "oco_group": said.get("oco_group"),
            "attempts": said.get("attempts", 0),
            "triggered": said.get("triggered", False),
            "limits_version": said.get("limits_version", SETTINGS),
            "cancel_requested": said.get("cancel_requested", False),
            "doubt": _doubt_in(said.get("doubt")),
            "amendment": _amendment_in(said.get("amendment")),
        }


def _text(price: Price | None) -> str | None:
    return None if price is None else plain(price.value)


def _price(text: str | None) -> Price | None:
    return None if text is None else Price(text)


def _exits_out(exits: Exits) -> dict[str, str | None]:
    return {"take_profit": _text(exits.take_profit), "stop_loss": _text(exits.stop_loss)}


def _exits_in(said: dict[str, str | None] | None) -> Exits | None:
    if said is None:
        return None
    return Exits(take_profit=_price(said["take_profit"]), stop_loss=_price(said["stop_loss"]))


def _doubt_out(doubt: Doubt) -> dict[str, Any]:
    asked = doubt.last_asked
    return {
        "since": instant_text(doubt.since),
        "not_found": doubt.not_found,
        "last_asked": None if asked is None else instant_text(asked),
    }


def _doubt_in(said: dict[str, Any] | None) -> Doubt | None:
    if said is None:
        return None
    asked: datetime | None = None if said["last_asked"] is None else instant(said["last_asked"])
    return Doubt(since=instant(said["since"]), not_found=said["not_found"], last_asked=asked)


def _amendment_out(it: PendingAmendment) -> dict[str, str | None]:
    return {
        "quantity": plain(it.quantity.value),
        "limit_price": _text(it.limit_price),
        "stop_price": _text(it.stop_price),
        "reserved_more": str(it.reserved_more),
        "reserved_spare": str(it.reserved_spare),
        "closing_more": plain(it.closing_more.value),
        "closing_spare": plain(it.closing_spare.value),
    }


def _amendment_in(said: dict[str, Any] | None) -> PendingAmendment | None:
    if said is None:
        return None
    return PendingAmendment(
        quantity=Quantity(said["quantity"]),
        limit_price=_price(said["limit_price"]),
        stop_price=_price(said["stop_price"]),
        reserved_more=Money.parse(said["reserved_more"]),
        reserved_spare=Money.parse(said["reserved_spare"]),
        closing_more=Quantity(said["closing_more"]),
        closing_spare=Quantity(said["closing_spare"]),
    )
