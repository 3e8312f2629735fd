"""Whether an order can be said to a venue as it stands. Nothing is rounded to make it so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from traderbot.application.ports.venue import Abilities, WorkingOrder
from traderbot.domain.market.instrument import Instrument
from traderbot.domain.shared.decimals import EXACT

_CLIENT_ID: Final = re.compile(r"[A-Za-z0-9-]{1,32}", re.ASCII)


def why_not_sendable(
    order: WorkingOrder, abilities: Abilities, instrument: Instrument | None
) -> str | None:
    """Return why an order cannot be sent; None if it can."""
    if instrument is None:
        return f"{order.ticket.symbol} is not traded here"
    return next(_complaints(order, abilities, instrument), None)


def _complaints(order: WorkingOrder, abilities: Abilities, instrument: Instrument) -> Iterator[str]:
    ticket = order.ticket
    if _CLIENT_ID.fullmatch(order.client_order_id) is None:
        yield "a client order id is 1 to 32 letters, digits or dashes"
    if ticket.kind not in abilities.kinds or ticket.time_in_force not in abilities.durations:
        yield f"this venue has no {ticket.kind} orders, or none that are {ticket.time_in_force}"
    if ticket.post_only and not abilities.post_only:
        yield "this venue has no post-only orders"
    if ticket.reduce_only and not abilities.reduce_only:
        yield "this venue has no reduce-only orders"
    if not order.remaining or _rest(order.remaining.value, instrument.lot_size.value):
        yield f"{order.remaining} is no multiple of the lot {instrument.lot_size}"
    for price in (ticket.limit_price, ticket.stop_price):
        if price is not None and _rest(price.value, instrument.tick_size.value):
            yield f"{price} is no multiple of the tick {instrument.tick_size}"


def _rest(value: Decimal, step: Decimal) -> Decimal:
    return EXACT.remainder(value, step)
