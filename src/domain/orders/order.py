"""The Order aggregate: from a wish to its end, by events only.

What it is, and what each event makes of it, is in `order_state`; what may be decided of it in a
file for each part of its way.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from traderbot.domain.orders.amending import Amending
from traderbot.domain.orders.amendment import Amendment, PendingAmendment
from traderbot.domain.orders.doubt import PROOFS_OF_ABSENCE, Doubt
from traderbot.domain.orders.events import (
    OrderApproved,
    OrderEvent,
    OrderPlaced,
    OrderRefused,
)
from traderbot.domain.orders.filling import Filling
from traderbot.domain.orders.lifecycle import OrderStatus
from traderbot.domain.orders.submitting import Submitting
from traderbot.domain.orders.ticket import Refused, Verdict
from traderbot.domain.shared.errors import CorruptHistoryError
from traderbot.domain.shared.history import fold
from traderbot.domain.shared.ids import BotRunId, OrderId, UserId
from traderbot.domain.shared.values import Money

# What an order is told with, under one roof.
__all__ = ["PROOFS_OF_ABSENCE", "Amendment", "Doubt", "Order", "PendingAmendment"]


class Order(Submitting, Amending, Filling):
    """An order as its events have made it, and everything that may be decided of it."""

    @staticmethod
    def place(
        order_id: OrderId,
        owner_id: UserId,
        verdict: Verdict,
        *,
        at: datetime,
        bot_run_id: BotRunId | None = None,
        parent_id: OrderId | None = None,
        oco_group: str | None = None,
        venue: str | None = None,
    ) -> tuple[OrderEvent, ...]:
        """Open an order for a reviewed ticket. A refusal is recorded like any other fact.

        It is approved for one `venue`, and never sent to another; None is the one on paper.
        """
        placed = OrderPlaced(
            order_id=order_id,
            at=at,
            owner_id=owner_id,
            ticket=verdict.ticket,
            bot_run_id=bot_run_id,
            parent_id=parent_id,
            oco_group=oco_group,
        )
        if isinstance(verdict, Refused):
            refused = OrderRefused(
                order_id=order_id,
                at=at,
                reasons=verdict.reasons,
                limits_version=verdict.limits_version,
                installed=verdict.installed,
            )
            return (placed, refused)
        approved = OrderApproved(
            order_id=order_id,
            at=at,
            reserved=verdict.reserved,
            closing=verdict.closing,
            reference=verdict.reference,
            checks=verdict.checks,
            limits_version=verdict.limits_version,
            venue=venue,
            installed=verdict.installed,
        )
        return (placed, approved)

    @staticmethod
    def begin(event: OrderEvent) -> Order:
        """Return the order its first event opened.

        Raises:
            CorruptHistoryError: the history does not start with a placement.
        """
        if not isinstance(event, OrderPlaced):
            msg = f"order {event.order_id} starts with {type(event).__name__}"
            raise CorruptHistoryError(msg)
        nothing = Money.zero(event.ticket.symbol.quote)
        return Order(
            id=event.order_id,
            owner_id=event.owner_id,
            ticket=event.ticket,
            placed_at=event.at,
            updated_at=event.at,
            status=OrderStatus.PLACED,
            bot_run_id=event.bot_run_id,
            parent_id=event.parent_id,
            oco_group=event.oco_group,
            reserved=nothing,
            paid=nothing,
            fees=nothing,
        )

    @staticmethod
    def from_events(events: Iterable[OrderEvent]) -> Order:
        """Fold a whole history. Raises CorruptHistoryError."""
        return fold(Order.begin, events)
