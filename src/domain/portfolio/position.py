"""A position at average cost, long or short, with realised profit exact to the last digit.

The average is never stored: the whole cost is, and a partial close takes its share of it. What
rounding leaves stays in the cost and leaves with the last unit, so over a position's life the
profit is exactly what came in less what went out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

from traderbot.domain.orders.ticket import Fill, Side
from traderbot.domain.portfolio.events import FillBooked
from traderbot.domain.shared.decimals import (
    EXACT,
    ZERO,
    add,
    canonical,
    negate,
    share,
    subtract,
)
from traderbot.domain.shared.history import evolve
from traderbot.domain.shared.values import (
    Money,
    Quantity,
    Symbol,
    trusted_money,
    trusted_quantity,
)

_NOTHING = Quantity(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionChange:
    """What one fill does to a position and to the cash beside it."""

    notional: Money
    closed: Quantity
    cost_change: Money
    realised: Money
    collateral_change: Money


@dataclass(frozen=True, kw_only=True)
class Position:
    """What is held of one symbol: above zero long, below zero short."""

    symbol: Symbol
    net: Decimal = ZERO
    cost: Money
    realised: Money
    fees: Money
    collateral: Money
    claimed: Quantity = _NOTHING  # by working orders that will reduce it, of both sides
    claimed_by_buys: Quantity = _NOTHING  # of that: by those that reduce a short position
    opened_at: datetime | None = None
    closed_at: datetime | None = None

    @staticmethod
    @lru_cache(maxsize=4096)
    def flat(symbol: Symbol) -> Position:
        """Return a position of nothing."""
        nothing = Money.zero(symbol.quote)
        return Position(
            symbol=symbol, cost=nothing, realised=nothing, fees=nothing, collateral=nothing
        )

    @property
    def is_open(self) -> bool:
        """Whether anything is held."""
        return bool(self.net)

    @property
    def average_price(self) -> Decimal | None:
        """What one held unit cost on average, to 18 places; None when flat."""
        if not self.net:
            return None
        return canonical(
            EXACT.divide(self.cost.amount, self.net).quantize(Decimal(1).scaleb(-18), context=EXACT)
        )

    def claimed_by(self, side: Side) -> Quantity:
        """Return what working orders on that side have claimed."""
        buys = self.claimed_by_buys
        if side is Side.BUY:
            return buys
        return self.claimed - buys if buys else self.claimed

    def against(self, side: Side) -> Decimal:
        """Return what is held against an order on that side; below zero if it is held with it."""
        return self.net if side is Side.SELL else negate(self.net)

    def closable(self, side: Side) -> Quantity:
        """Return how much an order on that side could reduce, less what others there have claimed.

        A position that has turned keeps the claims of the orders that worked before: they are
        against what is not held any more, and take nothing from those on the other side.
        """
        against, claimed = self.against(side), self.claimed_by(side).value
        if against <= claimed:
            return _NOTHING
        return trusted_quantity(subtract(against, claimed))

    def claim(self, side: Side | None, closing: Quantity) -> Position:
        """Return the position with that much more claimed by orders on a side.

        None is how older logs say it: then it is the side that reduces what is held.
        """
        side = side or (Side.BUY if self.net < 0 else Side.SELL)
        return self._claiming(side, self.claimed + closing, self.claimed_by(side) + closing)

    def unclaim(self, side: Side | None, closing: Quantity) -> Position:
        """Return the position with that much less claimed; None: by whoever has claimed as much."""
        if side is None:
            first, other = (Side.BUY, Side.SELL) if self.net < 0 else (Side.SELL, Side.BUY)
            side = first if self.claimed_by(first) >= closing else other
        return self._claiming(side, self.claimed - closing, self.claimed_by(side) - closing)

    def _claiming(self, side: Side, claimed: Quantity, of_side: Quantity) -> Position:
        buys = of_side if side is Side.BUY else self.claimed_by_buys
        return evolve(self, claimed=claimed, claimed_by_buys=buys)

    def change_by(self, side: Side, fill: Fill, set_aside: Money) -> PositionChange:
        """Decide what the fill does: it closes what is held against it first, then opens.

        What a short sale brought in stays locked, and as much again: no leverage. But if it brought
        in more than the order had `set_aside` for it, after its fee, then only that is added: a
        better price never takes more than was approved.
        """
        quantity = fill.quantity.value
        held = self.net.copy_abs()
        against = self.net < 0 if side is Side.BUY else self.net > 0
        closed = min(quantity, held) if against else ZERO
        notional = fill.price.notional(fill.quantity, self.symbol)
        of_close = share(notional.amount, closed, quantity) if closed else ZERO
        of_open = subtract(notional.amount, of_close)
        added = of_open if side is Side.BUY else negate(of_open)
        received = negate(of_close) if side is Side.BUY else of_close
        removed = share(self.cost.amount, closed, held) if closed else ZERO
        freed = share(self.collateral.amount, closed, held) if closed else ZERO
        locked = add(of_open, _margin(of_open, fill.fee, set_aside)) if side is Side.SELL else ZERO
        quote = self.symbol.quote
        return PositionChange(
            notional=notional,
            closed=trusted_quantity(closed),
            cost_change=trusted_money(subtract(added, removed), quote),
            realised=trusted_money(subtract(received, removed), quote),
            collateral_change=trusted_money(subtract(locked, freed), quote),
        )

    def apply(self, event: FillBooked) -> Position:
        """Return the position after a booked fill."""
        move = add if event.side is Side.BUY else subtract
        net = move(self.net, event.quantity.value)
        # The ambient decimal context rounds `-x`, `abs(x)` and `x * y`: signs are compared instead.
        turned = (self.net > 0) is not (net > 0)
        opened_at = event.at if net and (turned or not self.net) else self.opened_at
        fees = self.fees
        return evolve(
            self,
            net=net,
            cost=self.cost + event.cost_change,
            realised=self.realised + event.realised,
            fees=fees + event.fee if event.fee.currency == fees.currency else fees,
            collateral=self.collateral + event.collateral_change,
            claimed=self.claimed - event.closing_used,
            claimed_by_buys=self.claimed_by_buys - event.closing_used
            if event.side is Side.BUY
            else self.claimed_by_buys,
            opened_at=opened_at,
            closed_at=None if net else event.at,
        )


def _margin(opened: Decimal, fee: Money, set_aside: Money) -> Decimal:
    """Return what a short sale locks beside its proceeds."""
    if not set_aside:  # a fill nobody waits for any more: free cash must do
        return opened
    left = set_aside - fee if fee.currency == set_aside.currency else set_aside
    return min(opened, max(left.amount, ZERO))
