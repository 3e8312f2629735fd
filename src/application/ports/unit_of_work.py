"""One command's view of the world: what it may read, and what it asks to have recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

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
from traderbot.domain.shared.ids import UserId
from traderbot.domain.shared.values import Price, Symbol
from traderbot.domain.users.events import UserEvent
from traderbot.domain.users.user import User

A_co = TypeVar("A_co", covariant=True)
E_contra = TypeVar("E_contra", contravariant=True)


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


class References(Protocol):
    """Prices to measure orders with."""

    def latest_close(self, symbol: Symbol) -> Price | None:
        """Return the close of the newest stored bar, or None if there is none."""
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
        """Wishes on their way."""
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
    def profiles(self) -> Profiles:
        """The people behind the users."""
        ...

    @property
    def references(self) -> References:
        """Prices to measure orders with."""
        ...
