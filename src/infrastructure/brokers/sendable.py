"""Whether an order can be said to a venue as it stands. Nothing is rounded to make it so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Final

from traderbot.application.ports.venue import Abilities, WorkingOrder
from traderbot.domain.market.instrument import Instrument
from traderbot.domain.orders.ticket import Side
from traderbot.domain.shared.decimals import EXACT, add, floor_to
from traderbot.domain.shared.values import Price

_CLIENT_ID: Final = re.compile(r"[A-Za-z0-9-]{1,32}", re.ASCII)


def why_not_sendable(
    order: WorkingOrder, abilities: Abilities, instrument: Instrument | None
) -> str | None:
    """Return why an order cannot be sent; None if it can."""
    if instrument is None:
        return f"{order.ticket.symbol} is not traded here"
    return next(_complaints(order, abilities, instrument), None)


def as_sent(
    order: WorkingOrder, abilities: Abilities, instrument: Instrument | None
) -> WorkingOrder:
    """Return the order as it goes out: a protected market order is a limit order that never rests.

    Its limit is brought to a tick, to the side that protects more. A venue that cannot say such an
    order is sent the market order.
    """
    sent, protected = order.ticket.as_sent, order.ticket.protective_limit
    if protected is None or instrument is None:
        return order
    if sent.kind not in abilities.kinds or sent.time_in_force not in abilities.durations:
        return order
    tick = instrument.tick_size.value
    limit = floor_to(protected.value, tick)
    if sent.side is Side.SELL and limit < protected.value:
        limit = add(limit, tick)
    if not limit:
        return order
    return replace(order, ticket=replace(sent, limit_price=Price(limit)))


def _complaints(order: WorkingOrder, abilities: Abilities, instrument: Instrument) -> Iterator[str]:
    ticket = order.ticket
    if _CLIENT_ID.fullmatch(order.client_order_id) is None:
        yield "a client order id is 1 to 32 letters, digits or dashes"
    if ticket.kind not in abilities.kinds or ticket.time_in_force not in abilities.durations:
        yield f"this venue has no {ticket.kind} orders, or none that are {ticket.time_in_force}"
    if ticket.post_only and not abilities.post_only:
        yield "this venue has no post-only orders"
    if not order.remaining or _rest(order.remaining.value, instrument.lot_size.value):
        yield f"{order.remaining} is no multiple of the lot {instrument.lot_size}"
    for price in (ticket.limit_price, ticket.stop_price):
        if price is not None and _rest(price.value, instrument.tick_size.value):
            yield f"{price} is no multiple of the tick {instrument.tick_size}"


def _rest(value: Decimal, step: Decimal) -> Decimal:
    return EXACT.remainder(value, step)
