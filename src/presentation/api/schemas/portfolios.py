"""Portfolios: bodies in, views out."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from traderbot.application.commands.portfolios import Deposit, OpenPortfolio, Withdraw
from traderbot.application.views import Page, PortfolioView, PositionView
from traderbot.domain.shared.ids import PortfolioId, UserId
from traderbot.domain.shared.values import Money
from traderbot.presentation.api.schemas.values import (
    EXAMPLE_INSTANT,
    EXAMPLE_PORTFOLIO,
    EXAMPLE_USER,
    Amount,
    Body,
    CurrencyText,
    CursorText,
    DecimalText,
    Instant,
    LimitNumber,
    NameText,
    Out,
    Query,
)


class MoneyBody(Body):
    """An amount of one currency."""

    amount: DecimalText
    currency: CurrencyText

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"amount": "2500.00", "currency": "USD"}]}
    )

    def to_money(self) -> Money:
        """Return the domain's value."""
        return Money(self.amount, self.currency)

    def to_deposit(self, owner_id: UserId, portfolio_id: PortfolioId) -> Deposit:
        """Return the wish to pay in."""
        return Deposit(owner_id=owner_id, portfolio_id=portfolio_id, amount=self.to_money())

    def to_withdrawal(self, owner_id: UserId, portfolio_id: PortfolioId) -> Withdraw:
        """Return the wish to pay out."""
        return Withdraw(owner_id=owner_id, portfolio_id=portfolio_id, amount=self.to_money())


class OpenPortfolioBody(Body):
    """A new portfolio, perhaps with cash in it from the start."""

    name: NameText
    cash: MoneyBody | None = None

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "savings", "cash": {"amount": "100000", "currency": "USD"}}]
        }
    )

    def to_command(self, owner_id: UserId) -> OpenPortfolio:
        """Return the wish."""
        cash = None if self.cash is None else self.cash.to_money()
        return OpenPortfolio(owner_id=owner_id, name=self.name, cash=cash)


class PageQuery(Query):
    """Which part of a list."""

    limit: LimitNumber = 50
    cursor: CursorText | None = None


class PositionsQuery(Query):
    """Which positions."""

    is_open: Literal["true", "false"] | None = Field(
        default=None, description="only open or only closed ones"
    )


class BalanceOut(Out):
    """One currency: total = free + reserved + collateral."""

    currency: str
    free: Amount
    reserved: Amount
    collateral: Amount
    total: Amount


class PositionOut(Out):
    """What is held of one symbol; `quantity` is below zero when short."""

    symbol: str
    quantity: Amount
    cost: Amount
    average_price: Amount | None
    realised: Amount
    fees: Amount
    currency: str
    is_open: bool
    opened_at: Instant | None
    closed_at: Instant | None

    @classmethod
    def of(cls, view: PositionView) -> PositionOut:
        """Show a view."""
        return cls.model_validate(view)


_POSITION: JsonDict = {
    "symbol": "AAPL",
    "quantity": "10",
    "cost": "1950",
    "average_price": "195",
    "realised": "0",
    "fees": "1.95",
    "currency": "USD",
    "is_open": True,
    "opened_at": EXAMPLE_INSTANT,
    "closed_at": None,
}
EXAMPLE_PORTFOLIO_OUT: JsonDict = {
    "portfolio_id": EXAMPLE_PORTFOLIO,
    "owner_id": EXAMPLE_USER,
    "name": "savings",
    "opened_at": EXAMPLE_INSTANT,
    "updated_at": EXAMPLE_INSTANT,
    "balances": [
        {
            "currency": "USD",
            "free": "98048.05",
            "reserved": "0",
            "collateral": "0",
            "total": "98048.05",
        }
    ],
    "positions": [_POSITION],
    "version": 5,
}


class PositionsOut(Out):
    """The positions of a portfolio, by symbol."""

    items: list[PositionOut]

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_POSITION]}]})


class PortfolioOut(Out):
    """A portfolio with its cash and its positions."""

    portfolio_id: str
    owner_id: str
    name: str
    opened_at: Instant
    updated_at: Instant
    balances: list[BalanceOut]
    positions: list[PositionOut]
    version: int = Field(description="how many events made it")

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_PORTFOLIO_OUT]})

    @classmethod
    def of(cls, view: PortfolioView) -> PortfolioOut:
        """Show a view."""
        return cls.model_validate(view)


class PortfolioPage(Out):
    """Some portfolios, newest first; `next_cursor` asks for more."""

    items: list[PortfolioOut]
    next_cursor: str | None

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"items": [EXAMPLE_PORTFOLIO_OUT], "next_cursor": None}]}
    )

    @classmethod
    def of(cls, page: Page[PortfolioView]) -> PortfolioPage:
        """Show a page of views."""
        items = [PortfolioOut.of(view) for view in page.items]
        return cls(items=items, next_cursor=page.next_cursor)
