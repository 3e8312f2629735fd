"""The Book aggregate: one portfolio's orders in one symbol, as the simulated venue has them.

The venue's own truth: its working orders in their queue, the position and the cash that its trades
have made, and how far the market was seen. Matching is in `bar_matching.py` and
`depth_matching.py`; both read a book and return what happens to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

from traderbot.domain.orders.ticket import OrderKind, Side, Ticket
from traderbot.domain.shared.decimals import ZERO, add, negate, subtract
from traderbot.domain.shared.errors import CorruptHistoryError
from traderbot.domain.shared.history import evolve, fold
from traderbot.domain.shared.ids import OrderId, PortfolioId
from traderbot.domain.shared.values import (
    Money,
    Price,
    Quantity,
    Symbol,
    trusted_quantity,
)
from traderbot.domain.simulation.ended import Ended, has_ended, with_ended
from traderbot.domain.simulation.errors import NotAmendableError, NotWorkingError
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
from traderbot.domain.simulation.resting import Resting, expiry_of

TIME_IS_OVER = "its time is over"
_OUT_OF_THE_MARKET = (PaperBookOpened, PaperAccepted, PaperAmended)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """An order on its way into a book."""

    order_id: OrderId
    client_order_id: str
    ticket: Ticket
    placed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an order is to become. `quantity` is the whole one, what is traded included."""

    quantity: Quantity
    limit_price: Price | None
    stop_price: Price | None


@dataclass(frozen=True, kw_only=True)
class Book:
    """A book as its events have made it. Only `apply` makes the next one."""

    portfolio_id: PortfolioId
    symbol: Symbol
    updated_at: datetime
    working: MappingProxyType[OrderId, Resting]
    ended: Ended = ()
    position: Decimal = ZERO  # bought less sold
    cash: Money  # received less paid, fees included
    fees: Money
    places: int = 0  # given away in the queue so far
    seen_at: datetime | None = None  # the market after its newest effect
    seen_sequence: int = 0
    version: int = 1

    @staticmethod
    def submit(
        before: Book | None, order: Submission, latency: timedelta
    ) -> tuple[PaperEvent, ...]:
        """Take an order in. One that came before, whatever became of it, changes nothing."""
        if before is not None and before.knows(order.order_id):
            return ()
        ticket, at = order.ticket, order.placed_at
        opened: tuple[PaperEvent, ...] = ()
        if before is None:
            opened = (
                PaperBookOpened(at=at, portfolio_id=ticket.portfolio_id, symbol=ticket.symbol),
            )
        expires_at = expiry_of(ticket, at)
        if expires_at is not None and expires_at <= at + latency:
            rejected = PaperRejected(
                at=at,
                order_id=order.order_id,
                code="EXPIRED",
                reason=f"it would only come in when {TIME_IS_OVER}",
            )
            return (*opened, rejected)
        accepted = PaperAccepted(
            at=at,
            order_id=order.order_id,
            client_order_id=order.client_order_id,
            ticket=ticket,
            active_at=at + latency,
        )
        return (*opened, accepted)

    def cancel(self, order_id: OrderId, reason: str, *, at: datetime) -> tuple[PaperEvent, ...]:
        """Take an order out. One that does not work changes nothing."""
        if order_id not in self.working:
            return ()
        return (PaperCanceled(at=at, order_id=order_id, reason=reason),)

    def amend(
        self, order_id: OrderId, wanted: Wanted, *, at: datetime, latency: timedelta
    ) -> tuple[PaperEvent, ...]:
        """Change an order. What it is already changes nothing; traded wholly by it, it ends.

        Raises:
            NotWorkingError: it ended, or never came.
            NotAmendableError: more is traded than it would want, its stop is passed already, or
                such an order has no such price.
        """
        order = self.working.get(order_id)
        if order is None:
            raise NotWorkingError(order_id)
        ticket = order.ticket
        now = Wanted(
            quantity=ticket.quantity, limit_price=ticket.limit_price, stop_price=ticket.stop_price
        )
        if wanted == now:
            return ()
        if wanted.quantity < order.traded or not wanted.quantity:
            msg = f"{order.traded} of order {order_id} is traded; it cannot want {wanted.quantity}"
            raise NotAmendableError(msg)
        for name in ("limit_price", "stop_price"):
            if (getattr(wanted, name) is None) is not (getattr(now, name) is None):
                msg = f"a {ticket.kind.value} order keeps its prices: {name} cannot come or go"
                raise NotAmendableError(msg)
        if order.triggered and wanted.stop_price != now.stop_price:
            msg = f"order {order_id} is triggered: its stop price is passed"
            raise NotAmendableError(msg)
        keeps_place = wanted == replace(now, quantity=wanted.quantity) and (
            wanted.quantity < now.quantity
        )
        return (
            PaperAmended(
                at=at,
                order_id=order_id,
                quantity=wanted.quantity,
                limit_price=wanted.limit_price,
                stop_price=wanted.stop_price,
                keeps_place=keeps_place,
                active_at=order.active_at if keeps_place else at + latency,
            ),
        )

    def pass_time(self, at: datetime) -> tuple[PaperEvent, ...]:
        """Let the clock reach an instant: what was good until then is over."""
        return tuple(
            PaperExpired(at=order.expires_at or at, order_id=order.order_id, reason=TIME_IS_OVER)
            for order in self.queue()
            if order.is_over(at)
        )

    def knows(self, order_id: OrderId) -> bool:
        """Whether the order ever came."""
        return order_id in self.working or has_ended(self.ended, order_id)

    def queue(self) -> list[Resting]:
        """Return the working orders, those that came first at the head."""
        return sorted(self.working.values(), key=lambda it: it.place)

    def reducible(self, side: Side) -> Quantity:
        """Return how much an order on that side could reduce the position."""
        against = self.position if side is Side.SELL else negate(self.position)
        return trusted_quantity(against if against > 0 else ZERO)

    @staticmethod
    def begin(event: PaperEvent) -> Book:
        """Return the book its first event opened. Raises CorruptHistoryError for another event."""
        if not isinstance(event, PaperBookOpened):
            msg = f"a book starts with {type(event).__name__}"
            raise CorruptHistoryError(msg)
        nothing = Money.zero(event.symbol.quote)
        return Book(
            portfolio_id=event.portfolio_id,
            symbol=event.symbol,
            updated_at=event.at,
            working=MappingProxyType({}),
            cash=nothing,
            fees=nothing,
        )

    def apply(self, event: PaperEvent) -> Book:
        """Return the book after `event`. Raises CorruptHistoryError for one that cannot follow."""
        changes = self._changes(event)
        if not isinstance(event, _OUT_OF_THE_MARKET) and event.seen_at is not None:
            changes["seen_at"] = event.seen_at
            changes["seen_sequence"] = event.seen_sequence
        return evolve(self, version=self.version + 1, updated_at=event.at, **changes)

    def _changes(self, event: PaperEvent) -> dict[str, object]:  # noqa: PLR0911 - one case each
        match event:
            case PaperAccepted():
                return self._accepted(event)
            case PaperRejected() | PaperCanceled() | PaperExpired():
                return self._without(event.order_id)
            case PaperRested():
                return self._with(evolve(self._order(event.order_id), rested=True))
            case PaperTriggered():
                return self._with(evolve(self._order(event.order_id), triggered=True))
            case PaperTrailMoved():
                order = self._order(event.order_id)
                return self._with(evolve(order, best=event.best, stop=event.stop_price))
            case PaperTraded():
                return self._traded(event)
            case PaperAmended():
                return self._amended(event)
            case PaperBookOpened():
                msg = f"the book of {self.symbol} was opened twice"
                raise CorruptHistoryError(msg)

    def _accepted(self, event: PaperAccepted) -> dict[str, object]:
        order = Resting(
            order_id=event.order_id,
            client_order_id=event.client_order_id,
            ticket=event.ticket,
            placed_at=event.at,
            active_at=event.active_at,
            place=self.places + 1,
            stop=event.ticket.stop_price,
        )
        return {**self._with(order), "places": self.places + 1}

    def _traded(self, event: PaperTraded) -> dict[str, object]:
        order = self._order(event.order_id)
        after = evolve(order, traded=order.traded + event.quantity, trades=order.trades + 1)
        notional = event.price.notional(event.quantity, self.symbol)
        buys = order.ticket.side is Side.BUY
        move = add if buys else subtract
        paid = notional if buys else -notional
        moved = self._without(order.order_id) if not after.remaining else self._with(after)
        return {
            **moved,
            "position": move(self.position, event.quantity.value),
            "cash": self.cash - paid - event.fee,
            "fees": self.fees + event.fee,
        }

    def _amended(self, event: PaperAmended) -> dict[str, object]:
        order = self._order(event.order_id)
        ticket = replace(
            order.ticket,
            quantity=event.quantity,
            limit_price=event.limit_price,
            stop_price=event.stop_price,
        )
        if event.quantity == order.traded:
            return self._without(order.order_id)
        after = evolve(order, ticket=ticket, active_at=event.active_at)
        if ticket.kind is not OrderKind.TRAILING_STOP:
            after = evolve(after, stop=event.stop_price)
        if event.keeps_place:
            return self._with(after)
        place = self.places + 1
        return {**self._with(evolve(after, place=place, rested=False)), "places": place}

    def _order(self, order_id: OrderId) -> Resting:
        order = self.working.get(order_id)
        if order is None:
            msg = f"order {order_id} is not working in the book of {self.symbol}"
            raise CorruptHistoryError(msg)
        return order

    def _with(self, order: Resting) -> dict[str, object]:
        return {"working": MappingProxyType({**self.working, order.order_id: order})}

    def _without(self, order_id: OrderId) -> dict[str, object]:
        working: Mapping[OrderId, Resting] = {
            key: order for key, order in self.working.items() if key != order_id
        }
        return {
            "working": MappingProxyType(dict(working)),
            "ended": with_ended(self.ended, order_id),
        }

    @staticmethod
    def from_events(events: Iterable[PaperEvent]) -> Book:
        """Fold a whole history. Raises CorruptHistoryError."""
        return fold(Book.begin, events)


def book_id(portfolio_id: PortfolioId, symbol: Symbol) -> str:
    """Return the id of a book: `0192….-BTC_USDT`. No symbol has an underscore."""
    return f"{portfolio_id}-{symbol.code.replace('/', '_')}"
