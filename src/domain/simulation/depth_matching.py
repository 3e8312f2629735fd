"""Trading a book against a quote or the levels of an order book.

Buyers take from the asks and sellers from the bids, best level first, each level at its own price;
what one order takes is gone for the next. A stop to sell watches the bid, a stop to buy the ask,
and trades at what is there, however far beyond. An order that stood in the book before trades at
its own limit: the market came to it.
"""

from __future__ import annotations

from decimal import Decimal

from traderbot.domain.market.instrument import Instrument
from traderbot.domain.orders.ticket import OrderKind, Side, TimeInForce
from traderbot.domain.shared.decimals import add, negate, subtract
from traderbot.domain.shared.values import Price, Quantity
from traderbot.domain.simulation.bar_matching import WOULD_TAKE
from traderbot.domain.simulation.book import Book
from traderbot.domain.simulation.events import PaperEvent
from traderbot.domain.simulation.fill_model import FillModel
from traderbot.domain.simulation.market import Depth
from traderbot.domain.simulation.resting import (
    Resting,
    at_most,
    better_for_trail,
    can_trade,
    is_reached,
    trail_stop,
)
from traderbot.domain.simulation.round import NOT_AT_ONCE, Round
from traderbot.domain.simulation.slippage import moved


def meet_depth(
    book: Book, depth: Depth, model: FillModel, instrument: Instrument
) -> tuple[PaperEvent, ...]:
    """Return what a quote or an order book does to a book of working orders.

    Nothing, if it is not newer than what was seen, or another symbol's.
    """
    if depth.symbol != book.symbol or not book.working:
        return ()
    seen = book.seen_at, book.seen_sequence
    if seen[0] is not None and (depth.at, depth.sequence) <= seen:
        return ()
    return _DepthRound(book, depth, model, instrument).run()


class _Offer:
    """A level that is being traded away."""

    def __init__(self, price: Price, left: Decimal | None) -> None:
        self.price = price
        self.left = left


class _DepthRound:
    def __init__(self, book: Book, depth: Depth, model: FillModel, instrument: Instrument) -> None:
        self._depth = depth
        self._model = model
        self._instrument = instrument
        self._round = Round(
            book,
            model,
            instrument,
            at=depth.at,
            seen_at=depth.at,
            seen_sequence=depth.sequence,
        )
        self._offers = {
            side: [
                _Offer(it.price, None if it.quantity is None else self._share(it.quantity))
                for it in levels
            ]
            for side, levels in ((Side.BUY, depth.asks), (Side.SELL, depth.bids))
        }

    def run(self) -> tuple[PaperEvent, ...]:
        around = self._round
        around.expire(self._depth.at)
        active = around.active()
        for order in active:
            if order.waits and self._best(order.ticket.side) is not None:
                self._watch(order)
        still = [it for each in active if (it := around.current(each.order_id)) is not None]
        for waiting in sorted(still, key=self._by_price):
            current = around.current(waiting.order_id)
            if current is not None and not current.waits:
                self._meet(current)
        return tuple(around.events)

    def _watch(self, order: Resting) -> None:
        """Let a waiting order see the price it would trade at."""
        side, price = order.ticket.side, self._best(order.ticket.side)
        if price is None:
            return
        if order.stop is not None and is_reached(side, order.stop, price):
            self._round.trigger(order, price)
        elif order.ticket.kind is OrderKind.TRAILING_STOP:
            best = better_for_trail(side, order.best, price)
            self._round.move_trail(order, best, trail_stop(order.ticket, best, self._round.tick))

    def _meet(self, order: Resting) -> None:
        """Let an order that may trade do so."""
        ticket, around = order.ticket, self._round
        best = self._best(ticket.side)
        marketable = best is not None and can_trade(ticket.side, ticket.limit_price, best)
        if marketable and around.ends_reducing(order):
            return
        if ticket.post_only and marketable and not order.rested:
            around.reject(order, "POST_ONLY", WOULD_TAKE)
            return
        if ticket.time_in_force is TimeInForce.FOK and not self._has_all(order):
            around.cancel(order, NOT_AT_ONCE)
            return
        if marketable:
            self._sweep(order)
        left = around.current(order.order_id)
        if left is None:
            return
        if left.is_immediate:
            around.cancel(left, NOT_AT_ONCE)
        elif not left.takes_any_price:
            around.rest(left)

    def _sweep(self, order: Resting) -> None:
        side, limit = order.ticket.side, order.ticket.limit_price
        for offer in self._offers[side]:
            current = self._round.current(order.order_id)
            if current is None or not can_trade(side, limit, offer.price):
                return
            quantity = self._offered(offer, self._round.wanted(current))
            if not quantity:
                continue
            if offer.left is not None:
                offer.left = subtract(offer.left, quantity.value)
            if order.rested and limit is not None:
                self._round.trade(order, quantity, limit, maker=True)
            else:
                self._round.trade(order, quantity, self._paid(order, offer), maker=False)

    def _paid(self, order: Resting, offer: _Offer) -> Price:
        """Return the level's price; worse only where nobody said how much stands there."""
        if offer.left is not None or not order.takes_any_price:
            return offer.price
        by = self._model.slippage.on_quote(offer.price)
        return moved(offer.price, order.ticket.side, by, self._round.tick)

    def _has_all(self, order: Resting) -> bool:
        side, wanted = order.ticket.side, self._round.wanted(order)
        if wanted != order.remaining:
            return False
        found = Decimal(0)
        for offer in self._offers[side]:
            if not can_trade(side, order.ticket.limit_price, offer.price):
                break
            found = add(found, self._offered(offer, wanted).value)
        return found >= wanted.value

    def _offered(self, offer: _Offer, wanted: Quantity) -> Quantity:
        if offer.left is None or wanted.value <= offer.left:
            return wanted
        return at_most(wanted, self._instrument.whole_lots(offer.left))

    def _share(self, quantity: Quantity) -> Decimal:
        share = self._model.share_of(quantity)
        return quantity.value if share is None else share

    def _best(self, side: Side) -> Price | None:
        """Return the first price an order of that side could trade at."""
        offers = self._offers[side]
        return offers[0].price if offers else None

    def _by_price(self, order: Resting) -> tuple[int, Decimal, int]:
        """Sort by price and time: any price first, then the most generous limit."""
        limit = order.ticket.limit_price
        if limit is None:
            return 0, Decimal(0), order.place
        better_first = limit.value if order.ticket.side is Side.SELL else negate(limit.value)
        return 1, better_first, order.place
