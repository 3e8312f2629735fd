"""Changing an order: a wish the gate has reviewed, and what the venue made of it."""

from __future__ import annotations

from datetime import datetime

from traderbot.domain.orders.amendment import Amendment
from traderbot.domain.orders.errors import OrderClosedError, OrderNotSubmittableError
from traderbot.domain.orders.events import AmendRefused, AmendRequested, OrderAmended, OrderEvent
from traderbot.domain.orders.lifecycle import EDGES, OrderStatus
from traderbot.domain.orders.order_state import OrderState
from traderbot.domain.orders.ticket import Approved
from traderbot.domain.shared.values import Money, Quantity

_NOTHING = Quantity(0)


class Amending(OrderState):
    """What may be decided of an order that shall be another one."""

    def request_amend(
        self, amendment: Amendment, approved: Approved, *, at: datetime
    ) -> tuple[OrderEvent, ...]:
        """Want it changed. `approved` is the gate's verdict on what would be left of it to fill.

        What no venue has is changed at once.

        Raises:
            OrderClosedError: it has ended.
            OrderNotSubmittableError: its state is in doubt, or another change is on its way.
        """
        if not self.status.is_open:
            raise OrderClosedError(self.id, self.status.value)
        if (
            self.amendment is not None
            or self.cancel_requested
            or (self.status, AmendRequested) not in EDGES
        ):
            raise OrderNotSubmittableError(self.id, self.status.value)
        requested = AmendRequested(
            order_id=self.id,
            at=at,
            quantity=amendment.quantity,
            limit_price=amendment.limit_price,
            stop_price=amendment.stop_price,
            reserved_more=_more(approved.reserved, self.reserved),
            reserved_spare=_more(self.reserved, approved.reserved),
            closing_more=_beyond(approved.closing, self.closing),
            closing_spare=_beyond(self.closing, approved.closing),
            checks=approved.checks,
            limits_version=approved.limits_version,
            installed=approved.installed,
        )
        if self.status is not OrderStatus.APPROVED:
            return (requested,)
        return (requested, *self.apply(requested).amend(at=at))

    def amend(self, *, at: datetime) -> tuple[OrderEvent, ...]:
        """Note that the venue changed it. Not asked for, it changes nothing."""
        if self.amendment is None:
            return ()
        asked = self.amendment
        all_filled = bool(self.filled) and self.filled >= asked.quantity
        return (
            OrderAmended(
                order_id=self.id,
                at=at,
                quantity=asked.quantity,
                limit_price=asked.limit_price,
                stop_price=asked.stop_price,
                released=self.reserved if all_filled else min(asked.reserved_spare, self.reserved),
                closing_released=self.closing
                if all_filled
                else min(asked.closing_spare, self.closing),
            ),
        )

    def refuse_amend(self, reason: str, *, at: datetime) -> tuple[OrderEvent, ...]:
        """Note that it stays as it was. Not asked for, it changes nothing."""
        if self.amendment is None:
            return ()
        asked = self.amendment
        return (
            AmendRefused(
                order_id=self.id,
                at=at,
                reason=reason,
                released=min(asked.reserved_more, self.reserved),
                closing_released=min(asked.closing_more, self.closing),
            ),
        )


def _more(wanted: Money, there: Money) -> Money:
    return wanted - there if wanted > there else Money.zero(wanted.currency)


def _beyond(wanted: Quantity, there: Quantity) -> Quantity:
    return wanted - there if wanted > there else _NOTHING
