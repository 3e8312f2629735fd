"""The paper venue: trades working orders against real bars, deterministically.

A market order fills at the open of the first bar that opens at or after it was placed, worse by
the slippage. A limit order fills at its limit, or at the open when the bar opens beyond it. Nothing
fills on the bar a decision was made on: its prices were what the decision was made with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from traderbot.application.ports.bar_venue import VenueFill
from traderbot.application.ports.venue import WorkingOrder
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.instrument import default_instrument
from traderbot.domain.orders.ticket import Fill, OrderKind, Side
from traderbot.domain.shared.decimals import EXACT
from traderbot.domain.shared.ids import FillId, OrderId
from traderbot.domain.shared.values import Price, Symbol

_BPS = Decimal(10_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What trading costs, in hundredths of a percent: of the notional, and of the price."""

    fee_bps: Decimal = Decimal(10)
    slippage_bps: Decimal = Decimal(5)


class PaperVenue:
    """`Venue` in this process. It remembers the open orders, which the log can always give back."""

    name = "paper"

    def __init__(self, costs: Costs) -> None:
        """Start with no orders."""
        self._costs = costs
        self._working: dict[OrderId, WorkingOrder] = {}

    def submit(self, order: WorkingOrder) -> str:
        """Take an order in."""
        self._working.setdefault(order.order_id, order)
        return f"paper-{order.order_id}"

    def forget(self, order_id: OrderId) -> None:
        """Take an order out."""
        self._working.pop(order_id, None)

    def working(self, symbol: Symbol) -> Sequence[OrderId]:
        """Return the orders it has of a symbol."""
        return [it.order_id for it in self._working.values() if it.ticket.symbol == symbol]

    def on_bar(self, bar: Bar) -> Sequence[VenueFill]:
        """Trade against one bar; each order fills wholly or not at all."""
        fills = []
        for order in list(self._working.values()):
            price = fill_price(order, bar, self._costs)
            if price is not None:
                fills.append(VenueFill(order.order_id, self._fill(order, bar, price)))
        return fills

    def _fill(self, order: WorkingOrder, bar: Bar, price: Price) -> Fill:
        notional = price.notional(order.remaining, order.ticket.symbol)
        return Fill(
            # Made from the order alone: a venue that trades it again after a crash says so.
            id=FillId(f"{self.name}:{order.order_id}:{order.fills + 1}"),
            at=bar.at,
            quantity=order.remaining,
            price=price,
            fee=notional.times(EXACT.divide(self._costs.fee_bps, _BPS)),
        )


def fill_price(order: WorkingOrder, bar: Bar, costs: Costs) -> Price | None:
    """Return the price one bar fills an order at, or None if it does not."""
    ticket = order.ticket
    if bar.symbol != ticket.symbol or bar.at < order.placed_at:
        return None
    if ticket.kind is OrderKind.MARKET or ticket.limit_price is None:
        return _slipped(bar.open, ticket.side, costs, bar)
    limit = ticket.limit_price
    if ticket.side is Side.BUY:
        return min(bar.open, limit) if bar.low <= limit else None
    return max(bar.open, limit) if bar.high >= limit else None


def _slipped(price: Price, side: Side, costs: Costs, bar: Bar) -> Price:
    """Move a price against the order, to the next tick on the wrong side of it."""
    if not costs.slippage_bps:
        return price
    share = EXACT.divide(costs.slippage_bps, _BPS)
    towards = EXACT.add(1, share) if side is Side.BUY else EXACT.subtract(1, share)
    tick = default_instrument(bar.symbol).tick_size.value
    rounding = ROUND_CEILING if side is Side.BUY else ROUND_FLOOR
    ticks = EXACT.divide(EXACT.multiply(price.value, towards), tick).to_integral_value(rounding)
    worse = EXACT.multiply(ticks, tick)
    return Price(worse if worse > 0 else tick)
