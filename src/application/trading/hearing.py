"""What a venue says, as commands: evidence goes to the log with what follows from it, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from traderbot.application.commands.record_fill import RecordFill
from traderbot.application.commands.venue_answers import Heard, RecordVenueAnswer
from traderbot.application.ports.commands import CommandExecutor, Origin
from traderbot.application.ports.markets import Markets
from traderbot.application.ports.recorded import Actor
from traderbot.application.ports.venue import (
    Venue,
    VenueOrder,
    VenueStatus,
    VenueTrade,
    WorkingOrder,
)
from traderbot.application.ports.views import Views
from traderbot.application.trading.absurd import why_absurd
from traderbot.application.trading.alarms import Alarm, AlarmKind, Alarms
from traderbot.application.views import OrderView
from traderbot.domain.orders.lifecycle import OrderStatus
from traderbot.domain.orders.ticket import Fill
from traderbot.domain.shared.ids import FillId, OrderId
from traderbot.domain.shared.values import Price, Quantity

_ENDED = {
    VenueStatus.CANCELED: Heard.CANCELED,
    VenueStatus.EXPIRED: Heard.EXPIRED,
    VenueStatus.REJECTED: Heard.REJECTED,
}
_DASHES = (8, 12, 16, 20)
_HEX = frozenset("0123456789abcdef")
_LENGTH = 32
_MOST_CHANGED = 10_000  # orders
_MOST_CHANGES = 20  # of one order


def order_id_of(client_order_id: str | None) -> OrderId | None:
    """Return the order a venue's client order id names; None if it is none of ours."""
    text = client_order_id or ""
    if len(text) != _LENGTH or not _HEX.issuperset(text):
        return None
    parts = [text[a:b] for a, b in zip((0, *_DASHES), (*_DASHES, _LENGTH), strict=True)]
    return OrderId("-".join(parts))


@dataclass(frozen=True, slots=True)
class Hearing:
    """Takes in what one venue says. Nothing that was heard before records anything."""

    executor: CommandExecutor
    views: Views
    venue: Venue
    alarms: Alarms
    over: Callable[[str], None]  # what an alarm of that key was about is gone
    markets: Markets | None = None  # for whether a trade's price can be right
    _limits: dict[OrderId, tuple[Price, ...]] = field(default_factory=dict)  # before its changes

    @property
    def origin(self) -> Origin:
        """Who records it: the desk of this venue."""
        return Origin(actor=Actor("system", f"desk:{self.venue.name}", "desk"))

    def will_change(self, order: WorkingOrder) -> None:
        """Note the limits an order may trade at while it is changed, and late trades after it."""
        wanted = order.amendment
        limits = [order.ticket.limit_price, None if wanted is None else wanted.limit_price]
        known = self._limits.pop(order.order_id, ())
        self._limits[order.order_id] = (*known[-_MOST_CHANGES:], *(it for it in limits if it))
        if len(self._limits) > _MOST_CHANGED:
            del self._limits[next(iter(self._limits))]

    def record(
        self,
        order_id: OrderId,
        call: str,
        heard: Heard,
        *,
        raw: str = "",
        reason: str = "",
        code: str = "",
        venue_order_id: str | None = None,
        attempt: int | None = None,
    ) -> OrderView:
        """Record one answer with what follows from it."""
        command = RecordVenueAnswer(
            order_id=order_id,
            venue=self.venue.name,
            call=call,
            heard=heard,
            raw=raw,
            reason=reason,
            code=code,
            venue_order_id=venue_order_id,
            attempt=attempt,
        )
        return self.executor.run(command, self.origin)

    def take_order(self, it: VenueOrder, call: str) -> bool:
        """Take in how an order stands at the venue. False: its trades have to be asked for first.

        An order never ends here before all that it traded is booked.
        """
        ours = self._ours(it)
        if ours is None:
            return True
        order_id = OrderId(ours.order_id)
        if it.status is not VenueStatus.REJECTED and _is_news(ours):
            ours = self.record(
                order_id,
                call,
                Heard.ACCEPTED,
                raw=it.raw,
                venue_order_id=it.venue_order_id,
            )
        if it.filled > Quantity(ours.filled):
            return False
        ended = _ENDED.get(it.status)
        if ended is not None:
            reason = it.reason or f"{it.status.value} by the venue"
            self.record(order_id, call, ended, raw=it.raw, reason=reason, code="VENUE_REJECTED")
        return True

    def take_trade(self, it: VenueTrade, call: str) -> bool:
        """Book a trade. False: nobody can say yet which order it belongs to."""
        order_id = order_id_of(it.client_order_id)
        if order_id is None:
            return it.client_order_id is not None
        fill = Fill(
            id=FillId(f"{self.venue.name}:{self.venue.account}:{it.trade_id}"),
            at=it.at,
            quantity=it.quantity,
            price=it.price,
            fee=it.fee,
        )
        ours = self.views.order(None, order_id)
        if ours is None:
            return True  # another program's, that names its orders as we do
        if ours.symbol != it.symbol.code or ours.side != it.side.value:
            self._refuse_trade(order_id, it)
            return True
        after = self.executor.run(
            RecordFill(
                order_id=order_id,
                fill=fill,
                venue=self.venue.name,
                call=call,
                raw=it.raw,
                venue_order_id=it.venue_order_id,
            ),
            self.origin,
        )
        absurd = why_absurd(it, ours, self.markets, self._limits.get(order_id, ()))
        if absurd is not None:
            self._distrust(order_id, it, absurd, fresh=after.filled != ours.filled)
        if Quantity(after.filled) > Quantity(after.quantity):
            self.alarms(
                Alarm(
                    kind=AlarmKind.OVERFILLED,
                    venue=self.venue.name,
                    key=f"{order_id}:overfilled",
                    sentence=f"{after.filled} of {after.quantity} {after.symbol} were traded",
                    order_id=order_id,
                    raw=it.raw,
                )
            )
        return True

    def _distrust(self, order_id: OrderId, it: VenueTrade, why: str, *, fresh: bool) -> None:
        self.alarms(
            Alarm(
                kind=AlarmKind.ABSURD_PRICE,
                venue=self.venue.name,
                key=f"{it.trade_id}:absurd_price",
                sentence=f"trade {it.trade_id} of order {order_id} at {it.price} is {why}",
                order_id=order_id,
                raw=it.raw,
                fresh=fresh,
            )
        )

    def _refuse_trade(self, order_id: OrderId, it: VenueTrade) -> None:
        self.alarms(
            Alarm(
                kind=AlarmKind.OTHER_TRADE,
                venue=self.venue.name,
                key=f"{it.trade_id}:other_trade",
                sentence=f"trade {it.trade_id} is not what order {order_id} asked for",
                order_id=order_id,
                raw=it.raw,
            )
        )

    def _ours(self, it: VenueOrder) -> OrderView | None:
        order_id = order_id_of(it.client_order_id)
        return None if order_id is None else self.views.order(None, order_id)


def _is_news(ours: OrderView) -> bool:
    """Whether it is not on record yet that the venue has the order."""
    return ours.venue_order_id is None or OrderStatus(ours.status).is_doubtful
