"""Which client order id each of the venue's own ids belongs to, as far as it was heard lately."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

from traderbot.application.ports.venue import VenueOrder

_MOST: Final = 20_000


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

    def knows(self, venue_order_id: str) -> bool:
        """Whether the order was heard of."""
        with self._lock:
            return venue_order_id in self._names

    def of(self, venue_order_id: str) -> str | None:
        """Return the client order id, None if it is not known or there is none."""
        with self._lock:
            return self._names.get(venue_order_id)
