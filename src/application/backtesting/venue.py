"""The paper venue of a backtest: the same commands in the same order as a bot's runner gives.

A runner asks back what is not counted on any more, shows the venue the bar, records what came of
it, and hands over what the gate let pass. `tests/integration/backtesting` holds the two against
each other, byte for byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from traderbot.application.backtesting.room import Room
from traderbot.application.commands.paper_venue import (
    AmendAtPaper,
    CancelAtPaper,
    SubmitToPaper,
    meet,
)
from traderbot.application.commands.placing import PAPER
from traderbot.application.commands.record_fill import RecordAcceptance, RecordFill
from traderbot.application.commands.venue_answers import Heard, RecordVenueAnswer
from traderbot.application.ports.commands import Command, Origin
from traderbot.application.ports.recorded import Actor
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.domain.market.bars import Bar
from traderbot.domain.orders.events import OrderApproved
from traderbot.domain.orders.order import Order
from traderbot.domain.orders.ticket import Fill
from traderbot.domain.shared.ids import FillId, OrderId, PortfolioId
from traderbot.domain.shared.values import Symbol
from traderbot.domain.simulation.book import Book, Submission, Wanted, book_id
from traderbot.domain.simulation.events import (
    PaperCanceled,
    PaperEvent,
    PaperExpired,
    PaperRejected,
    PaperTraded,
    PaperTriggered,
)
from traderbot.domain.simulation.fill_model import FillModel

_ACCOUNT: Final = "main"
_ITSELF: Final = Origin(actor=Actor("system", PAPER, "venue"))
_HEARD: Final = {
    PaperTriggered: Heard.TRIGGERED,
    PaperCanceled: Heard.CANCELED,
    PaperExpired: Heard.EXPIRED,
    PaperRejected: Heard.REJECTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordMeeting(Command[None]):
    """What a bar did to a book. A bot's runner gives `MeetMarket`, which finds it out once more."""

    book_id: str
    events: tuple[PaperEvent, ...]


def record_meeting(command: RecordMeeting, unit: UnitOfWork) -> None:
    """Record it."""
    unit.paper_books.record(command.book_id, command.events)


class Venue:
    """The books of one portfolio, one a symbol."""

    def __init__(self, room: Room, portfolio_id: PortfolioId, model: FillModel) -> None:
        """Trade by `model`."""
        self._room = room
        self._portfolio_id = portfolio_id
        self._model = model
        self._ids: dict[Symbol, str] = {}

    def book(self, symbol: Symbol) -> Book | None:
        """Return the book of a symbol, if an order ever came."""
        return self._room.paper_books.states.get(self._id(symbol))

    def meet(self, bar: Bar, origin: Origin) -> None:
        """Let the venue trade what works, and record all that came of it."""
        book = self.book(bar.symbol)
        if book is None or not book.working:
            return
        self._ask_back(book, bar, origin)
        book = self.book(bar.symbol)
        if book is None or not book.working:
            return
        events = meet(book, bar, self._model)
        if events:
            self._room.run(RecordMeeting(book_id=self._id(bar.symbol), events=events), origin)
            for event in events:
                self._record(event, bar, origin)

    def submit(self, order: Order, bar: Bar, origin: Origin) -> None:
        """Hand over an order that the gate let pass."""
        submission = Submission(
            order_id=order.id,
            client_order_id=order.venue_client_id,
            ticket=order.ticket,
            placed_at=order.placed_at,
        )
        command = SubmitToPaper(order=submission, latency=self._model.latency)
        after = self._room.run(command, _ITSELF)
        last = after.events[-1] if after.events else None
        if isinstance(last, PaperRejected):
            denied = RecordVenueAnswer(
                order_id=order.id,
                venue=PAPER,
                call="submit",
                heard=Heard.REJECTED,
                at=bar.closes_at,
                raw=last.code,
                reason=last.reason,
                code=last.code,
            )
            self._room.run(denied, origin)
            return
        accepted = RecordAcceptance(
            order_id=order.id, venue=PAPER, venue_order_id=_name(order.id), at=bar.closes_at
        )
        self._room.run(accepted, origin)

    def take_back(self, symbol: Symbol, bar: Bar, origin: Origin) -> None:
        """Take back at once what was asked back: before something else is decided."""
        book = self.book(symbol)
        if book is not None:
            self._ask_back(book, bar, origin)

    def _ask_back(self, book: Book, bar: Bar, origin: Origin) -> None:
        for order_id in tuple(book.working):
            order = self._room.orders.find(order_id)
            if order is None or not order.status.is_open:
                self._cancel(order_id, book, "nobody counts on it any more")
            elif order.cancel_requested:
                for event in self._cancel(order_id, book, "asked for"):
                    self._record(event, bar, origin)
            elif order.amendment is not None:
                self._amend(order, book, origin)

    def _cancel(self, order_id: OrderId, book: Book, reason: str) -> Sequence[PaperEvent]:
        command = CancelAtPaper(book_id=self._id(book.symbol), order_id=order_id, reason=reason)
        return self._room.run(command, _ITSELF).events

    def _amend(self, order: Order, book: Book, origin: Origin) -> None:
        asked = order.amendment
        assert asked is not None  # noqa: S101 - the caller looked
        wanted = Wanted(
            quantity=asked.quantity, limit_price=asked.limit_price, stop_price=asked.stop_price
        )
        self._room.run(
            AmendAtPaper(
                book_id=self._id(book.symbol),
                order_id=order.id,
                wanted=wanted,
                latency=self._model.latency,
            ),
            _ITSELF,
        )
        amended = RecordVenueAnswer(
            order_id=order.id, venue=PAPER, call="amend", heard=Heard.AMENDED
        )
        self._room.run(amended, origin)

    def _record(self, event: PaperEvent, bar: Bar, origin: Origin) -> None:
        """Record in the program's own books what the venue has just done."""
        match event:
            case PaperTraded():
                self._fill(event, bar, origin)
            case PaperTriggered() | PaperCanceled() | PaperExpired() | PaperRejected():
                triggered = isinstance(event, PaperTriggered)
                answer = RecordVenueAnswer(
                    order_id=event.order_id,
                    venue=PAPER,
                    call="stream",
                    heard=_HEARD[type(event)],
                    at=event.at,
                    reason="" if isinstance(event, PaperTriggered) else event.reason,
                    code="" if triggered else "VENUE_REJECTED",
                    price=event.price if isinstance(event, PaperTriggered) else None,
                )
                self._room.run(answer, origin)
            case _:
                pass

    def _fill(self, event: PaperTraded, bar: Bar, origin: Origin) -> None:
        fill = Fill(
            id=FillId(f"{PAPER}:{_ACCOUNT}:{event.trade_id}"),
            at=event.at,
            quantity=event.quantity,
            price=event.price,
            fee=event.fee,
        )
        command = RecordFill(
            order_id=event.order_id,
            fill=fill,
            venue=PAPER,
            venue_order_id=_name(event.order_id),
        )
        before = len(self._room.deeds)
        self._room.run(command, origin)
        # The exits of what it opened: approved with the fill, and nobody else hands them over.
        for said in self._room.events(before):
            if isinstance(said, OrderApproved):
                exit_order = self._room.orders.find(said.order_id)
                if exit_order is not None:
                    self.submit(exit_order, bar, origin)

    def _id(self, symbol: Symbol) -> str:
        known = self._ids.get(symbol)
        if known is None:
            known = self._ids[symbol] = book_id(self._portfolio_id, symbol)
        return known


def _name(order_id: OrderId) -> str:
    return f"{PAPER}-{order_id}"
