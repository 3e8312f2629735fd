"""One order in the simulated venue's book, and what its next price depends on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from traderbot.domain.orders.ticket import OrderKind, Side, Ticket, TimeInForce
from traderbot.domain.shared.decimals import EXACT
from traderbot.domain.shared.ids import OrderId
from traderbot.domain.shared.values import Price, Quantity, trusted_quantity
from traderbot.domain.simulation.slippage import bps_slippage, to_tick

_NOTHING = Quantity(0)
_AT_ONCE = frozenset({TimeInForce.IOC, TimeInForce.FOK})


@dataclass(frozen=True, kw_only=True)
class Resting:
    """An order that works. Only `Book.apply` makes the next one."""

    order_id: OrderId
    client_order_id: str
    ticket: Ticket  # as amended
    placed_at: datetime
    active_at: datetime
    place: int  # in the queue: lower came first
    traded: Quantity = _NOTHING
    trades: int = 0
    rested: bool = False  # it has met the market once
    triggered: bool = False
    best: Price | None = None  # a trailing stop's: the market's best price since it came
    stop: Price | None = None  # where it triggers now

    @property
    def remaining(self) -> Quantity:
        """What is not traded yet."""
        return self.ticket.quantity - self.traded

    @property
    def waits(self) -> bool:
        """Whether it still waits for its stop."""
        return self.ticket.kind.waits and not self.triggered

    @property
    def takes_any_price(self) -> bool:
        """Whether it trades at whatever price there is, now that it may trade."""
        return self.ticket.limit_price is None

    @property
    def is_immediate(self) -> bool:
        """Whether what it cannot have at once it does not want."""
        return self.ticket.time_in_force in _AT_ONCE

    @property
    def expires_at(self) -> datetime | None:
        """When its time is over; None when it stands until somebody cancels it."""
        return expiry_of(self.ticket, self.placed_at)

    def is_over(self, at: datetime) -> bool:
        """Whether its time is over at an instant."""
        expires_at = self.expires_at
        return expires_at is not None and expires_at <= at


def expiry_of(ticket: Ticket, placed_at: datetime) -> datetime | None:
    """Return when an order's time is over. The simulated venue's day ends at 00:00 UTC."""
    if ticket.time_in_force is TimeInForce.GTD:
        return ticket.expires_at
    if ticket.time_in_force is TimeInForce.DAY:
        day = placed_at.astimezone(UTC) + timedelta(days=1)
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
    return None


def can_trade(side: Side, limit: Price | None, price: Price) -> bool:
    """Whether an order with that limit may trade at that price."""
    if limit is None:
        return True
    return price <= limit if side is Side.BUY else price >= limit


def is_reached(side: Side, stop: Price, price: Price) -> bool:
    """Whether a price triggers a stop: a buyer's from below, a seller's from above."""
    return price >= stop if side is Side.BUY else price <= stop


def within_limit(side: Side, limit: Price | None, price: Price) -> Price:
    """Return the price, or the limit if it would be beyond it."""
    if can_trade(side, limit, price) or limit is None:
        return price
    return limit


def better_for_trail(side: Side, best: Price | None, price: Price) -> Price:
    """Return the better of two prices for whoever trails: a seller follows up, a buyer down."""
    if best is None:
        return price
    return max(best, price) if side is Side.SELL else min(best, price)


def trail_stop(ticket: Ticket, best: Price, tick: Price) -> Price:
    """Return where a trailing stop triggers, on the tick that is farther from the market."""
    assert ticket.kind is OrderKind.TRAILING_STOP  # noqa: S101 - the callers' own doing
    if ticket.trail is not None:
        distance = ticket.trail.value
    else:
        assert ticket.trail_bps is not None  # noqa: S101 - a ticket has one of the two
        distance = bps_slippage(best, ticket.trail_bps)
    buys = ticket.side is Side.BUY
    value = EXACT.add(best.value, distance) if buys else EXACT.subtract(best.value, distance)
    return to_tick(value, tick, up=buys)


def at_most(wanted: Quantity, offered: Quantity | None) -> Quantity:
    """Return how much of what is wanted is offered; None offers everything."""
    return wanted if offered is None else trusted_quantity(min(wanted.value, offered.value))
