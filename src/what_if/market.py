"""Who trades which order after the fork: the paper venue's own fill model, or nobody we can ask."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from traderbot.application.ports.bar_venue import VenueFill
from traderbot.application.ports.venue import WorkingOrder
from traderbot.domain.market.bars import Bar
from traderbot.domain.orders.events import OrderAccepted, OrderFilled
from traderbot.domain.orders.order import Order
from traderbot.domain.shared.ids import BotRunId, OrderId
from traderbot.domain.shared.values import Symbol
from traderbot.infrastructure.brokers.paper_venue import Costs, PaperVenue
from traderbot.what_if.history import Fact, History
from traderbot.what_if.wishes import is_papers_own, is_with_paper


class Market:
    """A paper venue that has the orders the real one had at the fork."""

    name = PaperVenue.name

    def __init__(
        self, history: History, before: Iterable[Fact], states: Mapping[str, Any], costs: Costs
    ) -> None:
        """Give the venue what it had in hand after the events `before`, which made `states`."""
        self._venue = PaperVenue(costs)
        self.runs_elsewhere = _runs_elsewhere(history)
        for fact in before:
            match fact.event:
                case OrderAccepted(order_id=id_, venue=venue, venue_order_id=theirs):
                    order: Order = states[f"order-{id_}"]
                    if order.status.is_open and is_with_paper(id_, venue, theirs):
                        self.submit(order)
                case _:
                    pass

    def submit(self, order: Order) -> str:
        """Give it an open order and return its id there; one it has already changes nothing."""
        working = WorkingOrder(
            order_id=order.id,
            ticket=order.ticket,
            remaining=order.remaining,
            placed_at=order.placed_at,
            fills=len(order.fill_ids),
        )
        return self._venue.submit(working)

    def forget(self, order_id: OrderId) -> None:
        """Take an order out."""
        self._venue.forget(order_id)

    def working(self, symbol: Symbol, states: Mapping[str, Any]) -> Sequence[OrderId]:
        """Return the orders of a symbol it still has, after taking out what was closed."""
        for order_id in self._venue.working(symbol):
            if not states[f"order-{order_id}"].status.is_open:
                self._venue.forget(order_id)
        return self._venue.working(symbol)

    def trade(self, bar: Bar) -> Sequence[VenueFill]:
        """Return what one bar fills, oldest order first."""
        return self._venue.on_bar(bar)


def _runs_elsewhere(history: History) -> frozenset[BotRunId]:
    """Return the bot runs of which another venue has filled an order."""
    return frozenset(
        run_id
        for fact in history.facts
        if isinstance(fact.event, OrderFilled) and not is_papers_own(fact.event)
        if (run_id := history.states[f"order-{fact.event.order_id}"].bot_run_id) is not None
    )
