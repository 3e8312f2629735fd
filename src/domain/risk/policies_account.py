"""What a portfolio can bear. An order that only reduces a position passes all of it."""

from __future__ import annotations

from decimal import Decimal

from traderbot.domain.orders.ticket import Check
from traderbot.domain.risk.exposure import Exposure, Finding, refusal
from traderbot.domain.shared.decimals import EXACT, add, plain, subtract


def sufficient_funds(exposure: Exposure) -> Finding:
    """Free cash covers the worst case. An order that only reduces a position needs none."""
    free = exposure.portfolio.cash_in(exposure.reserved.currency).free
    passed = not exposure.reserved or exposure.reserved <= free
    return Finding(Check("INSUFFICIENT_FUNDS", str(free), str(exposure.reserved)), passed)


def position_notional(exposure: Exposure) -> Finding | None:
    """One symbol is no more than a share of equity, working orders included at their worst."""
    fraction = exposure.limits.position_notional_fraction
    if fraction is None or not exposure.opening_notional:
        return None
    if not exposure.gross and exposure.at_work <= EXACT.multiply(fraction, exposure.equity.amount):
        return None  # nothing is held, and all that works together is not too much for one symbol
    symbol, portfolio = exposure.ticket.symbol, exposure.portfolio
    value = exposure.opening_notional.amount
    held = portfolio.positions.get(symbol)
    if held is not None and held.net:
        value = add(value, EXACT.abs(EXACT.multiply(held.net, exposure.reference.value)))
    working = portfolio.memory.set_aside(symbol)
    if working is None:  # too many to remember each: then all of them count
        working = portfolio.cash_in(symbol.quote).reserved.amount
    value = add(value, working)
    return _within("POSITION_NOTIONAL_MAX", fraction, value, exposure)


def gross_exposure(exposure: Exposure) -> Finding | None:
    """Everything held and everything working is no more than a share of equity."""
    fraction = exposure.limits.gross_exposure_fraction
    if fraction is None or not exposure.opening_notional:
        return None
    value = add(exposure.gross, exposure.at_work)
    return _within("GROSS_EXPOSURE_MAX", fraction, value, exposure)


def net_exposure(exposure: Exposure) -> Finding | None:
    """What is held long and short against each other, and what works, is no more than a share."""
    fraction = exposure.limits.net_exposure_fraction
    if fraction is None or not exposure.opening_notional:
        return None
    value = add(exposure.net.copy_abs(), exposure.at_work)
    return _within("NET_EXPOSURE_MAX", fraction, value, exposure)


def total_exposure(exposure: Exposure) -> Finding | None:
    """All portfolios together have no more at risk than one number."""
    most, others = exposure.limits.total_exposure_max, exposure.around.elsewhere
    if most is None or others is None or not exposure.opening_notional:
        return None
    value = add(others, exposure.opening_notional.amount)
    if value <= most:
        return None
    quote = exposure.ticket.symbol.quote
    return refusal("TOTAL_EXPOSURE_MAX", f"{plain(most)} {quote}", f"{plain(value)} {quote}")


def daily_loss(exposure: Exposure) -> Finding | None:
    """The portfolio has not lost too much since 00:00 UTC, what it holds included."""
    if not exposure.portfolio.memory.fills:
        return None
    limits = exposure.limits
    fraction = limits.daily_loss_halt
    if limits.daily_loss_reduce is not None:
        reduce = limits.daily_loss_reduce
        fraction = reduce if fraction is None else min(fraction, reduce)
    if fraction is None or not exposure.opening_notional:
        return None
    loss = lost_today(exposure)
    return _within("DAILY_LOSS_MAX", fraction, loss, exposure) if loss > 0 else None


def drawdown(exposure: Exposure) -> Finding | None:
    """The portfolio has not fallen too far from its best of 30 days."""
    fraction = exposure.limits.drawdown_max
    if fraction is None or not exposure.opening_notional or not exposure.portfolio.memory.fills:
        return None
    profit = exposure.portfolio.memory.profit_in(exposure.equity.currency)
    fallen = subtract(profit.peak(exposure.around.at.toordinal()), _profit_now(exposure))
    return _within("DRAWDOWN_MAX", fraction, fallen, exposure) if fallen > 0 else None


def lost_today(exposure: Exposure) -> Decimal:
    """Return the loss since 00:00 UTC, below zero if it is a profit."""
    profit = exposure.portfolio.memory.profit_in(exposure.equity.currency)
    return subtract(profit.opening_of(exposure.around.at.toordinal()), _profit_now(exposure))


def _profit_now(exposure: Exposure) -> Decimal:
    """Return the profit with this symbol at the reference, and all others at their last own price.

    The gate asks no market for the price of everything that is held; whoever has them all calls
    `triggers.loss_trigger` with them.
    """
    symbol, memory = exposure.ticket.symbol, exposure.portfolio.memory
    total = memory.profit_in(exposure.equity.currency).total
    mark, net = memory.marks.get(symbol), exposure.portfolio.position_in(symbol).net
    if mark is None or not net:
        return total
    return add(total, EXACT.multiply(net, subtract(exposure.reference.value, mark)))


def _within(code: str, fraction: Decimal, value: Decimal, exposure: Exposure) -> Finding | None:
    ceiling = EXACT.multiply(fraction, exposure.equity.amount)
    if value <= ceiling:
        return None
    quote = exposure.equity.currency
    return refusal(code, f"{plain(ceiling)} {quote}", f"{plain(value)} {quote}")
