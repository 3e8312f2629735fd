"""The slow and obvious backtest: one long position, in Decimal, with the domain's own functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from traderbot.domain.market.instrument import Instrument
from traderbot.domain.orders.ticket import Side
from traderbot.domain.shared.decimals import EXACT, canonical
from traderbot.domain.shared.values import Money, Price, Quantity, Symbol
from traderbot.domain.simulation.fill_model import FillModel, Slippage, SlippageKind
from traderbot.domain.simulation.slippage import bps_slippage, moved
from traderbot.infrastructure.compute.backtests.terms import Terms

_SYMBOL = Symbol("IBM")


@dataclass
class Slow:
    """What happened, in the words of the kernel's events."""

    cash: Decimal
    held: Decimal = Decimal(0)
    events: list[tuple[object, ...]] = field(default_factory=list)
    equity: list[Fraction] = field(default_factory=list)


def slow_backtest(
    signals: Sequence[int], opens: Sequence[Decimal], closes: Sequence[Decimal], terms: Terms
) -> Slow:
    """Go from bar to bar: fill what was wished, then wish; stop where the cash is overdrawn."""
    model = FillModel(
        maker_fee_bps=terms.fee_bps,
        taker_fee_bps=terms.fee_bps,
        slippage=Slippage(SlippageKind.BPS, terms.slippage_bps),
    )
    instrument = Instrument(
        symbol=_SYMBOL, tick_size=Price(terms.tick), lot_size=Quantity(terms.lot)
    )
    now = Slow(terms.cash)
    waiting: tuple[Side, Decimal] | None = None
    for bar, (sign, opened, close) in enumerate(zip(signals, opens, closes, strict=True)):
        if waiting is not None:
            _fill(now, bar, *waiting, opened, model, instrument)
            waiting = None
        now.equity.append(Fraction(now.cash) + Fraction(now.held) * Fraction(close))
        if now.cash < 0:
            break
        if sign > 0 and not now.held:
            waiting = _buy(now, bar, close, terms, instrument)
        elif sign < 0 and now.held:
            now.events.append(("placed", bar, Side.SELL, now.held, None, Decimal(0), now.cash, ()))
            waiting = Side.SELL, now.held
    return now


def _buy(
    now: Slow, bar: int, close: Decimal, terms: Terms, instrument: Instrument
) -> tuple[Side, Decimal] | None:
    quantity = terms.quantity
    if quantity is None:
        assert terms.share is not None
        budget = EXACT.multiply(now.cash, terms.share)
        if terms.order_most is not None:
            budget = min(budget, terms.order_most)
        quantity = Decimal(0)
        if budget > 0:
            quantity = instrument.whole_lots(EXACT.divide(budget, close)).value
    codes = []
    if not quantity:
        codes.append("BUDGET_BELOW_ONE_LOT")
    else:
        notional = Money(EXACT.multiply(close, quantity), _SYMBOL.quote)
        cushioned = notional.times(EXACT.add(1, terms.cushion))
        worst = cushioned + cushioned.times(EXACT.scaleb(terms.reserved_fee_bps, -4))
        if worst.amount > now.cash:
            codes.append("INSUFFICIENT_FUNDS")
        ceilings = [] if terms.order_most is None else [terms.order_most]
        if terms.order_fraction is not None:
            ceilings.append(EXACT.multiply(now.cash, terms.order_fraction))
        if ceilings and notional.amount > min(ceilings):
            codes.append("ORDER_NOTIONAL_MAX")
    if codes:
        what = ("refused", bar, Side.BUY, quantity, close, Decimal(0), now.cash, tuple(codes))
        now.events.append(what)
        return None
    now.events.append(("placed", bar, Side.BUY, quantity, None, Decimal(0), now.cash, ()))
    return Side.BUY, quantity


def _fill(  # noqa: PLR0917 - all that a fill looks at
    now: Slow,
    bar: int,
    side: Side,
    quantity: Decimal,
    opened: Decimal,
    model: FillModel,
    instrument: Instrument,
) -> None:
    by = bps_slippage(Price(opened), model.slippage.amount)
    price = moved(Price(opened), side, by, instrument.tick_size)
    notional = price.notional(Quantity(quantity), _SYMBOL)
    fee = model.fee(notional, maker=False)
    paid = notional + fee if side is Side.BUY else fee - notional
    now.cash = canonical(EXACT.subtract(now.cash, paid.amount))
    now.held = quantity if side is Side.BUY else Decimal(0)
    now.events.append(("filled", bar, side, quantity, price.value, fee.amount, now.cash, ()))
