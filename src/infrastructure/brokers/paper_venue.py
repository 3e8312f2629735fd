"""The paper venue: a venue like any other, in this process, whose books are in the log.

It believes in nothing but its own books: a restart folds them again, so it knows every order it
ever took in, also those whose acknowledgement nobody recorded. Each portfolio has a book of its own
for each symbol, and trades as if it were alone in the market. What fills how is in
`domain/simulation`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from threading import Lock
from time import monotonic as real_monotonic
from typing import Final, TypeVar

from traderbot.application.errors import ExternalError, VenueUnavailableError
from traderbot.application.ports.bar_venue import BarNews, BarVenue, StopReached
from traderbot.application.ports.clock import Clock
from traderbot.application.ports.commands import Origin
from traderbot.application.ports.paper_desk import BookAfter, PaperBooks, PaperDesk
from traderbot.application.ports.venue import (
    Abilities,
    Absent,
    Acknowledged,
    ChangeAnswer,
    Connected,
    Denied,
    FindAnswer,
    Stream,
    SubmitAnswer,
    Unclear,
    VenueNews,
    VenueOrder,
    VenueStatus,
    VenueTrade,
    WorkingOrder,
)
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.instrument import Instrument, default_instrument
from traderbot.domain.orders.ticket import OrderKind, TimeInForce
from traderbot.domain.shared.decimals import ZERO, add
from traderbot.domain.shared.errors import DomainError
from traderbot.domain.shared.history import step
from traderbot.domain.shared.ids import OrderId, PortfolioId
from traderbot.domain.shared.values import Currency, Money, Symbol, currency
from traderbot.domain.simulation.bar_matching import meet_bar
from traderbot.domain.simulation.book import Book, Submission, Wanted, book_id
from traderbot.domain.simulation.depth_matching import meet_depth
from traderbot.domain.simulation.events import (
    PaperCanceled,
    PaperEvent,
    PaperExpired,
    PaperRejected,
    PaperTraded,
    PaperTriggered,
)
from traderbot.domain.simulation.fill_model import FillModel, Slippage, SlippageKind
from traderbot.domain.simulation.market import Depth
from traderbot.domain.simulation.record import records_of
from traderbot.infrastructure.brokers.paper_records import PaperRecords
from traderbot.infrastructure.brokers.paper_words import (
    NAME,
    told_order,
    told_trade,
    told_working,
)

_R = TypeVar("_R")
ACCOUNT: Final = "main"
_LOOK_SECONDS: Final = 0.05  # how long another process's new order may stay unseen
_NOBODY: Final = PortfolioId("0" * 36)
_PORTFOLIO_LENGTH: Final = len(_NOBODY) + 1  # of a book's id; the rest is the symbol
_ABILITIES = Abilities(
    kinds=frozenset(OrderKind),
    durations=frozenset(TimeInForce),
    post_only=True,
    reduce_only=True,
    amend=True,
    stream=True,
    dead_man=False,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What trading costs, in hundredths of a percent: of the notional, and of the price."""

    fee_bps: Decimal = Decimal(10)
    slippage_bps: Decimal = Decimal(5)

    @property
    def model(self) -> FillModel:
        """The fill model with these costs, and nothing else that costs or delays."""
        kind = SlippageKind.BPS if self.slippage_bps else SlippageKind.NONE
        return FillModel(
            maker_fee_bps=self.fee_bps,
            taker_fee_bps=self.fee_bps,
            slippage=Slippage(kind, self.slippage_bps),
        )


class PaperVenue(BarVenue):
    """`Venue` that is shown bars and quotes, and trades its books against them."""

    name = NAME

    def __init__(
        self,
        desk: PaperDesk,
        books: PaperBooks,
        clock: Clock,
        model: FillModel | None = None,
        *,
        account: str = ACCOUNT,
        funds: Callable[[], Mapping[Currency, Decimal]] | None = None,
        monotonic: Callable[[], float] = real_monotonic,
    ) -> None:
        """Keep the books by `desk` and read them by `books`.

        `funds` says what was paid into the account; its trades' cash is added to that.
        """
        self._desk = desk
        self._books = books
        self._clock = clock
        self._model = model or FillModel()
        self._account = account
        self._funds = funds or dict
        self._monotonic = monotonic
        self._lock = Lock()
        self._known: dict[str, Book] = {}
        self._heads: dict[str, int] = {}
        self._ended = PaperRecords(self._read)
        self._look_at = float("-inf")
        self._listeners: list[Callable[[VenueNews], None]] = []

    @property
    def account(self) -> str:
        """The account's name, part of every fill's identity."""
        return self._account

    @property
    def abilities(self) -> Abilities:
        """Everything there is, but for a dead man's switch."""
        return _ABILITIES

    @property
    def model(self) -> FillModel:
        """What it assumes when it fills."""
        return self._model

    @property
    def books(self) -> PaperBooks:
        """Where it reads its books."""
        return self._books

    def instrument(self, symbol: Symbol) -> Instrument | None:
        """Return the steps assumed of every symbol nobody described."""
        return default_instrument(symbol)

    # Orders -----------------------------------------------------------------------------------

    def submit(self, order: WorkingOrder) -> SubmitAnswer:  # noqa: PLR0911 - one for each answer
        """Take an order in. Asked twice, it answers twice, whatever became of it meanwhile."""
        if order.filled:
            reason = f"{order.filled} of it is traded elsewhere; send the rest as an order"
            return Denied(code="PARTLY_FILLED", reason=reason, raw="")
        submission = Submission(
            order_id=order.order_id,
            client_order_id=_client_id(order),
            ticket=order.ticket,
            placed_at=order.placed_at,
        )
        try:
            after = self._take(order, self._desk.submit(submission, self._model.latency))
        except ExternalError as error:
            return Unclear(cause=str(error))
        except DomainError as error:
            return Denied(code=error.code, reason=str(error), raw="")
        rejected = after.events[-1] if after.events else None
        if isinstance(rejected, PaperRejected):
            return Denied(code=rejected.code, reason=rejected.reason, raw=rejected.code)
        resting = None if after.book is None else after.book.working.get(order.order_id)
        if resting is not None:
            return Acknowledged(order=told_working(resting))
        found = self.find(order)
        if isinstance(found, Absent):
            return Unclear(cause="it was taken in, and is not there", raw=found.raw)
        if isinstance(found, Acknowledged) and found.order.status is VenueStatus.REJECTED:
            return Denied(code="REJECTED", reason=found.order.reason, raw=found.order.raw)
        return found

    def cancel(self, order: WorkingOrder) -> ChangeAnswer:
        """Take an order out at once; one that ended before is answered as it ended."""
        id_ = _book_id(order)
        try:
            before = self._known.get(id_)
            after = self._take(order, self._desk.cancel(id_, order.order_id, "asked for"))
            news = self._news(before, after)
        except ExternalError as error:
            return Unclear(cause=str(error))
        self._tell(news)
        canceled = news[0] if news else None
        if isinstance(canceled, VenueOrder):
            return Acknowledged(order=canceled)
        return self.find(order)

    def amend(self, order: WorkingOrder) -> ChangeAnswer:
        """Change an order as `order.amendment` says."""
        asked = order.amendment
        if asked is None:
            return Denied(code="NOTHING_ASKED", reason="no change is asked for", raw="")
        wanted = Wanted(
            quantity=asked.quantity, limit_price=asked.limit_price, stop_price=asked.stop_price
        )
        try:
            self._take(
                order,
                self._desk.amend(_book_id(order), order.order_id, wanted, self._model.latency),
            )
        except ExternalError as error:
            return Unclear(cause=str(error))
        except DomainError as error:
            found = self.find(order)
            if isinstance(found, Acknowledged):
                return Denied(code=error.code, reason=str(error), raw=found.order.raw)
            return found
        return self.find(order)

    def find(self, order: WorkingOrder) -> FindAnswer:
        """Return the order as the book has it, or as the log says that it ended."""
        id_ = _book_id(order)
        try:
            book = self._catch_up(id_)
            if book is None or not book.knows(order.order_id):
                return Absent(raw=f"no order {_client_id(order)}")
            resting = book.working.get(order.order_id)
            if resting is not None:
                return Acknowledged(order=told_working(resting))
            record = self._ended.of(id_, order.order_id)
            if record is None:
                return Absent(raw=f"no order {_client_id(order)}")
        except ExternalError as error:
            return Unclear(cause=str(error))
        return Acknowledged(order=told_order(record, order.ticket, _client_id(order)))

    def open_orders(self) -> Sequence[VenueOrder]:
        """Return every order that works. Raises VenueUnavailableError."""
        return [told_working(resting) for _, book in self._all_books() for resting in book.queue()]

    def trades(self, symbol: Symbol, since: datetime | None = None) -> Sequence[VenueTrade]:
        """Return the account's trades, oldest first. Raises VenueUnavailableError.

        A bar's trades bear the instant it opened and are known when it is over: `since` is held
        against the instant at which they were recorded.
        """
        found = [
            it
            for id_, _ in self._all_books(symbol)
            for it in self._asked(partial(self._books.trades, id_, since))
        ]
        found.sort(key=lambda it: it.recorded_at)
        return [told_trade(it.trade, symbol) for it in found]

    # The account --------------------------------------------------------------------------------

    def balances(self) -> Mapping[Currency, Decimal]:
        """Return what was paid in and what trading made of it. Raises VenueUnavailableError."""
        found = dict(self._funds())
        for _, book in self._all_books():
            quote = book.symbol.quote
            found[quote] = add(found.get(quote, ZERO), book.cash.amount)
            if book.symbol.is_pair:
                base = currency(book.symbol.code.partition("/")[0])
                found[base] = add(found.get(base, ZERO), book.position)
        return found

    def positions(self) -> Mapping[Symbol, Decimal]:
        """Return what is held of each symbol, by all books. Raises VenueUnavailableError."""
        held: dict[Symbol, Decimal] = {}
        for _, book in self._all_books():
            held[book.symbol] = add(held.get(book.symbol, ZERO), book.position)
        return {symbol: position for symbol, position in held.items() if position}

    def fees(self) -> Mapping[Currency, Money]:
        """Return what trading has cost so far, by currency. Raises VenueUnavailableError."""
        paid: dict[Currency, Money] = {}
        for _, book in self._all_books():
            quote = book.symbol.quote
            paid[quote] = paid.get(quote, Money.zero(quote)) + book.fees
        return paid

    def server_time(self) -> datetime:
        """Return the program's own clock."""
        return self._clock.now()

    def cancel_all(self) -> bool:
        """Take every order out. False: not all of it is known to have happened."""
        try:
            for id_, book in self._all_books():
                for resting in book.queue():
                    after = self._desk.cancel(id_, resting.order_id, "all were asked for")
                    self._keep(id_, after.book)
                    self._tell(self._news(book, after))
        except ExternalError:
            return False
        return True

    def keep_alive(self, seconds: int) -> bool:
        """Say no: it dies with whoever would have to be watched."""
        del seconds
        return False

    @contextmanager
    def follow(self, hear: Callable[[VenueNews], None]) -> Iterator[Stream]:
        """Tell of trades and ends, by the thread that brings the bar. It is never disconnected.

        Only what is traded through this object is told; other processes have their own.
        """
        self._listeners.append(hear)
        hear(Connected(at=self._clock.now()))
        try:
            yield _Stream()
        finally:
            self._listeners.remove(hear)

    # The market -----------------------------------------------------------------------------------

    def working(self, symbol: Symbol) -> Sequence[OrderId]:
        """Return the orders it has working of a symbol. Raises VenueUnavailableError."""
        return [order_id for _, book in self._recent(symbol) for order_id in book.working]

    def forget(self, order_id: OrderId, symbol: Symbol) -> None:
        """Cancel an order nobody counts on any more."""
        for id_, book in self._recent(symbol):
            if order_id in book.working:
                after = self._desk.cancel(id_, order_id, "nobody counts on it any more")
                self._keep(id_, after.book)

    def on_bar(self, bar: Bar, origin: Origin | None = None) -> Sequence[BarNews]:
        """Trade every book of the symbol against a bar. What it cannot change costs no command."""
        return self._meet(bar, origin)

    def on_depth(self, depth: Depth, origin: Origin | None = None) -> Sequence[BarNews]:
        """Trade every book of the symbol against a quote or an order book."""
        return self._meet(depth, origin)

    def on_clock(self) -> Sequence[BarNews]:
        """Let end what was good until now at most, where no market is seen that would say so."""
        now = self._clock.now()
        news: list[BarNews] = []
        for id_, book in self._all_books():
            if book.pass_time(now):
                after = self._desk.pass_time(id_, now)
                self._keep(id_, after.book)
                news += self._news(book, after)
        self._tell(news)
        return news

    def _meet(self, seen: Bar | Depth, origin: Origin | None) -> Sequence[BarNews]:
        news: list[BarNews] = []
        for id_, book in self._recent(seen.symbol):
            if book.working and _changes(book, seen, self._model):
                after = self._desk.meet(id_, seen, self._model, origin)
                self._keep(id_, after.book)
                news += self._news(book, after)
        self._tell(news)
        return news

    # The books ----------------------------------------------------------------------------------

    def _all_books(self, symbol: Symbol | None = None) -> list[tuple[str, Book]]:
        """Return the books as they are on record now, in the order of their ids."""
        self._look_at = float("-inf")
        return self._recent(symbol)

    def _recent(self, symbol: Symbol | None) -> list[tuple[str, Book]]:
        """Return the books as they were a moment ago; what this object did since is in them."""
        now = self._monotonic()
        if now >= self._look_at:
            heads = self._asked(self._books.heads)
            with self._lock:
                self._heads = {**self._heads, **heads}
                self._look_at = now + _LOOK_SECONDS
        if not self._heads:
            return []
        ending = None if symbol is None else book_id(_NOBODY, symbol)[_PORTFOLIO_LENGTH:]
        found = []
        for id_, version in sorted(self._heads.items()):
            if ending is None or id_[_PORTFOLIO_LENGTH:] == ending:
                known = self._known.get(id_)
                book = known if known and known.version >= version else self._catch_up(id_)
                if book is not None:
                    found.append((id_, book))
        return found

    def _catch_up(self, id_: str) -> Book | None:
        book = self._known.get(id_)
        for _, event in self._read(id_, 0 if book is None else book.version):
            book = step(Book.begin, book, event)
        self._keep(id_, book)
        return book

    def _take(self, order: WorkingOrder, after: BookAfter) -> BookAfter:
        self._keep(_book_id(order), after.book)
        return after

    def _keep(self, id_: str, book: Book | None) -> None:
        """Remember a book as it was made; a later one stays."""
        if book is None:
            return
        with self._lock:
            known = self._known.get(id_)
            if known is None or known.version < book.version:
                self._known[id_] = book
                self._heads[id_] = max(self._heads.get(id_, 0), book.version)

    def _read(self, id_: str, after: int = 0) -> Sequence[tuple[datetime, PaperEvent]]:
        return self._asked(lambda: self._books.events(id_, after))

    def _asked(self, ask: Callable[[], _R]) -> _R:
        try:
            return ask()
        except VenueUnavailableError:
            raise
        except ExternalError as error:
            msg = f"the paper venue's books cannot be read: {error}"
            raise VenueUnavailableError(msg) from error

    # News -----------------------------------------------------------------------------------------

    def _news(self, before: Book | None, after: BookAfter) -> list[BarNews]:
        """Return what others have to know of what happened to a book since it was `before`."""
        book = after.book
        if book is None or not after.events:
            return []
        working = [] if before is None else before.working.values()
        records = records_of(after.events, working)
        if any(record.ticket is None for record in records.values()):  # of another process
            records = dict(self._ended.all(book_id(book.portfolio_id, book.symbol)))
        told: list[BarNews] = []
        for event in after.events:
            if isinstance(event, PaperTriggered):
                told.append(StopReached(order_id=event.order_id, at=event.at, price=event.price))
            elif isinstance(event, PaperTraded):
                told.append(told_trade(event, book.symbol))
            elif isinstance(event, PaperCanceled | PaperExpired | PaperRejected):
                record = records[event.order_id]
                assert record.ticket is not None  # noqa: S101 - it worked, so it came in
                told.append(told_order(record, record.ticket, record.client_order_id))
        return told

    def _tell(self, news: Sequence[BarNews]) -> None:
        for it in news:
            if not isinstance(it, StopReached):
                for hear in tuple(self._listeners):
                    hear(it)


class _Stream:
    """The stream of a venue in this process: it cannot break."""

    quiet_seconds = 0.0
    connected = True


def _changes(book: Book, seen: Bar | Depth, model: FillModel) -> bool:
    """Whether a market would do anything to a book."""
    instrument = default_instrument(book.symbol)
    if isinstance(seen, Bar):
        return bool(meet_bar(book, seen, model, instrument))
    return bool(meet_depth(book, seen, model, instrument))


def _book_id(order: WorkingOrder) -> str:
    return book_id(order.ticket.portfolio_id, order.ticket.symbol)


def _client_id(order: WorkingOrder) -> str:
    return order.client_order_id or order.order_id.replace("-", "")
