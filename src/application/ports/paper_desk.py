"""The paper venue's own office: its books are kept in the log, and changed by commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from traderbot.application.ports.commands import Origin
from traderbot.domain.market.bars import Bar
from traderbot.domain.shared.ids import OrderId
from traderbot.domain.simulation.book import Book, Submission, Wanted
from traderbot.domain.simulation.events import PaperEvent, PaperTraded
from traderbot.domain.simulation.fill_model import FillModel
from traderbot.domain.simulation.market import Depth


class BookAfter:
    """A book as it is on record now, None if it never began, and what has just happened to it.

    An answer within the process, never stored: the commands it answers take no idempotency key.
    """

    __slots__ = ("book", "events")

    def __init__(self, book: Book | None, events: tuple[PaperEvent, ...]) -> None:
        """Tell of a book."""
        self.book = book
        self.events = events


@dataclass(frozen=True, slots=True)
class RecordedTrade:
    """A trade, and when it was recorded: a bar's trades happened when it opened."""

    recorded_at: datetime
    trade: PaperTraded


class PaperDesk(Protocol):
    """Changes books. What it answers is durable; asked twice, it changes a book once.

    Each may raise an ExternalError: then nobody knows whether it happened.
    """

    def submit(self, order: Submission, latency: timedelta) -> BookAfter:
        """Take an order in."""
        ...

    def cancel(self, book_id: str, order_id: OrderId, reason: str) -> BookAfter:
        """Take an order out, if it works."""
        ...

    def amend(
        self, book_id: str, order_id: OrderId, wanted: Wanted, latency: timedelta
    ) -> BookAfter:
        """Change an order. Raises NotWorkingError, NotAmendableError."""
        ...

    def meet(
        self, book_id: str, seen: Bar | Depth, model: FillModel, origin: Origin | None = None
    ) -> BookAfter:
        """Trade a book against what the market shows, for whoever brought it."""
        ...

    def pass_time(self, book_id: str, at: datetime) -> BookAfter:
        """Let end what was good until then at most."""
        ...


class PaperBooks(Protocol):
    """Reads books from the log. Each may raise an ExternalError."""

    def heads(self) -> Mapping[str, int]:
        """Return every book's id, and how many events it has."""
        ...

    def events(self, book_id: str, after: int = 0) -> Sequence[tuple[datetime, PaperEvent]]:
        """Return a book's events after so many, oldest first, each with when it was recorded."""
        ...

    def trades(self, book_id: str, since: datetime | None = None) -> Sequence[RecordedTrade]:
        """Return a book's trades that were recorded at or after an instant, oldest first."""
        ...
