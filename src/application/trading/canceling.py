"""Orders that are wanted back: asked for until they have ended. A refusal is not the end of it.

A venue may refuse a cancel because it is busy, halted or mistaken; the wish stays on record, so
the order stays `pending_cancel` and is asked back again, each time a little later. If that does not
help a person is called, and the asking goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import assert_never

from traderbot.application.ports.venue import (
    Absent,
    Acknowledged,
    Denied,
    NotSent,
    Unclear,
    VenueStatus,
    WorkingOrder,
)
from traderbot.application.trading.alarms import Alarm, AlarmKind
from traderbot.application.trading.hearing import Hearing
from traderbot.application.trading.pace import DeskPace
from traderbot.domain.shared.ids import OrderId


@dataclass(slots=True)
class _Wish:
    """What this process knows of one order that is wanted back."""

    since: float
    next_at: float
    refused: int = 0
    told: bool = False


@dataclass(slots=True)
class Canceling:
    """Asks one venue for orders back, each at its own pace."""

    hearing: Hearing
    pace: DeskPace
    monotonic: Callable[[], float]
    _open: dict[OrderId, _Wish] = field(default_factory=dict)

    def is_due(self, order: WorkingOrder) -> bool:
        """Whether it is time to ask for this order."""
        return self.monotonic() >= self._wish(order).next_at

    def settled(self, still_wanted: set[OrderId]) -> None:
        """Forget every wish but these; what a person was told of them is over."""
        for order_id in self._open.keys() - still_wanted:
            if self._open.pop(order_id).told:
                self.hearing.over(_key(order_id))

    def ask(self, order: WorkingOrder) -> None:
        """Ask for it once."""
        wish = self._wish(order)
        wish.next_at = self.monotonic() + self.pace.cancel_pause(wish.refused)
        answer = self.hearing.venue.cancel(order)
        match answer:
            case Acknowledged(order=theirs):
                self.hearing.take_order(theirs, "cancel")
            case Denied(reason=reason, raw=raw):
                self._refused(order, wish, reason, raw)
            case Absent() | NotSent() | Unclear():
                pass  # it stays asked for; who looks next asks again
            case _:
                assert_never(answer)

    def watch(self, order: WorkingOrder, reason: str = "", raw: str = "") -> None:
        """Call a person about an order that is wanted back for too long, whoever answers."""
        wish = self._wish(order)
        if wish.told or self.monotonic() - wish.since < self.pace.give_up:
            return
        venue = self.hearing.venue.name
        why = reason or "it has not said that it is canceled"
        wish.told = True
        self.hearing.alarms(
            Alarm(
                kind=AlarmKind.UNCANCELED,
                venue=venue,
                key=_key(order.order_id),
                sentence=f"order {order.order_id} was asked back and still works at {venue}: {why}",
                order_id=order.order_id,
                raw=raw,
            )
        )

    def _refused(self, order: WorkingOrder, wish: _Wish, reason: str, raw: str) -> None:
        wish.refused += 1
        wish.next_at = self.monotonic() + self.pace.cancel_pause(wish.refused)
        found = self.hearing.venue.find(order)
        if not isinstance(found, Acknowledged):
            return
        self.hearing.take_order(found.order, "find")
        if found.order.status in _ALIVE:
            self.watch(order, reason, raw)

    def _wish(self, order: WorkingOrder) -> _Wish:
        now = self.monotonic()
        return self._open.setdefault(order.order_id, _Wish(since=now, next_at=now))


def _key(order_id: OrderId) -> str:
    return f"{order_id}:uncanceled"


_ALIVE = frozenset({VenueStatus.PENDING, VenueStatus.WORKING})
