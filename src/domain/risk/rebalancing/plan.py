"""The rebalancing plan: from what is held to what is wanted, in as few orders as it takes.

The rule, in words:

- Equity is the free cash plus everything held at its reference price. A position's gap is its
  target weight times the equity, less what it is worth.
- A position is left alone while its gap is within the tolerance (a share of the equity), or is less
  than one lot. A target of zero knows no tolerance: what is not wanted is sold.
- Otherwise one order closes the gap as far as whole lots go, never beyond the target.
- Sells come before buys, and buys spend the cash there is and what the sells bring in, less fees.
  Where that is not enough, every buy is cut by the same share, and what whole lots leave over goes
  to the widest gap first.
- Fees make the equity smaller, and so the targets. The plan is therefore made again on what it
  would leave behind, and both are merged, until nothing more is to be done. So a plan made after
  all its orders filled at their reference prices is empty, unless the limit of one order had
  stopped it (then the next plan goes on), or a cushion for market orders held cash back.

Everything is exact Decimals. The order of the input does not matter. Long positions only, one
currency only: a plan never converts, and never sells short.

Source:
    Tolerance bands instead of calendar dates: C. Donohue and K. Yip, "Optimal Portfolio Rebalancing
    with Transaction Costs", Journal of Portfolio Management 29(4), 2003. They trade to the edge of
    the band; this plan trades to the target, which needs fewer orders over time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import reduce
from types import MappingProxyType

from traderbot.domain.risk.rebalancing.answer import (
    IntendedOrder,
    RebalancingPlan,
    Unreached,
    WhyNot,
)
from traderbot.domain.risk.rebalancing.desk import Desk
from traderbot.domain.risk.rebalancing.question import Holding, RebalancingRules
from traderbot.domain.risk.sizing.sized_quantity import DOWN, in_quote
from traderbot.domain.shared.decimals import EXACT, PLACES, ZERO, canonical, plain
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Money, Price, Quantity, Symbol

_ONE = Decimal(1)
_QUANTUM = Decimal(1).scaleb(-PLACES)
_TICK_ERROR = Decimal(200)  # a price moves by at most one part in this many when put on its tick
_ROUNDS = 64  # each needs about a fee's share of the one before; three or four are usual


def plan_rebalancing(
    holdings: Iterable[Holding], cash: Money, rules: RebalancingRules
) -> RebalancingPlan:
    """Return the orders that bring the holdings to their targets; the rest stays in cash.

    Reference prices are put on the nearest tick first, and everything is measured with that.

    Args:
        holdings: one line a symbol, in any order; everything that is held has one.
        cash: what is free to spend. Below zero it is a debt, which only sells can pay.
        rules: tolerance, fees and limits.

    Raises:
        InvalidValueError: two lines of one symbol, targets that add up to more than 1, equity that
            is not above zero, or a price too small for its instrument's tick.
        CurrencyMismatchError: a symbol is not priced in the currency of the cash.
    """
    lines = _checked(holdings, cash)
    desk = Desk(lines=lines, cash=cash, rules=rules, trades=dict.fromkeys(lines, ZERO))
    before = desk.equity()
    if before <= 0:
        msg = f"there is nothing to rebalance: the equity is {plain(before)} {cash.currency}"
        raise InvalidValueError(msg)
    left_out: frozenset[Symbol] = frozenset()
    while True:
        found = _settle(desk, left_out)
        too_small = found.too_small()
        if not too_small:
            return _told(found.desk, found.why, before)
        # What later rounds made smaller than the smallest trade is planned without, anew.
        left_out |= too_small


@dataclass(frozen=True, slots=True)
class _Settled:
    """A desk on which nothing more is to be done, and what kept it from more."""

    desk: Desk
    why: Mapping[Symbol, WhyNot]

    def too_small(self) -> frozenset[Symbol]:
        """Return the symbols whose merged orders are below the smallest trade."""
        least = self.desk.rules.minimum_trade
        return frozenset(it.symbol for it in self.desk.orders() if it.notional.amount < least)


def _settle(desk: Desk, left_out: frozenset[Symbol]) -> _Settled:
    """Look again at what the orders so far would leave behind, until no order is missing."""
    fixed: dict[Symbol, WhyNot] = dict.fromkeys(left_out, WhyNot.MINIMUM_TRADE)
    why: Mapping[Symbol, WhyNot] = fixed
    for _ in range(_ROUNDS):
        found = _pass(desk, fixed)
        why = {**found.why, **fixed}
        if not found.trades:
            break
        desk = desk.with_trades(found.trades)
        at_limit = [name for name, reason in found.why.items() if reason is WhyNot.ORDER_LIMIT]
        fixed |= dict.fromkeys(at_limit, WhyNot.ORDER_LIMIT)
    return _Settled(desk, why)


@dataclass(frozen=True, slots=True)
class _Pass:
    """What one look at the desk asks for, and what kept it from asking for more."""

    trades: Mapping[Symbol, Decimal]
    why: Mapping[Symbol, WhyNot]


def _pass(desk: Desk, fixed: Mapping[Symbol, WhyNot]) -> _Pass:
    """Ask for everything that is a whole lot or more away, as if no order had been made yet."""
    equity = desk.equity()
    sells: dict[Symbol, Decimal] = {}
    buys: dict[Symbol, Decimal] = {}
    why: dict[Symbol, WhyNot] = {}
    for name in desk.lines:
        gap = desk.gap(name, equity)
        if name in fixed or not desk.outside(name, gap, equity):
            continue
        wanted = desk.lots(name, gap.copy_abs())
        if not wanted:
            why[name] = WhyNot.BELOW_ONE_LOT
            continue
        allowed, reason = _allowed(desk, name, wanted, buying=gap > 0)
        if reason is not None:
            why[name] = reason
        if not allowed:
            continue
        if desk.worth(name, allowed) < desk.rules.minimum_trade:
            why.setdefault(name, WhyNot.MINIMUM_TRADE)
        elif gap > 0:
            buys[name] = allowed
        else:
            sells[name] = EXACT.minus(allowed)
    bought, short = _afford(desk.with_trades(sells), buys, equity)
    return _Pass({**sells, **bought}, {**why, **short})


def _allowed(
    desk: Desk, name: Symbol, wanted: Decimal, *, buying: bool
) -> tuple[Decimal, WhyNot | None]:
    """Return how much of it other orders and the limit of one order let pass."""
    line, so_far = desk.lines[name], desk.trades[name]
    allowed, reason = wanted, None
    if not buying and line.sellable is not None:
        free = EXACT.add(line.sellable.value, so_far)
        if free < allowed:
            allowed = line.instrument.whole_lots(max(free, ZERO)).value
            reason = WhyNot.WORKING_ORDERS
    if desk.rules.order_notional_max is not None:
        same_way = so_far.copy_abs() if (so_far > 0) is buying else ZERO
        left = EXACT.subtract(desk.rules.order_notional_max, desk.worth(name, same_way))
        most = desk.lots(name, max(left, ZERO))
        if most < allowed:
            allowed, reason = most, WhyNot.ORDER_LIMIT
    return allowed, reason


def _afford(
    desk: Desk, buys: Mapping[Symbol, Decimal], equity: Decimal
) -> tuple[dict[Symbol, Decimal], dict[Symbol, WhyNot]]:
    """Cut the buys to the cash there is after the sells."""
    wanted, why = dict(buys), dict[Symbol, WhyNot]()
    while wanted:
        cut = _cut(desk, wanted, equity)
        why |= {name: WhyNot.CASH for name in wanted if cut[name] < wanted[name]}
        too_small = [
            name
            for name in wanted
            if not cut[name] or desk.worth(name, cut[name]) < desk.rules.minimum_trade
        ]
        if not too_small:
            return cut, why
        # The smallest makes room for the others; then they are cut anew.
        smallest = min(too_small, key=lambda name: (desk.worth(name, wanted[name]), name.code))
        del wanted[smallest]
    return {}, why


def _cut(desk: Desk, wanted: Mapping[Symbol, Decimal], equity: Decimal) -> dict[Symbol, Decimal]:
    budget = desk.spendable()
    total = _cost(desk, wanted)
    if total <= max(budget, ZERO):
        return dict(wanted)
    cut = {}
    for name in wanted:
        scaled = DOWN.multiply(wanted[name], DOWN.divide(max(budget, ZERO), total))
        cut[name] = desk.lines[name].instrument.whole_lots(scaled).value
    left = EXACT.subtract(budget, _cost(desk, cut))
    # What whole lots left over, to the widest gap first.
    for name in sorted(wanted, key=lambda name: (EXACT.minus(desk.gap(name, equity)), name.code)):
        more = _most(desk, name, cut[name], EXACT.subtract(wanted[name], cut[name]), left)
        left = EXACT.add(left, desk.cost(name, cut[name]))
        cut[name] = EXACT.add(cut[name], more)
        left = EXACT.subtract(left, desk.cost(name, cut[name]))
    return cut


def _most(desk: Desk, name: Symbol, have: Decimal, wanted: Decimal, left: Decimal) -> Decimal:
    """Return how much more of it `left` buys; less than nothing where it is overdrawn."""
    unit, lot = desk.lot_cost(name), desk.lines[name].instrument.lot_size.value
    more = min(wanted, EXACT.multiply(EXACT.divide_int(max(left, ZERO), unit), lot))
    affordable = EXACT.add(desk.cost(name, have), left)
    # Amounts are rounded at the last place: what that takes too much is given back in whole lots.
    while EXACT.add(have, more) > 0:
        over = EXACT.subtract(desk.cost(name, EXACT.add(have, more)), affordable)
        if over <= 0:
            break
        lots = EXACT.add(EXACT.divide_int(over, unit), _ONE)
        more = max(EXACT.subtract(more, EXACT.multiply(lots, lot)), EXACT.minus(have))
    return more


def _cost(desk: Desk, buys: Mapping[Symbol, Decimal]) -> Decimal:
    return reduce(EXACT.add, (desk.cost(name, buys[name]) for name in buys), ZERO)


def _checked(holdings: Iterable[Holding], cash: Money) -> dict[Symbol, Holding]:
    lines: dict[Symbol, Holding] = {}
    for line in sorted(holdings, key=lambda line: line.symbol.code):
        if line.symbol in lines:
            msg = f"{line.symbol} has two lines: add up what is held of it"
            raise InvalidValueError(msg)
        in_quote(line.symbol, cash=cash)
        lines[line.symbol] = replace(line, reference=_ticked(line))
    total = reduce(EXACT.add, (line.target for line in lines.values()), ZERO)
    if total > 1:
        msg = f"the targets add up to {plain(total)}; they are shares of one whole, at most 1"
        raise InvalidValueError(msg)
    return lines


def _ticked(line: Holding) -> Price:
    tick, price = line.instrument.tick_size.value, line.reference.value
    ticks = EXACT.divide(price, tick).quantize(_ONE, context=EXACT)
    nearest = EXACT.multiply(ticks, tick)
    moved = EXACT.subtract(nearest, price).copy_abs()
    if EXACT.multiply(moved, _TICK_ERROR) > price:
        msg = (
            f"{line.symbol} at {line.reference} does not fit a tick of {plain(tick)}: "
            "give the instrument the tick size of its venue"
        )
        raise InvalidValueError(msg)
    return Price(nearest)


def _told(desk: Desk, why: Mapping[Symbol, WhyNot], before: Decimal) -> RebalancingPlan:
    orders, cash, equity = desk.orders(), desk.cash_after(), desk.equity()
    of = cash.currency
    unreached: list[Unreached] = []
    weights = {name: _weight(desk.value(name), equity) for name in desk.lines}
    for name, line in desk.lines.items():
        gap = desk.gap(name, equity)
        if not desk.outside(name, gap, equity):
            continue
        below = not desk.lots(name, gap.copy_abs())
        reason = WhyNot.BELOW_ONE_LOT if below else why.get(name, WhyNot.NOT_SETTLED)
        unreached.append(
            Unreached(
                symbol=name,
                why=reason,
                target=line.target,
                weight=weights[name],
                gap=Money(canonical(gap.quantize(_QUANTUM, context=EXACT)), of),
            )
        )
    return RebalancingPlan(
        orders=tuple(orders),
        unreached=tuple(unreached),
        quantities=MappingProxyType({name: Quantity(desk.quantity(name)) for name in desk.lines}),
        weights=MappingProxyType(weights),
        cash=cash,
        fees=_fees(orders, cash),
        equity_before=Money(before, of),
        equity_after=Money(equity, of),
    )


def _fees(orders: Sequence[IntendedOrder], cash: Money) -> Money:
    return reduce(Money.__add__, (order.fee for order in orders), Money.zero(cash.currency))


def _weight(value: Decimal, equity: Decimal) -> Decimal:
    return canonical(EXACT.divide(value, equity).quantize(_QUANTUM, context=EXACT))
