"""The Order aggregate: from a wish to its end, by events only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from traderbot.domain.orders.errors import OrderClosedError, OrderNotSubmittableError
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
from traderbot.domain.orders.lifecycle import EDGES, SURE, OrderStatus, next_status
from traderbot.domain.orders.ticket import SETTINGS, Approved, Check, Fill, Refused, Ticket, Verdict
from traderbot.domain.shared.decimals import EXACT, ZERO, canonical, share
from traderbot.domain.shared.errors import CorruptHistoryError
from traderbot.domain.shared.history import evolve, fold
from traderbot.domain.shared.ids import BotRunId, FillId, OrderId, UserId
from traderbot.domain.shared.values import Money, Price, Quantity, trusted_money

_NOTHING = Quantity(0)
RAW_LENGTH = 4096
PROOFS_OF_ABSENCE = 2  # how often a venue must say that it has no such order
BETWEEN_PROOFS = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """A change that is wanted. `quantity` is the whole new quantity, fills included."""

    quantity: Quantity
    limit_price: Price | None = None
    stop_price: Price | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingAmendment:
    """A change the venue was asked for: what was set aside for it, and what it would free."""

    quantity: Quantity
    limit_price: Price | None
    stop_price: Price | None
    reserved_more: Money
    reserved_spare: Money
    closing_more: Quantity
    closing_spare: Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """Since when nobody knows, and how often the venue said that it has no such order."""

    since: datetime
    not_found: int = 0
    last_asked: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Order:
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
        )
        return (placed, approved)

    def submit(self, venue: str, account: str, *, at: datetime) -> tuple[OrderEvent, ...]:
        """Intend to send it; whoever sends it does so after this is durable, and only once.

        Sent before, it is sent again only when the venue has proven that it has no such order.

        Raises:
            OrderClosedError: there is nothing to send any more.
            OrderNotSubmittableError: it is with a venue already or may be, it was approved for
                another one, or it was asked back.
        """
        if not self.status.is_open:
            raise OrderClosedError(self.id, self.status.value)
        proven = self.status is OrderStatus.UNKNOWN and self.is_proven_absent
        elsewhere = self.venue is not None and (
            self.venue != venue or (self.account is not None and self.account != account)
        )
        if (
            self.cancel_requested
            or elsewhere
            or not (proven or self.status is OrderStatus.APPROVED)
        ):
            raise OrderNotSubmittableError(self.id, self.status.value)
        return (
            OrderSubmitting(
                order_id=self.id,
                at=at,
                venue=venue,
                account=account,
                client_order_id=self.venue_client_id,
                attempt=self.attempts + 1,
            ),
        )

    def defer(
        self, reason: str, *, at: datetime, attempt: int | None = None
    ) -> tuple[OrderEvent, ...]:
        """Note that it was certainly not sent. Of an earlier try it says nothing."""
        if self.status is not OrderStatus.SUBMITTING or attempt not in (None, self.attempts):
            return ()
        deferred = SubmissionDeferred(order_id=self.id, at=at, attempt=self.attempts, reason=reason)
        if self.cancel_requested:  # nobody has it, so nobody needs to be asked
            return (deferred, *self.apply(deferred).cancel("asked for before it was sent", at=at))
        return (deferred,)

    def lose_sight(
        self, cause: str, *, at: datetime, attempt: int | None = None
    ) -> tuple[OrderEvent, ...]:
        """Note that nobody knows whether the venue has it. Hearing it late changes nothing."""
        if self.status is not OrderStatus.SUBMITTING or attempt not in (None, self.attempts):
            return ()
        return (SubmissionUnknown(order_id=self.id, at=at, attempt=self.attempts, cause=cause),)

    def note_not_found(self, *, at: datetime) -> tuple[OrderEvent, ...]:
        """Note that the venue has no such order; asked again too soon, it proves nothing new."""
        if self.doubt is None:
            return ()
        last = self.doubt.last_asked
        if last is not None and at - last < BETWEEN_PROOFS:
            return ()
        if self.doubt.not_found >= PROOFS_OF_ABSENCE:
            return ()
        return (OrderNotFound(order_id=self.id, at=at, times=self.doubt.not_found + 1),)

    def give_up(self, reason: str, *, at: datetime) -> tuple[OrderEvent, ...]:
        """Leave it to a person to find out. What is set aside stays set aside."""
        if self.status is not OrderStatus.UNKNOWN:
            return ()
        return (OrderUnconfirmed(order_id=self.id, at=at, reason=reason),)

    def hear(
        self, venue: str, call: str, outcome: str, raw: str, *, at: datetime
    ) -> tuple[OrderEvent, ...]:
        """Keep what the venue said, in its own words, cut at `RAW_LENGTH` characters."""
        return (
            VenueAnswered(
                order_id=self.id,
                at=at,
                venue=venue,
                call=call,
                outcome=outcome,
                raw=_storable(raw[:RAW_LENGTH]),
            ),
        )

    def accept(self, venue: str, venue_order_id: str, *, at: datetime) -> tuple[OrderEvent, ...]:
        """Note that the venue has it. Hearing it twice changes nothing."""
        if self.venue_order_id is not None and not self.status.is_doubtful:
            return ()
        if self.status in (OrderStatus.PLACED, OrderStatus.REFUSED):
            return ()
        return (OrderAccepted(order_id=self.id, at=at, venue=venue, venue_order_id=venue_order_id),)

    def reject(self, code: str, reason: str, *, at: datetime) -> tuple[OrderEvent, ...]:
        """Note that the venue does not want it. Of an order that ended, it changes nothing."""
        if not self.status.is_open:
            return ()
        return (
            OrderRejected(
                order_id=self.id,
                at=at,
                code=code,
                reason=reason,
                released=self.reserved,
                closing_released=self.closing,
            ),
        )

    def trigger(self, price: Price, *, at: datetime) -> tuple[OrderEvent, ...]:
        """Note that the market reached its stop price. Hearing it twice changes nothing."""
        if self.triggered or not self.status.is_open or not self.ticket.kind.waits:
            return ()
        return (OrderTriggered(order_id=self.id, at=at, price=price),)

    def record_fill(self, fill: Fill) -> tuple[OrderEvent, ...]:
        """Accept what the venue reports, even after a cancel. A known fill yields no event."""
        if fill.id in self.fill_ids:
            return ()
        rest = self.remaining
        if rest and fill.quantity < rest:
            # A fill closes first, and what closes had set no cash aside.
            closing_used = min(self.closing, fill.quantity)
            opened, to_open = fill.quantity - closing_used, rest - self.closing
            amount = share(self.reserved.amount, opened.value, to_open.value) if opened else ZERO
            used = trusted_money(amount, self.reserved.currency)
        else:  # the last of it, or more than was asked: nothing stays set aside
            used, closing_used = self.reserved, self.closing
        return (
            OrderFilled(
                order_id=self.id,
                at=fill.at,
                fill=fill,
                reservation_used=used,
                closing_used=closing_used,
            ),
        )

    def request_cancel(self, reason: str, *, at: datetime) -> tuple[OrderEvent, ...]:
        """Want back what is not filled. What no venue has is canceled at once.

        Asking twice is harmless.

        Raises:
            OrderClosedError: the order is already filled, refused, rejected or expired.
        """
        if self.status is OrderStatus.CANCELED or self.cancel_requested:
            return ()
        if not self.status.is_with_venue:
            return self.cancel(reason, at=at)
        return (CancelRequested(order_id=self.id, at=at, reason=reason),)

    def refuse_cancel(self, reason: str, *, at: datetime) -> tuple[OrderEvent, ...]:
        """Note that the venue keeps it working. Not asked for, it changes nothing."""
        if self.status is not OrderStatus.PENDING_CANCEL:
            return ()
        return (CancelRefused(order_id=self.id, at=at, reason=reason),)

    def cancel(self, reason: str, *, at: datetime) -> tuple[OrderEvent, ...]:
        """Note that what is not filled will not be. Hearing it twice is harmless.

        Raises:
            OrderClosedError: the order is already filled, refused, rejected or expired.
        """
        if self.status is OrderStatus.CANCELED:
            return ()
        if not self.status.is_open:
            raise OrderClosedError(self.id, self.status.value)
        return (
            OrderCanceled(
                order_id=self.id,
                at=at,
                reason=reason,
                released=self.reserved,
                closing_released=self.closing,
            ),
        )

    def expire(self, reason: str, *, at: datetime) -> tuple[OrderEvent, ...]:
        """Note that its time is over. Of an order that ended, it changes nothing."""
        if not self.status.is_open:
            return ()
        return (
            OrderExpired(
                order_id=self.id,
                at=at,
                reason=reason,
                released=self.reserved,
                closing_released=self.closing,
            ),
        )

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

    def apply(self, event: OrderEvent) -> Order:
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

    @staticmethod
    def from_events(events: Iterable[OrderEvent]) -> Order:
        """Fold a whole history. Raises CorruptHistoryError."""
        return fold(Order.begin, events)


def _more(wanted: Money, there: Money) -> Money:
    return wanted - there if wanted > there else Money.zero(wanted.currency)


def _beyond(wanted: Quantity, there: Quantity) -> Quantity:
    return wanted - there if wanted > there else _NOTHING


def _storable(text: str) -> str:
    """Return what a venue said as text every database takes: no NUL, no half of a character."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
