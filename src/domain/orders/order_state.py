"""What an order is, and how each event changes it: no rule is checked here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Self

from traderbot.domain.orders.amendment import PendingAmendment
from traderbot.domain.orders.doubt import PROOFS_OF_ABSENCE, Doubt
from traderbot.domain.orders.events import (
    AmendRefused,
    AmendRequested,
    CancelRefused,
    CancelRequested,
    OrderAccepted,
    OrderAmended,
    OrderApproved,
    OrderCanceled,
    OrderEvent,
    OrderExpired,
    OrderFilled,
    OrderNotFound,
    OrderPlaced,
    OrderRefused,
    OrderRejected,
    OrderSubmitting,
    OrderTriggered,
    OrderUnconfirmed,
    SubmissionDeferred,
    SubmissionUnknown,
    VenueAnswered,
)
from traderbot.domain.orders.lifecycle import SURE, OrderStatus, next_status
from traderbot.domain.orders.ticket import SETTINGS, Check, Fill, Ticket
from traderbot.domain.shared.decimals import EXACT, canonical
from traderbot.domain.shared.history import evolve
from traderbot.domain.shared.ids import BotRunId, FillId, OrderId, UserId
from traderbot.domain.shared.values import Money, Quantity

_NOTHING = Quantity(0)


@dataclass(frozen=True, kw_only=True)
class OrderState:
    """An order as its events have made it. Only `apply` makes the next one."""

    id: OrderId
    owner_id: UserId
    ticket: Ticket
    placed_at: datetime
    updated_at: datetime
    status: OrderStatus
    reserved: Money  # still set aside for what is not filled
    bot_run_id: BotRunId | None = None
    parent_id: OrderId | None = None
    oco_group: str | None = None
    closing: Quantity = _NOTHING  # of what is not filled: how much reduces a position
    filled: Quantity = _NOTHING
    paid: Money  # sum of price times quantity over all fills
    fees: Money
    reasons: tuple[Check, ...] = ()
    limits_version: str = SETTINGS
    fill_ids: frozenset[FillId] = frozenset()
    venue: str | None = None
    account: str | None = None
    venue_order_id: str | None = None
    attempts: int = 0  # how often it was about to be sent
    doubt: Doubt | None = None
    triggered: bool = False
    cancel_requested: bool = False
    amendment: PendingAmendment | None = None
    version: int = 1  # how many events made it

    @property
    def venue_client_id(self) -> str:
        """The name venues know it by: 32 letters and digits, the same on every try."""
        return self.id.replace("-", "")

    @property
    def is_proven_absent(self) -> bool:
        """Whether the venue has said often enough that it has no such order."""
        return self.doubt is not None and self.doubt.not_found >= PROOFS_OF_ABSENCE

    @property
    def is_overfilled(self) -> bool:
        """Whether the venue traded more than was asked."""
        return self.filled > self.ticket.quantity

    @property
    def remaining(self) -> Quantity:
        """What the venue has not traded yet; nothing when it traded more than was asked."""
        if self.filled >= self.ticket.quantity:
            return _NOTHING
        return self.ticket.quantity - self.filled

    @property
    def average_price(self) -> Decimal | None:
        """What one unit cost on average, to 18 places; None before the first fill."""
        if not self.filled:
            return None
        average = EXACT.divide(self.paid.amount, self.filled.value)
        return canonical(average.quantize(Decimal(1).scaleb(-18), context=EXACT))

    def apply(self, event: OrderEvent) -> Self:
        """Return the order after `event`. Raises CorruptHistoryError for one that cannot follow."""
        status = SURE.get((self.status, type(event))) or next_status(
            self.status,
            event,
            quantity=self.ticket.quantity.value,
            filled=self.filled.value,
            cancel_requested=self.cancel_requested,
        )
        changes = self._changes(event)
        changes["status"] = status
        changes["version"] = self.version + 1
        changes["updated_at"] = event.at
        return evolve(self, **changes)

    def _changes(self, event: OrderEvent) -> dict[str, object]:  # noqa: C901, PLR0911, PLR0912 - one case each
        match event:
            case OrderFilled(fill=fill):
                return self._filled(event, fill)
            case OrderApproved():
                return {
                    "reserved": event.reserved,
                    "closing": event.closing,
                    "limits_version": event.limits_version,
                    "venue": event.venue,
                }
            case OrderRefused():
                return {"reasons": event.reasons, "limits_version": event.limits_version}
            case OrderSubmitting():
                return {
                    "venue": event.venue,
                    "account": event.account,
                    "attempts": event.attempt,
                    "doubt": None,
                }
            case SubmissionUnknown():
                return {"doubt": Doubt(since=event.at)}
            case OrderNotFound():
                since = self.doubt.since if self.doubt else event.at
                doubt = Doubt(since=since, not_found=event.times, last_asked=event.at)
                return {"doubt": doubt}
            case OrderAccepted():
                return {"venue": event.venue, "venue_order_id": event.venue_order_id, "doubt": None}
            case OrderTriggered():
                return {"triggered": True}
            case CancelRequested():
                return {"cancel_requested": True}
            case CancelRefused():
                return {"cancel_requested": False}
            case OrderCanceled() | OrderExpired() | OrderRejected():
                return {**self._released(event), "doubt": None, "amendment": None}
            case AmendRequested():
                return self._to_be_amended(event)
            case OrderAmended():
                return {**self._released(event), **self._amended(event)}
            case AmendRefused():
                return {**self._released(event), "amendment": None}
            case SubmissionDeferred() | OrderUnconfirmed() | VenueAnswered():
                return {}
            case OrderPlaced():  # pragma: no cover - no edge leads here
                return {}

    def _filled(self, event: OrderFilled, fill: Fill) -> dict[str, object]:
        return {
            "filled": self.filled + fill.quantity,
            "paid": self.paid + fill.price.notional(fill.quantity, self.ticket.symbol),
            "fees": self.fees + fill.fee if fill.fee.currency == self.fees.currency else self.fees,
            "reserved": self.reserved - event.reservation_used,
            "closing": self.closing - event.closing_used,
            "fill_ids": self.fill_ids | {fill.id},
            "doubt": None,
        }

    def _released(
        self, event: OrderCanceled | OrderExpired | OrderRejected | OrderAmended | AmendRefused
    ) -> dict[str, object]:
        return {
            "reserved": self.reserved - event.released,
            "closing": self.closing - event.closing_released,
        }

    def _to_be_amended(self, event: AmendRequested) -> dict[str, object]:
        return {
            "amendment": PendingAmendment(
                quantity=event.quantity,
                limit_price=event.limit_price,
                stop_price=event.stop_price,
                reserved_more=event.reserved_more,
                reserved_spare=event.reserved_spare,
                closing_more=event.closing_more,
                closing_spare=event.closing_spare,
            ),
            "reserved": self.reserved + event.reserved_more,
            "closing": self.closing + event.closing_more,
        }

    def _amended(self, event: OrderAmended) -> dict[str, object]:
        ticket = replace(
            self.ticket,
            quantity=event.quantity,
            limit_price=event.limit_price,
            stop_price=event.stop_price,
        )
        return {"ticket": ticket, "amendment": None}
