"""Where a backtest's commands are carried out: the normal handlers, on aggregates in memory.

Nothing is encoded, hashed or written while it runs. What each command recorded is kept as a
`Deed`, in the order of the commands: enough to write the very log a live run would have written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Generic, Protocol, TypeVar, cast

from traderbot.application.errors import EmailTakenError, NotFoundError
from traderbot.application.ports.clock import Clock, IdSource
from traderbot.application.ports.commands import Command, Handlers, Origin
from traderbot.application.ports.event_bus import InlineHandler
from traderbot.application.ports.recorded import Actor, DomainEvent
from traderbot.application.ports.unit_of_work import ClientOrderIdTakenError, Profile, UnitOfWork
from traderbot.application.ports.vault import SealedExchangeKey
from traderbot.application.reactions.stop_trading import Stopping
from traderbot.domain.bots.bot_run import BotRun
from traderbot.domain.market.bar_series import BarSeries
from traderbot.domain.operations.operations import Operations
from traderbot.domain.orders.events import OrderPlaced
from traderbot.domain.orders.order import Order
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.risk.control import RiskControl
from traderbot.domain.shared.decimals import EXACT, ZERO, add
from traderbot.domain.shared.errors import TraderbotError
from traderbot.domain.shared.ids import UserId
from traderbot.domain.shared.values import Currency, Price, Symbol
from traderbot.domain.simulation.book import Book
from traderbot.domain.users.user import User
from traderbot.domain.venues.venue_account import VenueAccount

A = TypeVar("A")
R = TypeVar("R")

# The repositories of a unit of work, and how an aggregate of each begins.
REPOSITORIES: Final[dict[str, Callable[[Any], Any]]] = {
    "users": User.begin,
    "portfolios": Portfolio.begin,
    "orders": Order.begin,
    "bots": BotRun.begin,
    "operations": Operations.begin,
    "bar_series": BarSeries.begin,
    "paper_books": Book.begin,
    "risk": RiskControl.begin,
    "venue_accounts": VenueAccount.begin,
}


class SkippingIds(IdSource, Protocol):
    """Ids that are made from a seed and a counter, so that ids nobody reads cost nothing."""

    @property
    def made(self) -> int:
        """How many there were so far."""
        ...

    def skip(self, count: int) -> None:
        """Go on as if so many more had been made."""
        ...


class MovableClock(Clock, Protocol):
    """A clock that a replay moves."""

    def move_to(self, at: datetime) -> None:
        """Go on to a later instant."""
        ...


@dataclass(frozen=True, slots=True)
class Said:
    """Events that were recorded on one aggregate in one go."""

    repository: str
    id: str
    events: tuple[DomainEvent, ...]


@dataclass(slots=True)
class Deed:
    """What one command recorded. `number` is how many ids were made before its own."""

    place: int  # of the bar it belongs to, in the order of the run; -1 before the first
    number: int
    at: datetime
    origin: Origin
    said: list[Said]
    profiles: tuple[Profile, ...] = ()


class Room:
    """`CommandExecutor` and `UnitOfWork` in one: there is one thread and no storage."""

    def __init__(self, clock: Clock, ids: SkippingIds) -> None:
        """Start empty; `handlers` are given before the first command."""
        self.handlers: Handlers = {}
        self.stop_trading: InlineHandler = _nothing
        self.clock = clock
        self.ids = ids
        self.deeds: list[Deed] = []
        self.place = -1
        self.closes: dict[Symbol, Price] = {}
        self.actor = Actor("system", "backtest", "library")
        self.is_keyed = False
        self._said: list[Said] = []
        self._undo: list[tuple[dict[str, Any], str, Any]] = []
        self._profiles: dict[str, Profile] = {}
        self._new_profiles: list[Profile] = []
        self._names: set[tuple[str, str]] = set()
        self.users = _Repository[User](self, "users")
        self.portfolios = _Repository[Portfolio](self, "portfolios")
        self.orders = _Repository[Order](self, "orders")
        self.bots = _Repository[BotRun](self, "bots")
        self.operations = _Repository[Operations](self, "operations")
        self.bar_series = _Repository[BarSeries](self, "bar_series")
        self.paper_books = _Repository[Book](self, "paper_books")
        self.risk = _Repository[RiskControl](self, "risk")
        self.venue_accounts = _Repository[VenueAccount](self, "venue_accounts")
        self.profiles = self
        self.vault = _NoVault()
        self.references = self
        self.exposures = self

    def run(self, command: Command[R], origin: Origin) -> R:
        """Carry a command out. Raises what its handler raised, and then nothing was recorded."""
        number = self.ids.made
        self.ids.skip(1)  # the command's own: only a log needs to know it
        self.actor, self.is_keyed = origin.actor, origin.key is not None
        self._said, self._undo, self._new_profiles = [], [], []
        try:
            answer = self.handlers[type(command)](command, self)
            self._react()
        except TraderbotError:
            for states, id_, before in reversed(self._undo):
                if before is None:
                    del states[id_]
                else:
                    states[id_] = before
            raise
        if self._said:
            profiles = tuple(self._new_profiles)
            self._profiles.update((it.email, it) for it in profiles)
            now = self.clock.now()
            self.deeds.append(Deed(self.place, number, now, origin, self._said, profiles))
        return cast("R", answer)

    async def execute(self, command: Command[R], origin: Origin) -> R:
        """Carry a command out."""
        return self.run(command, origin)

    def events(self, since: int) -> list[DomainEvent]:
        """Return what was recorded by the deeds from a place in their list on."""
        return [event for deed in self.deeds[since:] for said in deed.said for event in said.events]

    def _react(self) -> None:
        """Let what was recorded stop trading, in the same transaction, as the event bus does."""
        for said in tuple(self._said):
            for event in said.events:
                if isinstance(event, Stopping):
                    self.stop_trading(event, self)

    # The unit of work ---------------------------------------------------------------------------

    def record(
        self, repository: str, states: dict[str, Any], id_: str, events: Sequence[Any]
    ) -> Any:  # noqa: ANN401 - the repository's aggregate
        """Apply events to an aggregate and note them down."""
        before = state = states.get(id_)
        if before is None and events and isinstance(events[0], OrderPlaced):
            self._name_order(events[0])
        for event in events:
            state = REPOSITORIES[repository](event) if state is None else state.apply(event)
        self._undo.append((states, id_, before))
        self._said.append(Said(repository, id_, tuple(events)))
        states[id_] = state
        return state

    def by_email(self, email: str) -> Profile | None:
        """Return the profile with that address."""
        return self._profiles.get(email)

    def add(self, profile: Profile) -> None:
        """Keep a new profile. Raises EmailTakenError."""
        if profile.email in self._profiles:
            msg = "this e-mail address belongs to another user"
            raise EmailTakenError(msg)
        self._new_profiles.append(profile)

    def change_password(self, user_id: UserId, password_hash: str) -> None:
        """Refuse: nobody logs in to a backtest."""
        del password_hash
        raise NotFoundError("user", user_id)

    def latest_close(self, symbol: Symbol) -> Price | None:
        """Return the newest close the run has reached: never one of a later bar."""
        return self.closes.get(symbol)

    def at_risk(self, currency: Currency) -> Decimal:
        """Return what all portfolios have at risk."""
        total = ZERO
        for portfolio in self.portfolios.states.values():
            total = add(total, portfolio.cash_in(currency).reserved.amount)
            for position in portfolio.positions.values():
                if position.net and position.cost.currency == currency:
                    total = add(total, EXACT.abs(position.cost.amount))
        return total

    def _name_order(self, placed: OrderPlaced) -> None:
        name = placed.ticket.client_order_id
        if name is None:
            return
        key = (placed.ticket.portfolio_id, name)
        if key in self._names:
            raise ClientOrderIdTakenError(*key)
        self._names.add(key)


def _nothing(_event: DomainEvent, _unit: UnitOfWork) -> None:
    """Stop nothing."""


class _NoVault:
    """`Vault` of a backtest: nobody entrusts a key to one."""

    def add(self, sealed: SealedExchangeKey) -> None:
        """Refuse."""
        raise NotFoundError("user", sealed.owner_id)

    def remove(self, key_id: str) -> None:
        """Refuse."""
        raise NotFoundError("exchange key", key_id)


class _Repository(Generic[A]):
    """`Repository` on a dictionary: to find is to look it up."""

    __slots__ = ("_name", "_room", "find", "peek", "states")

    def __init__(self, room: Room, name: str) -> None:
        self._room = room
        self._name = name
        self.states: dict[str, A] = {}
        self.find: Callable[[str], A | None] = self.states.get
        self.peek = self.find

    def record(self, id_: str, events: Sequence[Any]) -> A:
        """Apply events and return what they make."""
        return cast("A", self._room.record(self._name, self.states, id_, events))
