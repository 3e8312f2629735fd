"""Closed trades: from the first unit of a position to its last, from what was booked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from traderbot.domain.orders.ticket import Side
from traderbot.domain.portfolio.events import FillBooked
from traderbot.domain.shared.decimals import EXACT, ZERO, add, canonical, negate, share, subtract
from traderbot.domain.shared.values import Symbol

_QUANTUM = Decimal(1).scaleb(-18)


class Traded(NamedTuple):
    """A fill in plain amounts of the quote currency; `closed` of its units ended a position."""

    at: datetime
    symbol: Symbol
    side: Side
    quantity: Decimal
    price: Decimal
    notional: Decimal
    fee: Decimal
    closed: Decimal

    @staticmethod
    def of(event: FillBooked) -> Traded:
        """Return what was booked."""
        return Traded(
            event.at,
            event.symbol,
            event.side,
            event.quantity.value,
            event.price.value,
            event.notional.amount,
            event.fee.amount,
            event.closed.value,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTrip:
    """A position from flat to flat. Prices are averages by quantity; `profit` is after all fees."""

    symbol: Symbol
    side: Side  # buy: it was long
    quantity: Decimal  # all that was opened
    entry_at: datetime
    exit_at: datetime
    entry_price: Decimal
    exit_price: Decimal
    profit: Decimal
    fees: Decimal


@dataclass(slots=True)
class _Open:
    side: Side
    entry_at: datetime
    opened: Decimal = ZERO
    paid: Decimal = ZERO
    closed: Decimal = ZERO
    received: Decimal = ZERO
    fees: Decimal = ZERO


def round_trips(fills: Iterable[Traded]) -> list[RoundTrip]:
    """Return the closed trades, in the order in which they were closed.

    A fill that closes a position and opens the opposite one ends one trade and begins the next; its
    fee is shared by quantity.
    """
    trips: list[RoundTrip] = []
    working: dict[Symbol, _Open] = {}
    for fill in fills:
        quantity, closed = fill.quantity, fill.closed
        opened = subtract(quantity, closed)
        notional, fee = fill.notional, fill.fee
        closed_fee = share(fee, closed, quantity) if closed else ZERO
        of_close = share(notional, closed, quantity) if closed else ZERO
        known = working.get(fill.symbol)
        if closed and known is not None:
            known.closed = add(known.closed, closed)
            known.received = add(known.received, of_close)
            known.fees = add(known.fees, closed_fee)
            if known.closed == known.opened:
                trips.append(_trip(fill, known))
                del working[fill.symbol]
        if opened:
            entry = working.get(fill.symbol)
            if entry is None:
                entry = working[fill.symbol] = _Open(fill.side, fill.at)
            entry.opened = add(entry.opened, opened)
            entry.paid = add(entry.paid, subtract(notional, of_close))
            entry.fees = add(entry.fees, subtract(fee, closed_fee))
    return trips


def _trip(fill: Traded, it: _Open) -> RoundTrip:
    gained = subtract(it.received, it.paid)
    if it.side is Side.SELL:
        gained = negate(gained)
    return RoundTrip(
        symbol=fill.symbol,
        side=it.side,
        quantity=it.opened,
        entry_at=it.entry_at,
        exit_at=fill.at,
        entry_price=_average(it.paid, it.opened),
        exit_price=_average(it.received, it.closed),
        profit=subtract(gained, it.fees),
        fees=it.fees,
    )


def _average(total: Decimal, quantity: Decimal) -> Decimal:
    return canonical(EXACT.divide(total, quantity).quantize(_QUANTUM, context=EXACT))
