"""One command's view of the world: what it may read, and what it asks to have recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Protocol, TypeVar

from traderbot.application.ports.recorded import Actor
from traderbot.application.ports.vault import Vault
from traderbot.domain.bots.bot_run import BotRun
from traderbot.domain.bots.events import BotEvent
from traderbot.domain.market.bar_series import BarSeries
from traderbot.domain.market.events import MarketEvent
from traderbot.domain.operations.events import OperationsEvent
from traderbot.domain.operations.operations import Operations
from traderbot.domain.orders.events import OrderEvent
from traderbot.domain.orders.order import Order
from traderbot.domain.portfolio.events import PortfolioEvent
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.risk.control import RiskControl
from traderbot.domain.risk.events import RiskEvent
from traderbot.domain.shared.errors import DomainError
from traderbot.domain.shared.ids import PortfolioId, UserId
from traderbot.domain.shared.values import Currency, Price, Symbol
from traderbot.domain.simulation.book import Book
from traderbot.domain.simulation.events import PaperEvent
from traderbot.domain.users.events import UserEvent
from traderbot.domain.users.user import User
from traderbot.domain.venues.events import VenueEvent
from traderbot.domain.venues.venue_account import VenueAccount

A_co = TypeVar("A_co", covariant=True)
E_contra = TypeVar("E_contra", contravariant=True)


class ClientOrderIdTakenError(DomainError):
    """Another order of the portfolio has that client order id, whatever became of it."""

    code: ClassVar[str] = "CLIENT_ORDER_ID_TAKEN"

    def __init__(self, portfolio_id: PortfolioId, client_order_id: str) -> None:
        super().__init__(
            f"the portfolio has an order {client_order_id} already; "
            "ask what became of it, or give the new one another client order id"
        )
        self.portfolio_id = portfolio_id
        self.client_order_id = client_order_id


class Repository(Protocol[A_co, E_contra]):
    """Aggregates of one kind, loaded whole and recorded by the events that made them."""

    def find(self, id_: str) -> A_co | None:
        """Return the aggregate as its events have made it, or None if there is none."""
        ...

    def record(self, id_: str, events: Sequence[E_contra]) -> A_co:
        """Append `events` and return what they make; the caller's change is durable on commit.

        If another process moved the aggregate on meanwhile, the whole command is run again.
        """
        ...

    def peek(self, id_: str) -> A_co | None:
        """Return the aggregate only to look at: nothing is decided again if it moves on.

        For what another aggregate that was found vouches for anyway.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is known of a person, kept out of the event log."""

    user_id: UserId
    email: str
    password_hash: str
    created_at: datetime


class Profiles(Protocol):
    """The people behind the users."""

    def by_email(self, email: str) -> Profile | None:
        """Return the profile with that address."""
        ...

    def add(self, profile: Profile) -> None:
        """Keep a new profile. Raises EmailTakenError."""
        ...

    def change_password(self, user_id: UserId, password_hash: str) -> None:
        """Keep another hash for somebody who has a profile."""
        ...


class References(Protocol):
    """Prices to measure orders with."""

    def latest_close(self, symbol: Symbol) -> Price | None:
        """Return the close of the newest stored bar, or None if there is none."""
        ...


class Exposures(Protocol):
    """What all portfolios together have at risk."""

    def at_risk(self, currency: Currency) -> Decimal:
        """Return what positions in that currency cost and working orders have set aside."""
        ...


class UnitOfWork(Protocol):
    """One command's transaction; the writer commits it together with its neighbours'."""

    @property
    def users(self) -> Repository[User, UserEvent]:
        """Who may act."""
        ...

    @property
    def portfolios(self) -> Repository[Portfolio, PortfolioEvent]:
        """Cash and positions."""
        ...

    @property
    def orders(self) -> Repository[Order, OrderEvent]:
        """Wishes on their way.

        A client order id is given once in a portfolio: recording a second order that has it raises
        ClientOrderIdTakenError, whoever places it.
        """
        ...

    @property
    def bots(self) -> Repository[BotRun, BotEvent]:
        """Runs of strategies."""
        ...

    @property
    def operations(self) -> Repository[Operations, OperationsEvent]:
        """What operators decided about the log's machinery; one aggregate."""
        ...

    @property
    def bar_series(self) -> Repository[BarSeries, MarketEvent]:
        """Which bars were taken in; see `series_id`."""
        ...

    @property
    def paper_books(self) -> Repository[Book, PaperEvent]:
        """What the paper venue has; see `book_id`."""
        ...

    @property
    def risk(self) -> Repository[RiskControl, RiskEvent]:
        """States and limits of the scopes, by the key of each."""
        ...

    @property
    def actor(self) -> Actor:
        """Who asks for the running command."""
        ...

    @property
    def is_keyed(self) -> bool:
        """Whether the running command has an idempotency key, so that it cannot be done twice."""
        ...

    @property
    def exposures(self) -> Exposures:
        """What all portfolios together have at risk."""
        ...

    @property
    def venue_accounts(self) -> Repository[VenueAccount, VenueEvent]:
        """What is known of accounts at venues beside their orders; see `venue_account_id`."""
        ...

    @property
    def profiles(self) -> Profiles:
        """The people behind the users."""
        ...

    @property
    def vault(self) -> Vault:
        """The sealed keys of exchanges."""
        ...

    @property
    def references(self) -> References:
        """Prices to measure orders with."""
        ...
