"""One history as it is compared with another: its states at the end, and its events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from traderbot.application.ports.recorded import DomainEvent
from traderbot.domain.bots.events import BotDecided
from traderbot.domain.orders.events import OrderPlaced
from traderbot.domain.orders.order import Order
from traderbot.domain.portfolio.events import FillBooked
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.shared.ids import OrderId


class Telling:
    """What happened, or would have."""

    def __init__(self, states: Mapping[str, Any], events: Sequence[DomainEvent]) -> None:
        """Sort events, oldest first, and the states they make."""
        self.orders: dict[OrderId, Order] = {
            event.order_id: states[f"order-{event.order_id}"]
            for event in events
            if isinstance(event, OrderPlaced)
        }
        self.portfolios: dict[str, Portfolio] = {
            state.id: state for state in states.values() if isinstance(state, Portfolio)
        }
        self.booked = {
            (event.order_id, event.fill_id): event
            for event in events
            if isinstance(event, FillBooked)
        }
        decisions = [event for event in events if isinstance(event, BotDecided)]
        self._on_bar = {(it.bot_run_id, it.bar_at): it for it in decisions}
        self._behind = {it.order_id: it for it in decisions if it.order_id is not None}

    def decision_behind(self, order_id: OrderId) -> BotDecided | None:
        """Return the decision that led to an order."""
        return self._behind.get(order_id)

    def decision_like(self, decided: BotDecided) -> BotDecided | None:
        """Return what was decided on the same bar by the same run."""
        return self._on_bar.get((decided.bot_run_id, decided.bar_at))
