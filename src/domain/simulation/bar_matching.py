"""Trading a book against one bar, of which only four prices and a volume are known.

What is certain is used, and where the order of a bar's high and low decides, the worse is assumed:

1. At the open, in this order: stops that the market opens beyond (at the open, never at the stop
   price that was not traded), orders that take any price, limit orders that the open satisfies.
2. Then, before any limit order: stops that the bar reaches. In doubt the stop is hit first, so of a
   stop-loss and a take-profit in one bar the stop-loss is what happens.
3. Then limit orders that the bar touches, at their limit, the ones nearest the market first.

A trailing stop follows within the bar as well: from the open first, as if the bar went against it
at once; then from the bar's best price, as if it turned back from there. A stop-limit order that
triggers inside the bar trades there if the stop price satisfies its limit; otherwise only the
close, which certainly came later, can fill it in this bar.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from traderbot.domain.market.bars import Bar
from traderbot.domain.market.instrument import Instrument
from traderbot.domain.orders.ticket import OrderKind, Side, TimeInForce
from traderbot.domain.shared.decimals import EXACT, subtract
from traderbot.domain.shared.ids import OrderId
from traderbot.domain.shared.values import Price, Quantity
from traderbot.domain.simulation.book import Book
from traderbot.domain.simulation.events import PaperEvent
from traderbot.domain.simulation.fill_model import FillModel
from traderbot.domain.simulation.resting import (
    Resting,
    at_most,
    better_for_trail,
    can_trade,
    is_reached,
    trail_stop,
    within_limit,
)
from traderbot.domain.simulation.round import NOT_AT_ONCE, Round
from traderbot.domain.simulation.slippage import half_spread, moved

WOULD_TAKE = "it would trade at once, and may only stand in the book"


def meet_bar(
    book: Book, bar: Bar, model: FillModel, instrument: Instrument
) -> tuple[PaperEvent, ...]:
    """Return what one bar does to a book; nothing, if it was seen already or is another symbol's.

    An order is traded from the first bar on that opens at or after the instant it is active.
    """
    if bar.symbol != book.symbol or not book.working:
        return ()
    if book.seen_at is not None and bar.at < book.seen_at:
        return ()
    return _BarRound(book, bar, model, instrument).run()


class _BarRound:
    def __init__(self, book: Book, bar: Bar, model: FillModel, instrument: Instrument) -> None:
        self._bar = bar
        self._model = model
        self._instrument = instrument
        self._round = Round(book, model, instrument, at=bar.at, seen_at=bar.closes_at)
        self._left = model.share_of(bar.volume)  # of what the book may take; None is no cap
        self._stops: dict[OrderId, tuple[Price, Price]] = {}  # a trailing order's best and stop
        self._settled: set[OrderId] = set()  # triggered inside the bar: their limits are done with

    def run(self) -> tuple[PaperEvent, ...]:
        around = self._round
        around.expire(self._bar.at)
        active = [it.order_id for it in around.active()]
        self._stops_at_the_open(active)
        self._at_the_open(active)
        # A bar that ends after the order does is only sure of its open.
        lasting = [it for it in active if not self._ends_inside(it)]
        self._stops_inside(lasting)
        self._limits_inside(lasting)
        for order in self._still(active):
            if not order.waits and not order.takes_any_price:
                around.rest(order)
        around.expire(self._bar.closes_at)
        return tuple(around.events)

    # Stops ------------------------------------------------------------------------------------

    def _stops_at_the_open(self, active: list[OrderId]) -> None:
        opened = self._bar.open
        for order in self._still(active):
            if order.waits:
                if order.stop is not None and is_reached(order.ticket.side, order.stop, opened):
                    self._round.trigger(order, opened)
                elif order.ticket.kind is OrderKind.TRAILING_STOP:
                    self._follow(order, opened)

    def _stops_inside(self, active: list[OrderId]) -> None:
        for order in self._still(active):
            if not order.waits:
                continue
            stop = self._reached(order)
            if stop is not None:
                self._round.trigger(order, stop)
                self._after_trigger(order, stop)
            elif order.order_id in self._stops:
                self._round.move_trail(order, *self._stops[order.order_id])

    def _reached(self, order: Resting) -> Price | None:
        """Return the stop price that the bar reaches after its open."""
        side = order.ticket.side
        against = self._bar.high if side is Side.BUY else self._bar.low
        if order.ticket.kind is not OrderKind.TRAILING_STOP:
            assert order.stop is not None  # noqa: S101 - every stop order has one
            return order.stop if is_reached(side, order.stop, against) else None
        _, stop = self._stops[order.order_id]
        if is_reached(side, stop, against):
            return stop
        _, stop = self._follow(order, self._bar.low if side is Side.BUY else self._bar.high)
        return stop if is_reached(side, stop, against) else None

    def _follow(self, order: Resting, price: Price) -> tuple[Price, Price]:
        known, _ = self._stops.get(order.order_id, (order.best, None))
        best = better_for_trail(order.ticket.side, known, price)
        found = best, trail_stop(order.ticket, best, self._round.tick)
        self._stops[order.order_id] = found
        return found

    def _after_trigger(self, order: Resting, stop: Price) -> None:
        """Trade what the bar has just triggered."""
        ticket = order.ticket
        self._settled.add(order.order_id)
        if self._round.ends_reducing(order):
            return
        if can_trade(ticket.side, ticket.limit_price, stop):
            self._take(order, stop, slips=True)
        elif can_trade(ticket.side, ticket.limit_price, self._bar.close):
            assert ticket.limit_price is not None  # noqa: S101 - without one it could trade
            self._fill(order, ticket.limit_price, maker=True)

    # At the open ------------------------------------------------------------------------------

    def _at_the_open(self, active: list[OrderId]) -> None:
        for order in self._still(self._in_queue(active)):
            if order.waits:
                continue
            opened = moved(
                self._bar.open, order.ticket.side, self._half_spread(self._bar.open), self._tick
            )
            marketable = can_trade(order.ticket.side, order.ticket.limit_price, opened)
            if marketable and self._round.ends_reducing(order):
                continue
            if order.ticket.post_only and marketable and not order.rested:
                self._round.reject(order, "POST_ONLY", WOULD_TAKE)
            elif order.is_immediate and not self._all_or_enough(order, marketable=marketable):
                self._round.cancel(order, NOT_AT_ONCE)
            elif marketable:
                self._take(order, self._bar.open, slips=order.takes_any_price)
            left = self._round.current(order.order_id)
            if left is not None and left.is_immediate:
                self._round.cancel(left, NOT_AT_ONCE)

    def _all_or_enough(self, order: Resting, *, marketable: bool) -> bool:
        """Whether an immediate order may trade at all: FOK wants everything or nothing."""
        if not marketable:
            return False
        if order.ticket.time_in_force is not TimeInForce.FOK:
            return True
        wanted = self._round.wanted(order)
        return wanted == order.remaining and self._offered(wanted) == wanted

    def _take(self, order: Resting, price: Price, *, slips: bool) -> None:
        """Trade at a price of the bar, as far worse as taking costs, never beyond the limit."""
        triggered = self._round.book.working[order.order_id].triggered
        quantity = self._offered(self._round.wanted(order))
        if not quantity:
            return
        side, by = order.ticket.side, self._half_spread(price)
        if slips or triggered:
            by = EXACT.add(by, self._model.slippage.on_bar(price, quantity, self._bar))
        paid = within_limit(side, order.ticket.limit_price, moved(price, side, by, self._tick))
        self._trade(order, quantity, paid, maker=order.rested)

    # Limits inside the bar -----------------------------------------------------------------------

    def _limits_inside(self, active: list[OrderId]) -> None:
        for order in self._still(self._in_queue(active)):
            limit = order.ticket.limit_price
            if order.waits or limit is None or order.order_id in self._settled:
                continue
            if self._touches(order.ticket.side, limit) and not self._round.ends_reducing(order):
                self._fill(order, limit, maker=True)

    def _touches(self, side: Side, limit: Price) -> bool:
        extreme = self._bar.low if side is Side.BUY else self._bar.high
        offered = moved(extreme, side, self._half_spread(extreme), self._tick)
        return can_trade(side, limit, offered) and not (self._model.through and offered == limit)

    # Help ---------------------------------------------------------------------------------------

    def _fill(self, order: Resting, price: Price, *, maker: bool) -> None:
        quantity = self._offered(self._round.wanted(order))
        if quantity:
            self._trade(order, quantity, price, maker=maker)

    def _trade(self, order: Resting, quantity: Quantity, price: Price, *, maker: bool) -> None:
        if self._left is not None:
            self._left = subtract(self._left, quantity.value)
        self._round.trade(order, quantity, price, maker=maker)

    def _offered(self, wanted: Quantity) -> Quantity:
        """Return how much of what is wanted the cap leaves, in whole lots."""
        if self._left is None or wanted.value <= self._left:
            return wanted
        return at_most(wanted, self._instrument.whole_lots(self._left))

    def _by_price(self, order: Resting) -> tuple[int, Decimal, int]:
        """Sort by price and time: any price first, then the limit farthest beyond the open."""
        limit = order.ticket.limit_price
        if limit is None:
            return 0, Decimal(0), order.place
        opened = self._bar.open.value
        if order.ticket.side is Side.BUY:
            return 1, subtract(opened, limit.value), order.place
        return 1, subtract(limit.value, opened), order.place

    def _in_queue(self, active: list[OrderId]) -> list[OrderId]:
        """Return those that have not ended, by price and time."""
        return [it.order_id for it in sorted(self._still(active), key=self._by_price)]

    def _still(self, active: list[OrderId]) -> Iterator[Resting]:
        """Yield those that have not ended until it is their turn, as they are by then."""
        for order_id in active:
            order = self._round.current(order_id)
            if order is not None:
                yield order

    def _ends_inside(self, order_id: OrderId) -> bool:
        order = self._round.current(order_id)
        expires_at = None if order is None else order.expires_at
        return expires_at is not None and expires_at < self._bar.closes_at

    def _half_spread(self, price: Price) -> Decimal:
        return half_spread(price, self._model.spread_bps)

    @property
    def _tick(self) -> Price:
        return self._round.tick
