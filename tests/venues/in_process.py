"""The book as a venue in the test's own process: the same truth and faults, without a wire.

Time does not pass by itself: `Time.pass_` moves the clock and whatever is paced by it, so that
minutes of asking again take no time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from tests.venues.book import Book, BookError
from tests.venues.faults import Call, Fault, Faults, Rule
from tests.venues.orders import (
    Entry,
    Kind,
    Lasting,
    Listing,
    Order,
    Status,
    Trade,
    What,
    Wish,
)
from tests.venues.orders import Side as TheirSide
from traderbot.application.errors import VenueUnavailableError
from traderbot.application.ports.venue import (
    Abilities,
    Absent,
    Acknowledged,
    ChangeAnswer,
    Denied,
    FindAnswer,
    NotSent,
    Stream,
    SubmitAnswer,
    Unclear,
    VenueNews,
    VenueOrder,
    VenueStatus,
    VenueTrade,
    WorkingOrder,
)
from traderbot.domain.market.instrument import Instrument, default_instrument
from traderbot.domain.orders.ticket import OrderKind, Side, TimeInForce
from traderbot.domain.shared.values import (
    Currency,
    Money,
    Price,
    Quantity,
    Symbol,
    currency,
    symbol,
)

KEY = "account"
START = datetime(2025, 1, 2, 12, tzinfo=UTC)
_KINDS = {
    OrderKind.MARKET: Kind.MARKET,
    OrderKind.LIMIT: Kind.LIMIT,
    OrderKind.STOP: Kind.STOP,
    OrderKind.STOP_LIMIT: Kind.STOP_LIMIT,
}
_LASTING = {
    TimeInForce.GTC: Lasting.GTC,
    TimeInForce.DAY: Lasting.DAY,
    TimeInForce.IOC: Lasting.IOC,
    TimeInForce.FOK: Lasting.FOK,
}
_STATUS = {
    Status.NEW: VenueStatus.WORKING,
    Status.PARTIAL: VenueStatus.WORKING,
    Status.FILLED: VenueStatus.FILLED,
    Status.PENDING_CANCEL: VenueStatus.WORKING,
    Status.CANCELED: VenueStatus.CANCELED,
    Status.EXPIRED: VenueStatus.EXPIRED,
    Status.REJECTED: VenueStatus.REJECTED,
}
_UNREADABLE = frozenset({Fault.GARBAGE, Fault.STRANGE_STATUS, Fault.NO_ID, Fault.LATE, Fault.RESET})


class Time:
    """A clock, and a stopwatch that goes with it."""

    def __init__(self, at: datetime = START) -> None:
        self._at = at
        self.seconds = 0.0

    def now(self) -> datetime:
        return self._at

    def monotonic(self) -> float:
        return self.seconds

    def pass_(self, seconds: float) -> None:
        self.seconds += seconds
        self._at += timedelta(seconds=seconds)


class BookVenue:
    """`Venue` over a book in this process."""

    name = "book"
    account = "main"
    abilities = Abilities(
        kinds=frozenset(_KINDS), durations=frozenset(_LASTING), post_only=True, stream=True
    )

    def __init__(self, time: Time, seed: int = 0, *, never_again: bool = True) -> None:
        """Trade AAPL for dollars, with more money than anybody needs."""
        listing = Listing(symbol="AAPL", base="AAPL", quote="USD", lot=Decimal(1))
        self.time = time
        self.book = Book([listing], ids_are_unique_for_ever=never_again, clock=time.now)
        self.book.open_account(KEY, "secret", {"USD": Decimal(10**9), "AAPL": Decimal(0)})
        self.faults = Faults(seed)
        self.late: list[Callable[[], object]] = []
        self.submissions = 0
        self._hear: Callable[[VenueNews], None] = lambda _news: None
        self.book.listeners.append(self._say)
        self._held: list[VenueNews] = []

    def instrument(self, symbol: Symbol) -> Instrument | None:
        return default_instrument(symbol)

    def submit(self, order: WorkingOrder) -> SubmitAnswer:
        self.submissions += 1
        rule = self.faults.draw(Call.SUBMIT)
        before = _before(rule)
        if before is not None:
            return before
        if rule is not None and rule.fault is Fault.EFFECT_LATE:
            self.late.append(lambda: self._try_submit(order))
            return Unclear(cause="time-out")
        try:
            made = self.book.submit(KEY, self._wish(order))
        except BookError as error:
            if error.why == "DUPLICATE":
                return Unclear(cause="duplicate client order id", raw=str(error))
            return Denied(code=error.why, reason=str(error), raw=str(error))
        return self._answer(rule, made)

    def _try_submit(self, order: WorkingOrder) -> None:
        with suppress(BookError):
            self.book.submit(KEY, self._wish(order))

    def cancel(self, order: WorkingOrder) -> ChangeAnswer:
        rule = self.faults.draw(Call.CANCEL)
        before = _before(rule)
        if before is not None:
            return before
        found = self.book.by_client_id(KEY, order.client_order_id)
        if found is None:
            return Absent(raw="no such order")
        try:
            return self._answer(rule, self.book.cancel(KEY, found))
        except BookError as error:
            return Denied(code=error.why, reason=str(error), raw=str(error))

    def amend(self, order: WorkingOrder) -> ChangeAnswer:  # noqa: ARG002 - the port's
        return Denied(code="UNSUPPORTED", reason="this venue changes nothing", raw="-")

    def find(self, order: WorkingOrder) -> FindAnswer:
        rule = self.faults.draw(Call.QUERY)
        if rule is not None:
            return Unclear(cause=rule.fault.value, raw=rule.body)
        found = self.book.by_client_id(KEY, order.client_order_id)
        if found is None:
            return Absent(raw="no such order")
        return Acknowledged(order=_order(found))

    def open_orders(self) -> Sequence[VenueOrder]:
        self._may_fail()
        return [_order(it) for it in self.book.open_orders(KEY)]

    def trades(self, symbol: Symbol, since: datetime | None = None) -> Sequence[VenueTrade]:
        self._may_fail()
        shown = [
            _trade(order, trade)
            for order in self.book.orders(KEY, symbol.code)
            for trade in order.trades
            if since is None or trade.at >= since
        ]
        return sorted(shown, key=lambda it: int(it.trade_id))

    def balances(self) -> Mapping[Currency, Decimal]:
        self._may_fail()
        held = self.book.accounts[KEY].balances
        return {currency(asset): it.total for asset, it in held.items()}

    def positions(self) -> Mapping[Symbol, Decimal]:
        self._may_fail()
        return {symbol("AAPL"): self.book.accounts[KEY].balance("AAPL").total}

    def server_time(self) -> datetime:
        return self.time.now()

    def cancel_all(self) -> bool:
        self.book.cancel_all(KEY)
        return True

    def keep_alive(self, seconds: int) -> bool:  # noqa: ARG002 - the port's
        return False

    @contextmanager
    def follow(self, hear: Callable[[VenueNews], None]) -> Iterator[Stream]:
        self._hear = hear
        yield _Quiet()

    def speak(self) -> None:
        """Say what was held back, as the faults have it."""
        held, self._held = self._held, []
        if self.faults.in_force(Fault.REVERSED):
            held.reverse()
        if self.faults.in_force(Fault.SHUFFLED):
            self.faults.random.shuffle(held)
        for news in held:
            self._hear(news)

    def do_late(self) -> None:
        """Let what was only late have its effect."""
        late, self.late = self.late, []
        for effect in late:
            effect()

    def _answer(self, rule: Rule | None, made: Order) -> Acknowledged | Unclear:
        if rule is not None:  # whatever is left of the faults strikes after the effect
            return Unclear(cause=rule.fault.value, raw=rule.body)
        return Acknowledged(order=_order(made))

    def _may_fail(self) -> None:
        if self.faults.draw(Call.LIST) is not None:
            msg = "the venue did not answer"
            raise VenueUnavailableError(msg)

    def _wish(self, order: WorkingOrder) -> Wish:
        ticket = order.ticket
        return Wish(
            listing=self.book.listings[ticket.symbol.code],
            side=TheirSide(ticket.side.value),
            kind=_KINDS[ticket.kind],
            quantity=ticket.quantity.value,
            client_id=order.client_order_id,
            price=ticket.limit_price.value if ticket.limit_price else None,
            stop_price=ticket.stop_price.value if ticket.stop_price else None,
            lasting=_LASTING[ticket.time_in_force],
            post_only=ticket.post_only,
        )

    def _say(self, entry: Entry) -> None:
        faults = self.faults
        if faults.in_force(Fault.LOST) or faults.in_force(Fault.SILENT):
            return
        news: list[VenueNews] = []
        if entry.trade is not None:
            news.append(_trade(entry.order, entry.trade))
        if entry.what is not What.TRIGGERED:
            news.append(_order(entry.order))
        self._held += news * (2 if faults.in_force(Fault.DOUBLED) else 1)


class _Quiet:
    quiet_seconds = 0.0
    connected = True


def _before(rule: Rule | None) -> Denied | NotSent | Unclear | None:
    """Return the answer of a call that has no effect, None if it has one."""
    if rule is None:
        return None
    match rule.fault:
        case Fault.REFUSE:
            return Denied(code="REFUSED", reason=f"HTTP {rule.status}", raw=rule.body)
        case Fault.TOO_MANY:
            return NotSent(reason="HTTP 429", retry_after_seconds=rule.retry_after)
        case Fault.ERROR_BEFORE | Fault.TIMEOUT_BEFORE | Fault.RESET_BEFORE | Fault.SILENT:
            return Unclear(cause=rule.fault.value)
        case _:
            return None


def _order(it: Order) -> VenueOrder:
    wish = it.wish
    return VenueOrder(
        venue_order_id=str(it.id),
        client_order_id=it.client_id,
        symbol=symbol(it.listing.symbol),
        side=Side(it.side.value),
        quantity=Quantity(it.quantity),
        filled=Quantity(it.filled),
        status=_STATUS[it.status],
        at=it.changed_at,
        raw=f"order {it.id} {it.status.value} {it.filled}",
        limit_price=Price(wish.price) if wish.price else None,
        stop_price=Price(wish.stop_price) if wish.stop_price else None,
    )


def _trade(order: Order, it: Trade) -> VenueTrade:
    return VenueTrade(
        trade_id=str(it.id),
        venue_order_id=str(it.order_id),
        client_order_id=order.client_id,
        symbol=symbol(order.listing.symbol),
        side=Side(order.side.value),
        quantity=Quantity(it.quantity),
        price=Price(it.price),
        fee=Money(it.fee, it.fee_asset),
        at=it.at,
        raw=f"trade {it.id}",
    )
