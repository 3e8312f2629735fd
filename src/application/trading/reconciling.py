"""Comparing our books with the venue's, order by order and trade by trade.

What the venue says is a fact and is booked; what cannot be booked is an alarm. A second pass over
an unchanged venue records nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from traderbot.application.commands.venue_accounts import ComparePosition
from traderbot.application.errors import ExternalError
from traderbot.application.ports.venue import (
    Absent,
    Acknowledged,
    ForeignOrder,
    VenueOrder,
    VenueStatus,
    WorkingOrder,
)
from traderbot.application.trading.alarms import Alarm, AlarmKind
from traderbot.application.trading.booking import Booking
from traderbot.application.trading.hearing import order_id_of
from traderbot.domain.orders.lifecycle import OrderStatus
from traderbot.domain.shared.decimals import ZERO, plain, subtract, sum_of
from traderbot.domain.shared.ids import OrderId
from traderbot.domain.shared.values import Currency, Symbol, currency, symbol

_log = logging.getLogger(__name__)
_LOOK_BACK = timedelta(days=1)  # trades of orders that ended before we went down
_OVERLAP = timedelta(minutes=5)
_ALL_EVERY = 10  # passes: the trades of all symbols are asked for, not only of what moves


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What one pass found. `complete`: the venue answered everything it was asked.

    `unsettled`: a position was another one than before; look again soon.
    """

    complete: bool
    unsettled: bool = False
    orders: int = 0
    trades: int = 0
    alarms: int = 0
    cause: str = ""


@dataclass(slots=True)
class Reconciling:
    """Reconciles one venue."""

    booking: Booking
    _active: set[Symbol] = field(default_factory=set)  # whose trades the next pass asks for
    _known: set[Symbol] = field(default_factory=set)  # whose positions are compared
    _gaps: dict[Symbol, Decimal] = field(default_factory=dict)  # theirs less ours, the last time
    _well: dict[Symbol, Decimal] = field(default_factory=dict)  # the gap that was there before us
    _absent: set[OrderId] = field(default_factory=set)  # of which the last pass heard so
    _passes: int = 0
    _unsettled: bool = False
    _until: datetime | None = None  # trades are booked up to here

    def run(self, ours: Sequence[WorkingOrder]) -> Reconciled:
        """Compare everything. It never raises: a venue that is away makes it incomplete."""
        try:
            return self._run(ours)
        except ExternalError as error:
            return Reconciled(complete=False, cause=str(error))
        except Exception as error:  # noqa: BLE001 - what a venue says may be anything
            _log.exception("%s: the books could not be compared", self.booking.hearing.venue.name)
            return Reconciled(complete=False, cause=f"{type(error).__name__}: see the log")

    def _run(self, ours: Sequence[WorkingOrder]) -> Reconciled:
        hearing = self.booking.hearing
        began = hearing.venue.server_time()  # its own clock: ours may be elsewhere
        if self._passes % _ALL_EVERY == 0:
            self._known.update(hearing.views.symbols_traded())
            self._active.update(self._known)
        self._passes += 1
        theirs = list(hearing.venue.open_orders())
        alarms = sum(not self._take_listed(it) for it in theirs)
        listed = {it.client_order_id for it in theirs if isinstance(it, VenueOrder)}
        complete, absent = True, set[OrderId]()
        for order in ours:
            self._active.add(order.ticket.symbol)
            if order.client_order_id not in listed and order.status in _SENT:
                found = hearing.venue.find(order)
                if isinstance(found, Acknowledged):
                    complete &= self.booking.take(found.order, "find", order.placed_at)
                elif isinstance(found, Absent):
                    absent.add(order.order_id)
                    alarms += self._missing(order, found.raw)
                else:
                    complete = False
        self._absent = absent
        since = (self._until or began - _LOOK_BACK) - _OVERLAP
        trades = sum(self.booking.trades(symbol, since) for symbol in sorted(self._active))
        if complete:
            self._until = began
            self._known.update(self._active)
            self._active = set()  # it waits for its next order, unless something is suspected
            alarms += self._compare_positions()
        return Reconciled(
            complete=complete,
            orders=len(theirs),
            trades=trades,
            alarms=alarms,
            unsettled=self._unsettled,
        )

    def _compare_positions(self) -> int:
        """Compare what is held, now that all that is known to have been traded is booked."""
        hearing = self.booking.hearing
        theirs = hearing.venue.positions()
        counted_in = hearing.venue.abilities.counted_in
        wrong, self._unsettled = 0, False
        for it in sorted(self._known):
            if it.is_pair and (counted_in is not None or it not in theirs):
                continue  # counted by coin below; or nothing is said of it
            wrong += not self._agrees(it, theirs.get(it, ZERO), hearing.views.held(it))
        if counted_in is not None:  # one coin may be traded in many pairs, and be paid with
            for coin in sorted(coins_of(self._known) - {counted_in}):
                held = theirs.get(pair := pair_of(coin, counted_in), ZERO)
                wrong += not self._agrees(pair, held, self._of_coin(coin))
        return wrong

    def _of_coin(self, coin: Currency) -> Decimal:
        """Return what our books have of a coin: as cash, and bought in any pair."""
        held = self.booking.hearing.views.held
        cash = held(pair_of(coin, coin))  # no such pair is traded, so it is all cash
        pairs = [it for it in self._known if it.is_pair and base_of(it) == coin]
        return sum_of([cash, *(subtract(held(it), cash) for it in pairs)])

    def _agrees(self, symbol: Symbol, theirs: Decimal, ours: Decimal) -> bool:
        hearing = self.booking.hearing
        gap = subtract(theirs, ours)
        before, self._gaps[symbol] = self._gaps.get(symbol), gap
        if before != gap:  # something is traded between two questions: only what stays counts
            self._active.update(self._moving(symbol))
            self._unsettled = True
            return True
        if self._well.get(symbol) == gap:
            return True  # as the last time, when all was well
        venue = hearing.venue
        compared = ComparePosition(
            venue=venue.name, account=venue.account, symbol=symbol, theirs=theirs, ours=ours
        )
        more = hearing.executor.run(compared, hearing.origin)
        key = f"position:{symbol}"
        if not more:
            self._well[symbol] = gap
            hearing.over(key)
            return True
        self._active.update(self._moving(symbol))
        self._well.pop(symbol, None)
        hearing.alarms(
            Alarm(
                kind=AlarmKind.POSITION,
                venue=venue.name,
                key=key,
                sentence=f"{venue.name} holds {plain(more)} {symbol} more than our books say",
                raw=f"{symbol} {plain(theirs)}",
            )
        )
        return False

    def _moving(self, held: Symbol) -> set[Symbol]:
        """Return whose trades change what is held under this name."""
        if self.booking.hearing.venue.abilities.counted_in is None or not held.is_pair:
            return {held}
        coin = base_of(held)
        return {it for it in self._known if it.is_pair and coin in {base_of(it), it.quote}}

    def also_of(self, symbols: Sequence[Symbol]) -> None:
        """Ask for the trades of these too in the next pass, though no order may work by then."""
        self._active.update(symbols)

    def _take_listed(self, it: VenueOrder | ForeignOrder) -> bool:
        """Take in an order that works at the venue; False if it should not."""
        hearing = self.booking.hearing
        if isinstance(it, ForeignOrder):
            return self._alarm(AlarmKind.FOREIGN_ORDER, it, f"of {it.name!r:.60} is not ours")
        order_id = order_id_of(it.client_order_id)
        view = None if order_id is None else hearing.views.order(None, order_id)
        self._active.add(it.symbol)
        if view is None or order_id is None:
            return self._alarm(AlarmKind.FOREIGN_ORDER, it, "was not sent by this program")
        self.booking.take(it, "list", view.placed_at)
        after = hearing.views.order(None, order_id)
        if after is None or OrderStatus(after.status).is_open:
            return True
        # A listing may be older than what was heard since: only the venue's newest word counts.
        sent = hearing.views.sent_order(order_id)
        found = None if sent is None else hearing.venue.find(sent)
        if not isinstance(found, Acknowledged) or found.order.status is not VenueStatus.WORKING:
            return True
        if sent is not None:  # it shall not live where nobody counts on it any more
            hearing.venue.cancel(sent)
        return self._alarm(AlarmKind.ORDER_ALIVE, it, f"is {after.status} here", order_id)

    def _missing(self, order: WorkingOrder, raw: str) -> bool:
        if order.status.is_doubtful:
            return False  # `asking` has this in hand, and counts its proofs
        if order.order_id not in self._absent:
            return False  # said once, it may only be too early
        self.booking.hearing.alarms(
            Alarm(
                kind=AlarmKind.ORDER_MISSING,
                venue=self.booking.hearing.venue.name,
                key=f"{order.order_id}:missing",
                sentence=f"order {order.order_id} is {order.status} here, unknown to the venue",
                order_id=order.order_id,
                raw=raw,
            )
        )
        return True

    def _alarm(
        self,
        kind: AlarmKind,
        it: VenueOrder | ForeignOrder,
        what: str,
        order_id: OrderId | None = None,
    ) -> bool:
        venue = self.booking.hearing.venue.name
        self.booking.hearing.alarms(
            Alarm(
                kind=kind,
                venue=venue,
                key=f"{it.venue_order_id}:{kind.value}",
                sentence=f"order {it.venue_order_id} works at {venue} and {what}",
                order_id=order_id,
                raw=it.raw,
            )
        )
        return False


def base_of(pair: Symbol) -> Currency:
    """Return the coin that a pair buys."""
    return currency(pair.code.partition("/")[0])


def pair_of(coin: Currency, counted_in: Currency) -> Symbol:
    """Return the name under which a coin's total is compared."""
    return symbol(f"{coin}/{counted_in}")


def coins_of(symbols: Iterable[Symbol]) -> set[Currency]:
    """Return every coin that trading these pairs moves."""
    pairs = [it for it in symbols if it.is_pair]
    return {base_of(it) for it in pairs} | {it.quote for it in pairs}


_SENT = frozenset(
    {
        OrderStatus.SUBMITTING,
        OrderStatus.UNKNOWN,
        OrderStatus.UNCONFIRMED,
        OrderStatus.ACCEPTED,
        OrderStatus.PARTIALLY_FILLED,
        OrderStatus.PENDING_CANCEL,
    }
)
