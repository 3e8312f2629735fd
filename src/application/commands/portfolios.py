"""Open portfolios; move cash in and out of them."""

from __future__ import annotations

from dataclasses import dataclass

from traderbot.application.commands.placing import ensure_active, owned_portfolio
from traderbot.application.ports.clock import Clock, IdSource
from traderbot.application.ports.commands import Command
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.application.views import PortfolioView
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.shared.ids import PortfolioId, UserId
from traderbot.domain.shared.values import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPortfolio(Command[PortfolioView]):
    """Somebody wants a portfolio, perhaps with cash in it from the start."""

    owner_id: UserId
    name: str
    cash: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPortfolioHandler:
    """Handles `OpenPortfolio`."""

    clock: Clock
    ids: IdSource

    def __call__(self, command: OpenPortfolio, unit: UnitOfWork) -> PortfolioView:
        """Return the portfolio. Raises NotAllowedError, InvalidValueError, InvalidTransferError."""
        ensure_active(unit, command.owner_id)
        id_, at = PortfolioId(self.ids.new()), self.clock.now()
        portfolio = unit.portfolios.record(
            id_, Portfolio.open(id_, command.owner_id, command.name, at=at)
        )
        if command.cash is not None:
            portfolio = unit.portfolios.record(id_, portfolio.deposit(command.cash, at=at))
        return PortfolioView.of(portfolio)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit(Command[PortfolioView]):
    """Money comes in."""

    owner_id: UserId
    portfolio_id: PortfolioId
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositHandler:
    """Handles `Deposit`."""

    clock: Clock

    def __call__(self, command: Deposit, unit: UnitOfWork) -> PortfolioView:
        """Return the portfolio. Raises NotFoundError, NotAllowedError, InvalidTransferError."""
        ensure_active(unit, command.owner_id)
        portfolio = owned_portfolio(unit, command.portfolio_id, command.owner_id)
        events = portfolio.deposit(command.amount, at=self.clock.now())
        return PortfolioView.of(unit.portfolios.record(portfolio.id, events))


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw(Command[PortfolioView]):
    """Money goes out."""

    owner_id: UserId
    portfolio_id: PortfolioId
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawHandler:
    """Handles `Withdraw`."""

    clock: Clock

    def __call__(self, command: Withdraw, unit: UnitOfWork) -> PortfolioView:
        """Return the portfolio.

        Raises:
            NotFoundError, NotAllowedError: not the caller's, or the caller may not act.
            InvalidTransferError, InsufficientFundsError: nothing, or more than is free.
        """
        ensure_active(unit, command.owner_id)
        portfolio = owned_portfolio(unit, command.portfolio_id, command.owner_id)
        events = portfolio.withdraw(command.amount, at=self.clock.now())
        return PortfolioView.of(unit.portfolios.record(portfolio.id, events))
