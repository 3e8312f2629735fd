"""The log as it is read from outside: its events as they were recorded, in pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from traderbot.application.ports.recorded import Actor
from traderbot.application.views import Page
from traderbot.domain.shared.ids import UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedEvent:
    """One event of the log. What its body says is here word for word, old schemas included.

    `index` is its place in the log, counted from zero; None as long as it has none (PostgreSQL).
    """

    index: int | None
    id: str
    stream: str
    version: int
    type: str
    schema: int
    occurred_at: datetime
    recorded_at: datetime
    actor: Actor
    command_id: str
    correlation_id: str
    causation_id: str
    prev: str  # leaf hash of the stream's event before it, hex
    leaf_hash: str  # hex
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events; None means any. `start` is the first index that is looked at.

    An owner's events are those of their streams: the user, their portfolios, orders and bot runs.
    """

    owner_id: UserId | None = None
    stream: str | None = None
    type: str | None = None
    start: int = 0


class EventPages(Protocol):
    """Events by their place in the log. Every method raises DatabaseUnavailableError."""

    def events(
        self, which: EventFilter, *, limit: int = 50, cursor: str | None = None
    ) -> Page[LoggedEvent]:
        """Return a page, oldest first; events without a place in the log are in none.

        Only so much of the log is looked at for one page. So a page may hold fewer events than
        were asked for, even none, and still name a next one.

        Raises:
            BadCursorError: the cursor was not given out by a page before.
            CorruptHistoryError: an event cannot be read.
        """
        ...

    def event(self, event_id: str, owner_id: UserId | None = None) -> LoggedEvent:
        """Return one event.

        Raises:
            NotFoundError: there is no such event, or it is in no stream of that owner's.
            CorruptHistoryError: it cannot be read.
        """
        ...
