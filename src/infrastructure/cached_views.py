"""The read side with a memory: what was asked a moment ago is not asked of the database again.

What is kept of a thing is forgotten with the commit that changes it, before whoever wanted the
change hears of it; lists are forgotten with every commit. So in one process everybody reads what
they have written. What other processes change, and what was committed without anybody being sure
of it, is seen after `seconds`: build it into a program that writes to its database alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final, Protocol, TypeVar

from traderbot.application.ports.cache import CacheStatistics
from traderbot.application.ports.event_bus import EventSink
from traderbot.application.ports.recorded import DomainEvent
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.application.ports.venue import WorkingOrder
from traderbot.application.ports.views import Credentials, OrderFilter, Views
from traderbot.application.views import (
    BotRunView,
    OrderView,
    Page,
    PortfolioView,
    PositionView,
    TradeView,
    UserView,
)
from traderbot.domain.shared.ids import BotRunId, OrderId, PortfolioId, UserId
from traderbot.domain.shared.values import Symbol
from traderbot.infrastructure.cache_layer.memory_cache import MemoryCache

SECONDS: Final = 1.0


class _Owned(Protocol):
    @property
    def owner_id(self) -> str: ...


T = TypeVar("T")
V = TypeVar("V", bound=_Owned)


class CachedViews:
    """`Views` that remembers. Credentials, and what the venue needs, are always asked for."""

    def __init__(
        self, inner: Views, cache: MemoryCache | None = None, *, seconds: float = SECONDS
    ) -> None:
        """Ask `inner` for what is not known."""
        self._inner = inner
        self._cache = cache or MemoryCache()
        self._seconds = seconds
        self._commits = 0

    def forget(self, streams: Sequence[str]) -> None:
        """Forget what follows from these streams, and every list."""
        self._commits += 1
        self._cache.delete(*{f"view:{it}" for it in streams})

    def statistics(self) -> CacheStatistics:
        """Return what became of the questions."""
        return self._cache.statistics()

    def credentials(self, email: str) -> Credentials | None:
        """Return what is needed to check a password."""
        return self._inner.credentials(email)

    def user(self, user_id: UserId) -> UserView | None:
        """Return a user."""
        return self._one(f"user-{user_id}", lambda: self._inner.user(user_id))

    def user_by_email(self, email: str) -> UserView | None:
        """Return the user with that address."""
        return self._many(("email", email), lambda: self._inner.user_by_email(email))

    def users(
        self, *, active: bool | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[UserView]:
        """Return users, perhaps only (in)active ones. Raises BadCursorError."""
        return self._many(
            ("users", active, limit, cursor),
            lambda: self._inner.users(active=active, limit=limit, cursor=cursor),
        )

    def portfolio(self, owner_id: UserId | None, id_: PortfolioId) -> PortfolioView | None:
        """Return a portfolio."""
        found = self._one(f"portfolio-{id_}", lambda: self._inner.portfolio(None, id_))
        return _to(owner_id, found)

    def portfolios(
        self, owner_id: UserId | None, *, limit: int = 50, cursor: str | None = None
    ) -> Page[PortfolioView]:
        """Return portfolios. Raises BadCursorError."""
        return self._many(
            ("portfolios", owner_id, limit, cursor),
            lambda: self._inner.portfolios(owner_id, limit=limit, cursor=cursor),
        )

    def positions(
        self, owner_id: UserId | None, id_: PortfolioId, *, is_open: bool | None = None
    ) -> Sequence[PositionView]:
        """Return positions of a portfolio by symbol, perhaps only open or only closed ones."""
        return self._many(
            ("positions", owner_id, id_, is_open),
            lambda: tuple(self._inner.positions(owner_id, id_, is_open=is_open)),
        )

    def order(self, owner_id: UserId | None, id_: OrderId) -> OrderView | None:
        """Return an order."""
        found = self._one(f"order-{id_}", lambda: self._inner.order(None, id_))
        return _to(owner_id, found)

    def orders(
        self, which: OrderFilter, *, limit: int = 50, cursor: str | None = None
    ) -> Page[OrderView]:
        """Return orders. Raises BadCursorError."""
        return self._many(
            ("orders", which, limit, cursor),
            lambda: self._inner.orders(which, limit=limit, cursor=cursor),
        )

    def trades(
        self,
        owner_id: UserId | None,
        portfolio_id: PortfolioId | None = None,
        *,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[TradeView]:
        """Return booked fills. Raises BadCursorError."""
        return self._many(
            ("trades", owner_id, portfolio_id, limit, cursor),
            lambda: self._inner.trades(owner_id, portfolio_id, limit=limit, cursor=cursor),
        )

    def bot_run(self, owner_id: UserId | None, id_: BotRunId) -> BotRunView | None:
        """Return a bot run."""
        return self._many(("bot run", owner_id, id_), lambda: self._inner.bot_run(owner_id, id_))

    def active_bot_runs(self) -> Sequence[BotRunView]:
        """Return every run that is not stopped; whoever runs them reads what is on record."""
        return self._inner.active_bot_runs()

    def bot_runs(
        self, owner_id: UserId | None, *, limit: int = 50, cursor: str | None = None
    ) -> Page[BotRunView]:
        """Return bot runs. Raises BadCursorError."""
        return self._many(
            ("bot runs", owner_id, limit, cursor),
            lambda: self._inner.bot_runs(owner_id, limit=limit, cursor=cursor),
        )

    def working_order(self, order_id: OrderId) -> WorkingOrder | None:
        """Return an order as the venue needs to know it, if it is open."""
        return self._inner.working_order(order_id)

    def held(self, symbol: Symbol) -> Decimal:
        """Return what all portfolios together hold of a symbol."""
        return self._inner.held(symbol)

    def symbols_traded(self) -> Sequence[Symbol]:
        """Return every symbol any portfolio has or had a position in, by name."""
        return self._inner.symbols_traded()

    def sent_order(self, order_id: OrderId) -> WorkingOrder | None:
        """Return an order as the venue needs to know it, if it was sent."""
        return self._inner.sent_order(order_id)

    def working_orders(self) -> Sequence[WorkingOrder]:
        """Return every open order, oldest first."""
        return self._inner.working_orders()

    def _one(self, stream: str, load: Callable[[], T]) -> T:
        """Answer about a thing with a stream of its own, whoever asks."""
        # Not a key for each owner: from the stream alone such keys could not be found again.
        return self._cache.get_or_load(f"view:{stream}", load, self._seconds)

    def _many(self, question: tuple[object, ...], load: Callable[[], T]) -> T:
        """Answer what any commit may change."""
        # A number in the key, and not a deletion: a list read before a commit and kept after it
        # is then under a key nobody asks for any more.
        return self._cache.get_or_load(f"view:{self._commits}:{question!r}", load, self._seconds)


class ForgettingSink(EventSink):
    """Hands everything on to another sink, after views have forgotten what a commit changed."""

    def __init__(self, inner: EventSink, views: CachedViews) -> None:
        """Tell `views`, and then `inner`."""
        self._inner = inner
        self._views = views

    def inline(self, events: Sequence[tuple[str, int, DomainEvent]], unit: UnitOfWork) -> None:
        """Run the inline handlers of a command."""
        self._inner.inline(events, unit)

    def committed(self, events: Sequence[tuple[str, int, DomainEvent]]) -> None:
        """Forget, and hand on, what a commit made durable."""
        self._views.forget([stream for stream, _, _ in events])
        self._inner.committed(events)


def _to(owner_id: UserId | None, found: V | None) -> V | None:
    """Show a thing to its owner, and to operators; to others it does not exist."""
    return found if found is None or owner_id in {None, found.owner_id} else None
