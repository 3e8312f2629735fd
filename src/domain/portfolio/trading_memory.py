"""What a portfolio remembers of its own orders and trades, for the risk gate: all of it bounded.

It is folded from the portfolio's own events and from nothing else, so it costs no event, no table
and no question, and replay makes the same one. It looks back only so far: 64 working orders, the
newest 128 orders, 64 fills, 16 ends, 100 sizes of a symbol, 30 days of profit. A limit that would
have to look further is refused when it is set (`Limits`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final, TypeVar

from traderbot.domain.orders.ticket import Side
from traderbot.domain.portfolio.events import ExposureReleased, ExposureReserved, FillBooked
from traderbot.domain.shared.decimals import ZERO, add, multiply, subtract
from traderbot.domain.shared.history import evolve
from traderbot.domain.shared.ids import BotRunId, OrderId
from traderbot.domain.shared.values import Currency, Money, Symbol

WORKING: Final = 64
_SENT: Final = 128
_FILLS: Final = 64
_ENDED: Final = 16
_SIZES: Final = 100
_DAYS: Final = 30
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Working:
    """An order that may still trade: what it has set aside, and what it claims of a position.

    `side` is None where older logs do not say it.
    """

    symbol: Symbol
    cash: Decimal
    closing: Decimal
    side: Side | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """An order that passed the gate, or that ended: when, and in which symbol."""

    at: datetime
    order_id: OrderId
    symbol: Symbol


@dataclass(frozen=True, slots=True)
class Traded:
    """One fill: what it was traded at, and whether it closed something at a loss."""

    at: datetime
    symbol: Symbol
    price: Decimal
    lost: bool
    bot_run_id: BotRunId | None


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much the newest orders of a symbol traded, oldest first; the last is still growing."""

    order_id: OrderId
    traded: tuple[Decimal, ...]


@dataclass(frozen=True, slots=True)
class DayHigh:
    """The highest profit of a day, as a proleptic ordinal."""

    day: int
    high: Decimal


@dataclass(frozen=True, slots=True)
class Profit:
    """Profit in one currency since the portfolio was opened, each position at its last own price.

    `opening` is what it was when `day` began; `highs` are of the days with fills, newest last.
    """

    booked: Decimal = ZERO  # realised, less fees
    floating: Decimal = ZERO  # what is held, at its last own price, less what it cost
    day: int = 0
    opening: Decimal = ZERO
    highs: tuple[DayHigh, ...] = ()

    @property
    def total(self) -> Decimal:
        """Booked and floating together."""
        return add(self.booked, self.floating)

    def opening_of(self, day: int) -> Decimal:
        """Return what it was when a day began."""
        return self.opening if day == self.day else self.total

    def peak(self, day: int) -> Decimal:
        """Return the highest of the 30 days before and on `day`, and of now."""
        highs = (each.high for each in self.highs if each.day > day - _DAYS)
        return max(self.total, self.opening, *highs) if self.day > day - _DAYS else self.total


_NO_PROFIT = Profit()


@dataclass(frozen=True, kw_only=True)
class TradingMemory:
    """A portfolio's memory. Only `Portfolio.apply` makes the next one."""

    working: MappingProxyType[OrderId, Working] = field(
        default_factory=lambda: MappingProxyType({})
    )
    sent: tuple[Sent, ...] = ()
    ended: tuple[Sent, ...] = ()
    fills: tuple[Traded, ...] = ()
    marks: MappingProxyType[Symbol, Decimal] = field(  # the price of the newest fill
        default_factory=lambda: MappingProxyType({})
    )
    sizes: MappingProxyType[Symbol, Sizes] = field(default_factory=lambda: MappingProxyType({}))
    profits: MappingProxyType[Currency, Profit] = field(
        default_factory=lambda: MappingProxyType({})
    )

    def profit_in(self, currency: Currency) -> Profit:
        """Return the profit in a currency; none if there was no fill."""
        return self.profits.get(currency, _NO_PROFIT)

    def set_aside(self, symbol: Symbol) -> Decimal | None:
        """Return what the working orders of a symbol have set aside; None: nobody remembers all.

        More may work than are remembered; then only what all of them set aside is known.
        """
        if len(self.working) >= WORKING:
            return None
        total = ZERO
        for each in self.working.values():
            if each.symbol is symbol or each.symbol == symbol:
                total = add(total, each.cash)
        return total

    def reserved(self, event: ExposureReserved) -> TradingMemory:
        """Return the memory after an order passed the gate, or took more aside."""
        id_, symbol, working = event.order_id, event.symbol, self.working
        cash, closing = event.cash.amount, event.closing.value
        known = working.get(id_)
        if known is not None:
            cash_held, closing_held = add(known.cash, cash), add(known.closing, closing)
            working = _put(working, id_, Working(symbol, cash_held, closing_held, known.side))
        elif len(working) < WORKING and (cash or closing):
            working = _put(working, id_, Working(symbol, cash, closing, event.side))
        sent = (*self.sent[1 - _SENT :], Sent(event.at, id_, symbol))
        return evolve(self, working=working, sent=sent)

    def released(self, event: ExposureReleased) -> TradingMemory:
        """Return the memory after an order ended, or needs less."""
        working = self._used(event.order_id, event.cash, event.closing.value)
        ended = self.ended
        if event.order_id not in working:
            ended = (*ended[1 - _ENDED :], Sent(event.at, event.order_id, event.symbol))
        return evolve(
            self,
            working=working,
            ended=ended,
        )

    def filled(self, event: FillBooked, held: Decimal) -> TradingMemory:
        """Return the memory after a fill; `held` is the position before it, short below zero."""
        symbol, price = event.symbol, event.price.value
        lost = event.realised.amount < 0
        return evolve(
            self,
            working=self._used(event.order_id, event.reservation_used, event.closing_used.value),
            fills=(
                *self.fills[1 - _FILLS :],
                Traded(event.at, symbol, price, lost, event.bot_run_id),
            ),
            marks=_put(self.marks, symbol, price),
            sizes=_put(self.sizes, symbol, self._sizes(event)),
            profits=_put(self.profits, symbol.quote, self._profit(event, held)),
        )

    def _used(self, id_: OrderId, cash: Money, closing: Decimal) -> Mapping[OrderId, Working]:
        known = self.working.get(id_)
        if known is None:  # it came when there were too many to remember
            return self.working
        cash_left, closing_left = (
            subtract(known.cash, cash.amount),
            subtract(known.closing, closing),
        )
        if cash_left > 0 or closing_left > 0:
            left = Working(known.symbol, cash_left, closing_left, known.side)
            return _put(self.working, id_, left)
        return MappingProxyType({key: it for key, it in self.working.items() if key != id_})

    def _sizes(self, event: FillBooked) -> Sizes:
        known, traded = self.sizes.get(event.symbol), event.quantity.value
        if known is None:
            return Sizes(event.order_id, (traded,))
        if known.order_id == event.order_id:
            return Sizes(event.order_id, (*known.traded[:-1], add(known.traded[-1], traded)))
        return Sizes(event.order_id, (*known.traded[1 - _SIZES :], traded))

    def _profit(self, event: FillBooked, held: Decimal) -> Profit:
        before = self.profit_in(event.symbol.quote)
        price = event.price.value
        move = add if event.side is Side.BUY else subtract
        after = multiply(move(held, event.quantity.value), price)
        mark = self.marks.get(event.symbol)
        was = ZERO if mark is None else multiply(held, mark)
        floating = subtract(add(before.floating, subtract(after, was)), event.cost_change.amount)
        booked = add(before.booked, event.realised.amount)
        if event.fee.currency == event.symbol.quote:
            booked = subtract(booked, event.fee.amount)
        day = event.at.toordinal()
        total = add(booked, floating)
        highs = before.highs
        if highs and highs[-1].day == day:
            if total > highs[-1].high:
                highs = (*highs[:-1], DayHigh(day, total))
        else:
            # A day's high counts what the day began with: it was there at midnight.
            highs = (*highs[1 - _DAYS :], DayHigh(day, max(total, before.total)))
        return Profit(booked, floating, day, before.opening_of(day), highs)


def _put(mapping: Mapping[K, V], key: K, value: V) -> MappingProxyType[K, V]:
    changed = dict(mapping)
    changed[key] = value
    return MappingProxyType(changed)
