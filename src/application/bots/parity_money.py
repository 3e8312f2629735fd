"""The orders of a run, filled again, and what each difference in money comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Final

from traderbot.application.bots.parity_report import Cause, RunOrder, RunStory
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.instrument import default_instrument
from traderbot.domain.orders.ticket import Fill, Side
from traderbot.domain.shared.decimals import ZERO, add, multiply, subtract, sum_of
from traderbot.domain.shared.history import step
from traderbot.domain.shared.ids import OrderId
from traderbot.domain.simulation.bar_matching import meet_bar
from traderbot.domain.simulation.book import Book, Submission
from traderbot.domain.simulation.events import PaperTraded
from traderbot.domain.simulation.fill_model import FillModel

_SMALLEST: Final = Fraction(1, 10**12)  # of a currency: what one cause is told to


@dataclass(slots=True)
class MoneyMoved:
    """Cash that came in, in both histories, and what the difference comes from."""

    recorded: Decimal = ZERO
    replayed: Decimal = ZERO
    causes: dict[Cause, Decimal] = field(default_factory=dict)

    def book(self, cause: Cause, amount: Decimal) -> None:
        """Add to what a cause stands for."""
        self.causes[cause] = add(self.causes.get(cause, ZERO), amount)


@dataclass(frozen=True, slots=True)
class Opens:
    """Where each bar of the series opened."""

    opens: Mapping[datetime, Decimal]
    spans: Sequence[tuple[datetime, datetime]]

    @staticmethod
    def of(bars: Sequence[Bar]) -> Opens:
        """Return the opens of bars, oldest first."""
        return Opens({it.at: it.open.value for it in bars}, list(pairwise(it.at for it in bars)))

    def at(self, at: datetime) -> tuple[datetime, Decimal] | None:
        """Return the bar an instant lies in, and its open."""
        if at in self.opens:
            return at, self.opens[at]
        for begin, end in self.spans:
            if begin <= at < end:
                return begin, self.opens[begin]
        return None


def compared(order: RunOrder, again: Sequence[PaperTraded], opens: Opens) -> MoneyMoved:
    """Take the difference of one order apart."""
    way = 1 if order.ticket.side is Side.BUY else -1
    then, now = _Side.of_fills(order.fills), _Side.of_trades(again)
    money = MoneyMoved(recorded=then.cash(way), replayed=now.cash(way))
    if (then.quantity, then.notional, then.fees) == (now.quantity, now.notional, now.fees):
        return money
    left = subtract(money.recorded, money.replayed)
    if not now.quantity:
        money.book(Cause.DATA, left)
        return money
    price = Fraction(now.notional) / Fraction(now.quantity)
    quantity = Fraction(subtract(then.quantity, now.quantity))
    worse = Fraction(then.notional) - Fraction(then.quantity) * price
    moved = Fraction(0)
    if order.fills:
        here, there = opens.at(order.fills[0].at), opens.at(again[0].at)
        if here is not None and there is not None and here[0] != there[0]:
            moved = Fraction(then.quantity) * Fraction(subtract(here[1], there[1]))
    parts = {
        Cause.MANUAL if order.canceled_by_hand else Cause.PARTIAL: -way * quantity * price,
        Cause.LATENCY: -way * moved,
        Cause.FILL_PRICE: -way * (worse - moved),
        Cause.FEE: Fraction(subtract(now.fees, then.fees)),
    }
    for cause, exactly in parts.items():
        amount = _told(exactly)
        if amount:
            money.book(cause, amount)
            left = subtract(left, amount)
    if left:
        money.book(Cause.ROUNDING, left)
    if not money.causes:  # other pieces that come to the same
        money.book(Cause.FILL_PRICE, ZERO)
    return money


@dataclass(frozen=True, slots=True)
class _Side:
    """What was filled of an order, in one of the two histories."""

    quantity: Decimal
    notional: Decimal
    fees: Decimal

    @staticmethod
    def of_fills(fills: Sequence[Fill]) -> _Side:
        return _Side(
            sum_of(it.quantity.value for it in fills),
            sum_of(multiply(it.price.value, it.quantity.value) for it in fills),
            sum_of(it.fee.amount for it in fills),
        )

    @staticmethod
    def of_trades(trades: Sequence[PaperTraded]) -> _Side:
        return _Side(
            sum_of(it.quantity.value for it in trades),
            sum_of(multiply(it.price.value, it.quantity.value) for it in trades),
            sum_of(it.fee.amount for it in trades),
        )

    def cash(self, way: int) -> Decimal:
        """Return what it brought in, below zero for what it cost."""
        paid = self.notional if way > 0 else -self.notional
        return subtract(-paid, self.fees)


def _told(exactly: Fraction) -> Decimal:
    """Return an amount to the twelfth digit; what is left of it stands under `rounding`."""
    return Decimal(round(exactly / _SMALLEST)).scaleb(-12)


def filled_again(
    story: RunStory, bars: Sequence[Bar], model: FillModel
) -> dict[OrderId, list[PaperTraded]]:
    """Return what a backtest fills of each order: sent when decided, traded from the next bar."""
    book: Book | None = None
    instrument = default_instrument(story.started.symbol)
    found: dict[OrderId, list[PaperTraded]] = {}
    waiting = sorted(story.orders.values(), key=lambda it: it.placed_at)
    for bar in bars:
        while waiting and waiting[0].placed_at <= bar.at:
            order = waiting.pop(0)
            sent = Submission(
                order_id=order.order_id,
                client_order_id=order.order_id.replace("-", ""),
                ticket=order.ticket,
                placed_at=order.placed_at,
            )
            for event in Book.submit(book, sent, model.latency):
                book = step(Book.begin, book, event)
        if book is None or not book.working:
            continue
        for event in meet_bar(book, bar, model, instrument):
            book = step(Book.begin, book, event)
            if isinstance(event, PaperTraded):
                found.setdefault(event.order_id, []).append(event)
    return found
