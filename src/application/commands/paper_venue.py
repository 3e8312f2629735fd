"""What changes a book of the paper venue. Everything is decided in `domain/simulation`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from traderbot.application.ports.clock import Clock
from traderbot.application.ports.commands import Command
from traderbot.application.ports.paper_desk import BookAfter
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.instrument import default_instrument
from traderbot.domain.shared.ids import OrderId
from traderbot.domain.simulation.bar_matching import meet_bar
from traderbot.domain.simulation.book import Book, Submission, Wanted, book_id
from traderbot.domain.simulation.depth_matching import meet_depth
from traderbot.domain.simulation.errors import NotWorkingError
from traderbot.domain.simulation.events import PaperEvent
from traderbot.domain.simulation.fill_model import FillModel
from traderbot.domain.simulation.market import Depth


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitToPaper(Command[BookAfter]):
    """An order comes to the paper venue. It sees no market before so long after it was placed."""

    order: Submission
    latency: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitToPaperHandler:
    """Handles `SubmitToPaper`. An order that came before changes nothing."""

    def __call__(self, command: SubmitToPaper, unit: UnitOfWork) -> BookAfter:
        """Return the book, with the order in it unless it is rejected at once."""
        ticket = command.order.ticket
        id_ = book_id(ticket.portfolio_id, ticket.symbol)
        before = unit.paper_books.find(id_)
        return _record(unit, id_, before, Book.submit(before, command.order, command.latency))


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAtPaper(Command[BookAfter]):
    """An order shall not be traded any more."""

    book_id: str
    order_id: OrderId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAtPaperHandler:
    """Handles `CancelAtPaper`. One that does not work changes nothing."""

    clock: Clock

    def __call__(self, command: CancelAtPaper, unit: UnitOfWork) -> BookAfter:
        """Return the book without the order."""
        before = unit.paper_books.find(command.book_id)
        if before is None:
            return BookAfter(None, ())
        events = before.cancel(command.order_id, command.reason, at=self.clock.now())
        return _record(unit, command.book_id, before, events)


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendAtPaper(Command[BookAfter]):
    """An order shall be another one."""

    book_id: str
    order_id: OrderId
    wanted: Wanted
    latency: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendAtPaperHandler:
    """Handles `AmendAtPaper`. What it is already changes nothing."""

    clock: Clock

    def __call__(self, command: AmendAtPaper, unit: UnitOfWork) -> BookAfter:
        """Return the book with the order as it is wanted. Raises NotWorking-, NotAmendableError."""
        before = unit.paper_books.find(command.book_id)
        if before is None:
            raise NotWorkingError(command.order_id)
        events = before.amend(
            command.order_id, command.wanted, at=self.clock.now(), latency=command.latency
        )
        return _record(unit, command.book_id, before, events)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetMarket(Command[BookAfter]):
    """A bar closed, or a market showed a quote or its levels: a book trades against it."""

    book_id: str
    seen: Bar | Depth
    model: FillModel


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetMarketHandler:
    """Handles `MeetMarket`. What was seen before changes nothing."""

    def __call__(self, command: MeetMarket, unit: UnitOfWork) -> BookAfter:
        """Return the book, and what was traded and ended."""
        before = unit.paper_books.find(command.book_id)
        if before is None:
            return BookAfter(None, ())
        events = meet(before, command.seen, command.model)
        return _record(unit, command.book_id, before, events)


@dataclass(frozen=True, slots=True, kw_only=True)
class PassPaperTime(Command[BookAfter]):
    """The clock has reached an instant, and no market was seen."""

    book_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PassPaperTimeHandler:
    """Handles `PassPaperTime`. Asking twice is harmless."""

    def __call__(self, command: PassPaperTime, unit: UnitOfWork) -> BookAfter:
        """Return the book without what was good until then at most."""
        before = unit.paper_books.find(command.book_id)
        if before is None:
            return BookAfter(None, ())
        return _record(unit, command.book_id, before, before.pass_time(command.at))


def meet(book: Book, seen: Bar | Depth, model: FillModel) -> tuple[PaperEvent, ...]:
    """Return what a bar, a quote or an order book does to a book; it changes nothing itself."""
    instrument = default_instrument(book.symbol)
    if isinstance(seen, Bar):
        return meet_bar(book, seen, model, instrument)
    return meet_depth(book, seen, model, instrument)


def _record(
    unit: UnitOfWork, id_: str, before: Book | None, events: tuple[PaperEvent, ...]
) -> BookAfter:
    return BookAfter(unit.paper_books.record(id_, events) if events else before, events)
