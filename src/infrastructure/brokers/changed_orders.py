"""Orders at venues that change none in its place: a changed order is a new one under a new name.

The name of an order and its number make the new one's: `…-r1`, `…-r2`. So whoever knows the order
finds its newest form, after a restart too, and a change asked for twice is made once. Together they
are one order: what all of them traded, at the state of the newest.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from traderbot.application.ports.venue import (
    Absent,
    Acknowledged,
    ChangeAnswer,
    Denied,
    FindAnswer,
    Unclear,
    VenueOrder,
    VenueStatus,
    WorkingOrder,
)
from traderbot.domain.shared.values import Quantity
from traderbot.infrastructure.brokers.order_names import changed_name

_MOST: Final = 99  # changes of one order: the name has room for two digits
_NOTHING: Final = Quantity(0)
_ALIVE: Final = frozenset({VenueStatus.PENDING, VenueStatus.WORKING})
_GIVES_WAY: Final = frozenset({VenueStatus.CANCELED, VenueStatus.REJECTED})

AskByName = Callable[[str], FindAnswer]


@dataclass(frozen=True, slots=True)
class Forms:
    """Every form of one order, the first to the newest. `number` is that of the next one."""

    all: Sequence[VenueOrder]
    number: int

    @property
    def newest(self) -> VenueOrder:
        """The one that counts: a form the venue rejected never was one."""
        real = [it for it in self.all if it.status is not VenueStatus.REJECTED]
        return (real or self.all)[-1]

    @property
    def whole(self) -> VenueOrder:
        """All of them as one order."""
        newest, before = self.newest, _NOTHING
        for it in self.all:
            if it is not newest:
                before += it.filled
        return replace(newest, quantity=before + newest.quantity, filled=before + newest.filled)


class Changes:
    """Follows changed orders at one venue, and makes changes."""

    def __init__(self) -> None:
        """Know of none yet."""
        self._lock = threading.Lock()
        self._newest: dict[str, str] = {}  # our name of an order: the venue's id of its newest form
        self._under_way: set[str] = set()

    def id_of(self, order: WorkingOrder) -> str | None:
        """Return the venue's id of an order's newest form, as far as it is known."""
        with self._lock:
            return self._newest.get(order.client_order_id, order.venue_order_id)

    def is_under_way(self, client_order_id: str | None) -> bool:
        """Whether the order is just being changed: what is heard of its old form means nothing."""
        with self._lock:
            return client_order_id in self._under_way

    def find(self, client_order_id: str, ask: AskByName, *, is_changing: bool) -> FindAnswer:
        """Return an order in its newest form. `is_changing`: a change of it was asked for."""
        found = self._forms(client_order_id, ask)
        if not isinstance(found, Forms):
            return found
        whole = found.whole
        if is_changing and whole.status is VenueStatus.CANCELED:
            return Unclear(cause="it was taken back to be changed", raw=whole.raw)
        return Acknowledged(order=whole)

    def amend(  # noqa: PLR0911 - one for each way it may go
        self,
        order: WorkingOrder,
        ask: AskByName,
        send: Callable[[VenueOrder, Quantity, str], ChangeAnswer | None],
    ) -> ChangeAnswer:
        """Bring an order into the form that is wanted, unless it is, or is on its way to be.

        `send` puts another form in the place of the newest, with what is left to trade and a name;
        it answers None when the venue said yes.
        """
        wanted = order.amendment
        if wanted is None:
            return Denied(code="NOTHING_ASKED", reason="no change is asked for", raw="")
        found = self._forms(order.client_order_id, ask, to_the_end=True)
        if not isinstance(found, Forms):
            return found
        whole = found.whole
        if _is_done(found, order):
            return Acknowledged(order=whole)
        if (no := _why_not(found, order)) is not None:
            return no
        with self._lock:
            self._under_way.add(order.client_order_id)
        try:
            rest = wanted.quantity - whole.filled
            name = changed_name(order.client_order_id, found.number)
            answer = send(found.newest, rest, name)
            if answer is not None:
                return answer
            found = self._forms(order.client_order_id, ask, to_the_end=True)
        finally:
            with self._lock:
                self._under_way.discard(order.client_order_id)
        if isinstance(found, Forms) and _is_done(found, order):
            return Acknowledged(order=found.whole)
        return Unclear(cause="the change is not seen yet")

    def _forms(self, name: str, ask: AskByName, *, to_the_end: bool = False) -> Forms | FindAnswer:
        forms: list[VenueOrder] = []
        for number in range(_MOST + 1):
            answer = ask(changed_name(name, number))
            if isinstance(answer, Absent) and forms:
                break
            if not isinstance(answer, Acknowledged):
                return answer
            forms.append(answer.order)
            if not to_the_end and answer.order.status not in _GIVES_WAY:
                break
        found = Forms(forms, len(forms))
        if len(forms) > 1:
            with self._lock:
                self._newest[name] = found.newest.venue_order_id
        return found


def _is_done(found: Forms, order: WorkingOrder) -> bool:
    """Whether it is as wanted, and no earlier form may still trade."""
    wanted, now = order.amendment, found.whole
    if any(it.status in _ALIVE for it in found.all[:-1]):
        return False
    return (
        wanted is not None
        and now.status not in _GIVES_WAY
        and now.quantity == wanted.quantity
        and now.limit_price == wanted.limit_price
        and now.stop_price == wanted.stop_price
    )


def _why_not(found: Forms, order: WorkingOrder) -> Denied | Unclear | None:
    """Return why no other form is asked for now; None if it may be."""
    newest, last, wanted = found.newest, found.all[-1], order.amendment
    if newest.status not in _ALIVE:
        reason = f"it was {newest.status.value} before it could be changed"
        return Denied(code="NOT_CHANGED", reason=reason, raw=newest.raw)
    earlier = found.all[:-1]
    if any(it.status in _ALIVE for it in earlier) and last.status in _ALIVE:
        return Unclear(cause="a change is on its way", raw=last.raw)
    if last.status is VenueStatus.REJECTED and wanted is not None:
        rest = wanted.quantity - found.whole.filled
        if (last.quantity, last.limit_price) == (rest, wanted.limit_price):
            return Denied(code="VENUE_REJECTED", reason="its new form was rejected", raw=last.raw)
    if wanted is not None and wanted.quantity <= found.whole.filled:
        return Denied(code="NOT_CHANGED", reason="as much of it is traded", raw=newest.raw)
    if found.number > _MOST:
        return Denied(code="NOT_CHANGED", reason=f"it was changed {_MOST} times", raw="")
    return None
