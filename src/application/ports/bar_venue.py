"""A venue in this process that trades against bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from traderbot.application.ports.venue import WorkingOrder
from traderbot.domain.market.bars import Bar
from traderbot.domain.orders.ticket import Fill
from traderbot.domain.shared.ids import OrderId
from traderbot.domain.shared.values import Symbol


@dataclass(frozen=True, slots=True)
class VenueFill:
    """A fill, and the order it belongs to."""

    order_id: OrderId
    fill: Fill


class BarVenue(Protocol):
    """A venue that trades against bars."""

    @property
    def name(self) -> str:
        """The venue's name, part of every fill's identity."""
        ...

    def submit(self, order: WorkingOrder) -> str:
        """Take an order in and return the venue's own id for it. Asked twice, it answers twice."""
        ...

    def forget(self, order_id: OrderId) -> None:
        """Take an order out: it was canceled, or its last fill is recorded. Harmless otherwise."""
        ...

    def working(self, symbol: Symbol) -> Sequence[OrderId]:
        """Return the orders it has of a symbol, oldest first."""
        ...

    def on_bar(self, bar: Bar) -> Sequence[VenueFill]:
        """Trade what the bar trades, and return the fills, oldest order first.

        A filled order is kept until `forget`: whoever could not record its fill asks again.
        """
        ...
