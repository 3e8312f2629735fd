"""A book, a model and a market on a table: what happens is told in short sentences."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.builders import NOON, PORTFOLIO_ID
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.instrument import default_instrument
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.orders.ticket import OrderKind, Side, Ticket, TimeInForce
from traderbot.domain.shared.history import step
from traderbot.domain.shared.ids import OrderId
from traderbot.domain.shared.values import Price, Quantity, symbol
from traderbot.domain.simulation.bar_matching import meet_bar
from traderbot.domain.simulation.book import Book, Submission, Wanted
from traderbot.domain.simulation.depth_matching import meet_depth
from traderbot.domain.simulation.events import (
    PaperAccepted,
    PaperAmended,
    PaperBookOpened,
    PaperCanceled,
    PaperEvent,
    PaperExpired,
    PaperRejected,
    PaperRested,
    PaperTraded,
    PaperTrailMoved,
    PaperTriggered,
)
from traderbot.domain.simulation.fill_model import FillModel, Slippage, SlippageKind
from traderbot.domain.simulation.market import Depth, Level

FREE = FillModel(
    maker_fee_bps=Decimal(0), taker_fee_bps=Decimal(0), slippage=Slippage(SlippageKind.NONE)
)


def order_id(number: int) -> OrderId:
    """Return the id of order so-and-so."""
    return OrderId(f"0192f0c1-0000-7000-8000-{number:012d}")


def a_ticket(wish: str, **more: Any) -> Ticket:
    """Return a ticket from words: `buy 10`, `sell 5 limit 101`, `sell 5 stop 95 limit 94`.

    Also `sell 5 trail 2`, `sell 5 trail 100bps`; durations and options are given by name.
    """
    side, quantity, *rest = wish.split()
    said = dict(zip(rest[::2], rest[1::2], strict=True))
    trail = said.get("trail", "")
    kind = OrderKind.MARKET
    if trail:
        kind = OrderKind.TRAILING_STOP
    elif "stop" in said:
        kind = OrderKind.STOP_LIMIT if "limit" in said else OrderKind.STOP
    elif "limit" in said:
        kind = OrderKind.LIMIT
    return Ticket(
        portfolio_id=PORTFOLIO_ID,
        symbol=symbol(more.pop("symbol_code", "AAPL")),
        side=Side(side),
        quantity=Quantity(quantity),
        kind=kind,
        limit_price=Price(said["limit"]) if "limit" in said else None,
        stop_price=Price(said["stop"]) if "stop" in said else None,
        trail=Price(trail) if trail and not trail.endswith("bps") else None,
        trail_bps=Decimal(trail.removesuffix("bps")) if trail.endswith("bps") else None,
        time_in_force=TimeInForce(more.pop("good", "gtc")),
        **more,
    )


def bar(
    opened: str, high: str, low: str, close: str, volume: str = "1000", *, hour: int = 0
) -> Bar:
    """Return the bar of an hour after noon."""
    return Bar(
        symbol=symbol("AAPL"),
        timeframe=Timeframe.H1,
        at=NOON + timedelta(hours=hour),
        open=Price(opened),
        high=Price(high),
        low=Price(low),
        close=Price(close),
        volume=Quantity(volume),
    )


def depth(bids: str, asks: str, *, second: int = 0, sequence: int = 1) -> Depth:
    """Return a market from words: bids `99x10 98x5`, asks `100`; no quantity is any quantity."""
    return Depth(
        symbol=symbol("AAPL"),
        at=NOON + timedelta(seconds=second),
        bids=_levels(bids),
        asks=_levels(asks),
        sequence=sequence,
    )


def _levels(words: str) -> tuple[Level, ...]:
    levels = []
    for word in words.split():
        price, _, quantity = word.partition("x")
        levels.append(Level(Price(price), Quantity(quantity) if quantity else None))
    return tuple(levels)


class Floor:
    """One book under one model."""

    def __init__(self, model: FillModel = FREE, *, held: str = "0") -> None:
        self.model = model
        self.book: Book | None = None
        self.events: list[PaperEvent] = []
        if held != "0":
            side = "sell" if held.startswith("-") else "buy"
            self.place(f"{side} {held.removeprefix('-')}", number=999, at=NOON - timedelta(hours=9))
            self.meet(bar("100", "100", "100", "100", "1000000", hour=-9))
            self.events.clear()

    def place(self, wish: str, *, number: int = 1, at: datetime = NOON, **more: Any) -> list[str]:
        """Send an order in."""
        ticket = a_ticket(wish, **more)
        order = Submission(
            order_id=order_id(number),
            client_order_id=order_id(number).replace("-", ""),
            ticket=ticket,
            placed_at=at,
        )
        return self.take(Book.submit(self.book, order, self.model.latency))

    def meet(self, seen: Bar | Depth) -> list[str]:
        """Show the book a market."""
        book = self.known
        instrument = default_instrument(book.symbol)
        if isinstance(seen, Bar):
            return self.take(meet_bar(book, seen, self.model, instrument))
        return self.take(meet_depth(book, seen, self.model, instrument))

    def amend(self, number: int = 1, *, at: datetime = NOON, **wanted: str) -> list[str]:
        """Ask for another order."""
        ticket = self.known.working[order_id(number)].ticket
        stop, limit = wanted.get("stop"), wanted.get("limit")
        change = Wanted(
            quantity=Quantity(wanted.get("quantity", str(ticket.quantity))),
            limit_price=Price(limit) if limit else ticket.limit_price,
            stop_price=Price(stop) if stop else ticket.stop_price,
        )
        return self.take(
            self.known.amend(order_id(number), change, at=at, latency=self.model.latency)
        )

    def cancel(self, number: int = 1) -> list[str]:
        """Ask for an order back."""
        return self.take(self.known.cancel(order_id(number), "asked for", at=NOON))

    @property
    def known(self) -> Book:
        """The book, which has begun."""
        assert self.book is not None
        return self.book

    def take(self, events: Sequence[PaperEvent]) -> list[str]:
        """Apply what happened, and tell it."""
        for event in events:
            self.book = step(Book.begin, self.book, event)
            self.events.append(event)
        return [told(event) for event in events]


def told(event: PaperEvent) -> str:
    """Return a short sentence; the order's number is its first word, 1 is left out."""
    if isinstance(event, PaperBookOpened):
        return "opened"
    number = int(event.order_id[-12:])
    said = _told(event)
    return said if number == 1 else f"{number} {said}"


def _told(event: PaperEvent) -> str:  # noqa: PLR0911 - one for each
    match event:
        case PaperAccepted():
            return "accepted"
        case PaperRejected():
            return f"rejected {event.code}"
        case PaperRested():
            return "rested"
        case PaperTriggered():
            return f"triggered at {event.price}"
        case PaperTrailMoved():
            return f"trails from {event.best}, stop {event.stop_price}"
        case PaperTraded():
            return f"{'made' if event.maker else 'took'} {event.quantity} at {event.price}"
        case PaperCanceled():
            return f"canceled: {event.reason}"
        case PaperExpired():
            return f"expired at {event.at:%H:%M}"
        case PaperAmended():
            return f"amended, {'keeps' if event.keeps_place else 'loses'} its place"
        case PaperBookOpened():
            return "opened"
