"""The desk a plan is made on: the holdings, the orders so far, and what they would leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import reduce

from traderbot.domain.orders.ticket import Side
from traderbot.domain.risk.rebalancing.answer import IntendedOrder
from traderbot.domain.risk.rebalancing.question import Holding, RebalancingRules
from traderbot.domain.risk.sizing.sized_quantity import DOWN
from traderbot.domain.shared.decimals import EXACT, ZERO, canonical
from traderbot.domain.shared.values import Money, Symbol, trusted_quantity

_ONE = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The holdings and the orders so far: above zero bought, below zero sold."""

    lines: Mapping[Symbol, Holding]
    cash: Money
    rules: RebalancingRules
    trades: Mapping[Symbol, Decimal]

    def with_trades(self, more: Mapping[Symbol, Decimal]) -> Desk:
        """Return the desk with further trades, merged with those it has."""
        both = {name: EXACT.add(it, more.get(name, ZERO)) for name, it in self.trades.items()}
        return replace(self, trades=both)

    def quantity(self, name: Symbol) -> Decimal:
        """Return what would be held."""
        return EXACT.add(self.lines[name].held.value, self.trades[name])

    def orders(self) -> list[IntendedOrder]:
        """Return the orders, sells first, each by symbol."""
        made = [
            order
            for name, traded in self.trades.items()
            if (order := self._order(name, traded)) is not None
        ]
        return sorted(made, key=lambda order: (order.side is Side.BUY, order.symbol.code))

    def cash_after(self) -> Money:
        """Return what is left when all orders have filled at their reference prices."""
        left = self.cash
        for order in self.orders():
            paid = -order.notional if order.side is Side.BUY else order.notional
            left = left + paid - order.fee
        return left

    def spendable(self) -> Decimal:
        """Return what further buys may take, after what these orders take at worst."""
        taken = reduce(EXACT.add, (self._taken(name, self.trades[name]) for name in self.lines))
        return EXACT.subtract(self.cash.amount, taken)

    def cost(self, name: Symbol, more: Decimal) -> Decimal:
        """Return what buying so much more takes from what is spendable, to the last digit."""
        so_far = self.trades[name]
        return EXACT.subtract(self._taken(name, EXACT.add(so_far, more)), self._taken(name, so_far))

    def lot_cost(self, name: Symbol) -> Decimal:
        """Return what one lot takes at worst, unrounded: above zero, however small."""
        line = self.lines[name]
        notional = EXACT.multiply(line.reference.value, line.instrument.lot_size.value)
        worst = EXACT.multiply(notional, EXACT.add(_ONE, self.rules.market_order_cushion))
        return EXACT.multiply(worst, EXACT.add(_ONE, self._fee))

    def equity(self) -> Decimal:
        """Return what everything would be worth, cash included."""
        parts = [self.value(name) for name in self.lines]
        return reduce(EXACT.add, parts, self.cash_after().amount)

    def value(self, name: Symbol) -> Decimal:
        """Return what would be held of a symbol, at its reference price."""
        quantity = trusted_quantity(self.quantity(name))
        return self.lines[name].reference.notional(quantity, name).amount

    def gap(self, name: Symbol, equity: Decimal) -> Decimal:
        """Return what a position would be short of its target; below zero, what it is over."""
        return EXACT.subtract(EXACT.multiply(self.lines[name].target, equity), self.value(name))

    def outside(self, name: Symbol, gap: Decimal, equity: Decimal) -> bool:
        """Return whether a gap is too wide to be left alone."""
        if not self.lines[name].target:
            return bool(gap)
        return gap.copy_abs() > EXACT.multiply(self.rules.tolerance, equity)

    def lots(self, name: Symbol, amount: Decimal) -> Decimal:
        """Return the most whole lots that are worth no more than `amount`."""
        line = self.lines[name]
        quantity = DOWN.divide(amount, line.reference.value)
        return line.instrument.whole_lots(quantity).value

    def worth(self, name: Symbol, quantity: Decimal) -> Decimal:
        """Return what so many units cost at the reference price, unrounded."""
        return EXACT.multiply(self.lines[name].reference.value, quantity)

    def _order(self, name: Symbol, traded: Decimal) -> IntendedOrder | None:
        if not traded:
            return None
        reference = self.lines[name].reference
        quantity = trusted_quantity(canonical(traded.copy_abs()))
        notional = reference.notional(quantity, name)
        return IntendedOrder(
            symbol=name,
            side=Side.BUY if traded > 0 else Side.SELL,
            quantity=quantity,
            reference=reference,
            notional=notional,
            fee=notional.times(self._fee),
        )

    def _taken(self, name: Symbol, traded: Decimal) -> Decimal:
        """Return what an order takes from the cash, at worst; below zero, what it brings in."""
        order = self._order(name, traded)
        if order is None:
            return ZERO
        if order.side is Side.SELL:
            return EXACT.subtract(order.fee.amount, order.notional.amount)
        worst = order.notional.times(EXACT.add(_ONE, self.rules.market_order_cushion))
        return (worst + worst.times(self._fee)).amount

    @property
    def _fee(self) -> Decimal:
        return EXACT.scaleb(self.rules.fee_bps, -4)
