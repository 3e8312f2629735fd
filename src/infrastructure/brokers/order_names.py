"""Which client order id each of the venue's own ids belongs to, as far as it was heard lately."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from typing import Final

from traderbot.application.ports.venue import ForeignOrder, VenueOrder

_MOST: Final = 20_000
_CHANGED: Final = re.compile(r"(?<=\A.{32})-r[1-9][0-9]?\Z", re.ASCII)
_OURS: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)


def may_be_ours(client_order_id: object) -> bool:
    """Whether a name looks like those this program gives; others need not be understood."""
    return isinstance(client_order_id, str) and _OURS.fullmatch(client_order_id) is not None


def changed_name(client_order_id: str, number: int) -> str:
    """Return the name of the form an order has after so many changes."""
    return f"{client_order_id}-r{number}" if number else client_order_id


def own_name(told: object) -> object:
    """Return an order's name without the number of its change."""
    return _CHANGED.sub("", told) if isinstance(told, str) else told


class OrderNames:
    """Remembers the newest names. Venues tell trades by their own id of the order alone."""

    def __init__(self) -> None:
        """Start knowing none."""
        self._names: OrderedDict[str, str | None] = OrderedDict()
        self._lock = threading.Lock()

    def learn(self, order: VenueOrder) -> VenueOrder:
        """Remember an order's names; return it."""
        with self._lock:
            self._names[order.venue_order_id] = order.client_order_id
            self._names.move_to_end(order.venue_order_id)
            if len(self._names) > _MOST:
                self._names.popitem(last=False)
        return order

    def learn_listed(self, order: VenueOrder | ForeignOrder) -> VenueOrder | ForeignOrder:
        """Remember the names of what may be ours; return it."""
        if isinstance(order, VenueOrder):
            return self.learn(order)
        with self._lock:
            self._names[order.venue_order_id] = None  # somebody else's: nobody has to ask again
        return order

    def knows(self, venue_order_id: str) -> bool:
        """Whether the order was heard of."""
        with self._lock:
            return venue_order_id in self._names

    def of(self, venue_order_id: str) -> str | None:
        """Return the client order id, None if it is not known or there is none."""
        with self._lock:
            return self._names.get(venue_order_id)
