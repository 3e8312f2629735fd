"""What became of the paper venue's orders, folded once: a question reads only what is new.

A book's events are read on from where they were read last. Of the orders that have ended the newest
are kept; whoever asks for an older one has the whole book read again, which is right and slow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Final

from traderbot.domain.shared.ids import OrderId
from traderbot.domain.simulation.events import PaperEvent
from traderbot.domain.simulation.record import OrderRecord, PaperStatus, follow, records_of

_MOST: Final = 20_000  # ended orders kept of each book

Read = Callable[[str, int], Sequence[tuple[datetime, PaperEvent]]]


@dataclass(slots=True)
class _Known:
    version: int = 0
    records: dict[OrderId, OrderRecord] = field(default_factory=dict)


class PaperRecords:
    """Answers what became of an order, by the events of its book."""

    def __init__(self, read: Read, most: int = _MOST) -> None:
        """Read by `read(book id, after version)`."""
        self._read, self._most = read, most
        self._known: dict[str, _Known] = {}
        self._lock = Lock()

    def of(self, book_id: str, order_id: OrderId) -> OrderRecord | None:
        """Return what became of an order, None if it never came."""
        found = self.all(book_id).get(order_id)
        if found is None or found.ticket is None:
            events = [event for _, event in self._read(book_id, 0)]
            return records_of(events).get(order_id)
        return found

    def all(self, book_id: str) -> Mapping[OrderId, OrderRecord]:
        """Return what became of every order that is kept, as of now."""
        with self._lock:
            known = self._known.setdefault(book_id, _Known())
            events = [event for _, event in self._read(book_id, known.version)]
            follow(known.records, events)
            known.version += len(events)
            self._forget(known)
            return known.records

    def _forget(self, known: _Known) -> None:
        if len(known.records) <= 2 * self._most:
            return
        ended = [id_ for id_, it in known.records.items() if it.status is not PaperStatus.WORKING]
        for id_ in ended[: -self._most]:
            del known.records[id_]
