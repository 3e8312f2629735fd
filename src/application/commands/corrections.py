"""Put right what was recorded wrongly: nothing is changed, an event makes up for it."""

from __future__ import annotations

from dataclasses import dataclass

from traderbot.application.errors import NotFoundError
from traderbot.application.ports.clock import Clock
from traderbot.application.ports.commands import Command
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.application.views import PortfolioView
from traderbot.domain.shared.ids import PortfolioId
from traderbot.domain.shared.values import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectCash(Command[PortfolioView]):
    """An operator adds to a portfolio's free cash, or takes from it, and says why.

    `corrects` is the id of the event that was wrong; whoever asks has looked it up.
    """

    portfolio_id: PortfolioId
    amount: Money
    reason: str
    corrects: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectCashHandler:
    """Handles `CorrectCash`. Only operators send it: it asks nobody whose portfolio it is."""

    clock: Clock

    def __call__(self, command: CorrectCash, unit: UnitOfWork) -> PortfolioView:
        """Return the portfolio.

        Raises:
            NotFoundError: there is no such portfolio.
            InvalidTransferError, InsufficientFundsError: nothing, or more than is free.
            InvalidValueError: no reason is given.
        """
        portfolio = unit.portfolios.find(command.portfolio_id)
        if portfolio is None:
            raise NotFoundError("portfolio", command.portfolio_id)
        events = portfolio.correct(
            command.amount, command.reason, corrects=command.corrects, at=self.clock.now()
        )
        return PortfolioView.of(unit.portfolios.record(portfolio.id, events))
