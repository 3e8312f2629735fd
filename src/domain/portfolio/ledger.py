"""The double-entry ledger: every portfolio event as postings that sum to exactly zero.

Assets and expenses grow with positive amounts; deposits and profit are their negative
counterparts. One pure function, so a stored entry can always be computed again from its event.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from traderbot.domain.portfolio.events import (
    CashCorrected,
    CashDeposited,
    CashWithdrawn,
    ExposureReleased,
    ExposureReserved,
    FillBooked,
    PortfolioEvent,
    PortfolioOpened,
)
from traderbot.domain.portfolio.portfolio import free_change
from traderbot.domain.shared.values import Currency, Money

FREE = "cash:free"
RESERVED = "cash:reserved"
COLLATERAL = "cash:collateral"
DEPOSITS = "equity:deposits"
CORRECTIONS = "equity:corrections"
PROFIT = "income:realised"
FEES = "expense:fees"


@dataclass(frozen=True, slots=True)
class Posting:
    """One line of one entry."""

    account: str
    amount: Money


def postings(event: PortfolioEvent) -> tuple[Posting, ...]:
    """Return the ledger entry of an event, without lines of nothing; they sum to zero."""
    lines: tuple[Posting, ...]
    match event:
        case FillBooked():
            lines = (
                Posting(FREE, free_change(event)),
                Posting(RESERVED, -event.reservation_used),
                Posting(COLLATERAL, event.collateral_change),
                Posting(f"position:{event.symbol}", event.cost_change),
                Posting(PROFIT, -event.realised),
                *_fee(event),
            )
        case ExposureReserved(cash=cash):
            lines = _transfer(FREE, RESERVED, cash)
        case ExposureReleased(cash=cash):
            lines = _transfer(RESERVED, FREE, cash)
        case CashDeposited(amount=amount):
            lines = _transfer(DEPOSITS, FREE, amount)
        case CashWithdrawn(amount=amount):
            lines = _transfer(FREE, DEPOSITS, amount)
        case CashCorrected(amount=amount):
            lines = _transfer(CORRECTIONS, FREE, amount)
        case PortfolioOpened():
            lines = ()
    return tuple(line for line in lines if line.amount)


def imbalance(lines: Iterable[Posting]) -> dict[Currency, Money]:
    """Return what the lines do not balance to, by currency; empty when the books balance."""
    sums: dict[Currency, Money] = {}
    for line in lines:
        known = sums.get(line.amount.currency)
        sums[line.amount.currency] = line.amount if known is None else known + line.amount
    return {currency: left for currency, left in sums.items() if left}


def _transfer(source: str, target: str, amount: Money) -> tuple[Posting, ...]:
    return (Posting(source, -amount), Posting(target, amount))


def _fee(event: FillBooked) -> tuple[Posting, ...]:
    if event.fee.currency == event.notional.currency:
        return (Posting(FEES, event.fee),)  # free_change has taken it from free cash already
    return (Posting(FREE, -event.fee), Posting(FEES, event.fee))
