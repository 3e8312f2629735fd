"""Questions about the present, answered from the state rows. Nothing here changes anything.

`owner_id` is part of every question about something owned; None asks as an operator, for all.
Lists come newest first in pages of at most 200; a cursor is opaque.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Protocol

from traderbot.application.errors import ApplicationError
from traderbot.application.ports.venue import WorkingOrder
from traderbot.application.views import (
    BotRunView,
    OrderView,
    Page,
    PortfolioView,
    PositionView,
    TradeView,
    UserView,
)
from traderbot.domain.orders.lifecycle import OrderStatus
from traderbot.domain.orders.ticket import Side
from traderbot.domain.shared.ids import BotRunId, OrderId, PortfolioId, UserId
from traderbot.domain.shared.values import Symbol

PAGE_LIMIT = 200


class BadCursorError(ApplicationError):
    """The cursor was not given out by this program."""

    code: ClassVar[str] = "BAD_CURSOR"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilter:
    """Which orders; None means any."""

    owner_id: UserId | None = None
    portfolio_id: PortfolioId | None = None
    bot_run_id: BotRunId | None = None
    status: OrderStatus | None = None
    symbol: Symbol | None = None
    side: Side | None = None
    placed_from: datetime | None = None
    placed_until: datetime | None = None  # the first instant not in the range
    client_order_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What logging in needs."""

    user_id: UserId
    password_hash: str
    role: str
    active: bool


class Views(Protocol):
    """The read side."""

    def credentials(self, email: str) -> Credentials | None:
        """Return what is needed to check a password."""
        ...

    def user(self, user_id: UserId) -> UserView | None:
        """Return a user."""
        ...

    def user_by_email(self, email: str) -> UserView | None:
        """Return the user with that address."""
        ...

    def users(
        self, *, active: bool | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[UserView]:
        """Return users, perhaps only (in)active ones. Raises BadCursorError."""
        ...

    def portfolio(self, owner_id: UserId | None, id_: PortfolioId) -> PortfolioView | None:
        """Return a portfolio."""
        ...

    def portfolios(
        self, owner_id: UserId | None, *, limit: int = 50, cursor: str | None = None
    ) -> Page[PortfolioView]:
        """Return portfolios. Raises BadCursorError."""
        ...

    def positions(
        self, owner_id: UserId | None, id_: PortfolioId, *, is_open: bool | None = None
    ) -> Sequence[PositionView]:
        """Return positions of a portfolio by symbol, perhaps only open or only closed ones."""
        ...

    def order(self, owner_id: UserId | None, id_: OrderId) -> OrderView | None:
        """Return an order."""
        ...

    def orders(
        self, which: OrderFilter, *, limit: int = 50, cursor: str | None = None
    ) -> Page[OrderView]:
        """Return orders. Raises BadCursorError."""
        ...

    def trades(
        self,
        owner_id: UserId | None,
        portfolio_id: PortfolioId | None = None,
        *,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[TradeView]:
        """Return booked fills. Raises BadCursorError."""
        ...

    def bot_run(self, owner_id: UserId | None, id_: BotRunId) -> BotRunView | None:
        """Return a bot run."""
        ...

    def bot_runs(
        self, owner_id: UserId | None, *, limit: int = 50, cursor: str | None = None
    ) -> Page[BotRunView]:
        """Return bot runs. Raises BadCursorError."""
        ...

    def active_bot_runs(self) -> Sequence[BotRunView]:
        """Return every run that is not stopped, oldest first."""
        ...

    def working_order(self, order_id: OrderId) -> WorkingOrder | None:
        """Return an order as the venue needs to know it, if it is open."""
        ...

    def held(self, symbol: Symbol) -> Decimal:
        """Return what all portfolios together hold of a symbol, below zero when short.

        Of a pair, what they have or owe in its base currency as cash counts too: fees are paid so.
        """
        ...

    def symbols_traded(self) -> Sequence[Symbol]:
        """Return every symbol any portfolio has or had a position in, by name."""
        ...

    def sent_order(self, order_id: OrderId) -> WorkingOrder | None:
        """Return an order as the venue needs to know it, ended or not."""
        ...

    def working_orders(self) -> Sequence[WorkingOrder]:
        """Return every open order, oldest first."""
        ...
