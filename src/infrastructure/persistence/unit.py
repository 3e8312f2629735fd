"""The unit of work on the writer's side: commands are staged in memory, then written as one.

A command's changes are staged apart and merged into the batch only when its handler has succeeded,
so a refused command leaves nothing behind and needs no savepoint.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from time import monotonic
from typing import Any, NamedTuple

from traderbot.application.errors import EmailTakenError
from traderbot.application.ports.commands import Origin
from traderbot.application.ports.recorded import Actor, DomainEvent
from traderbot.application.ports.unit_of_work import ClientOrderIdTakenError, Profile
from traderbot.application.ports.vault import SealedExchangeKey
from traderbot.domain.bots.bot_run import BotRun
from traderbot.domain.market.bar_series import BarSeries
from traderbot.domain.operations.operations import Operations
from traderbot.domain.orders.events import OrderPlaced
from traderbot.domain.orders.order import Order
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.risk.control import RiskControl
from traderbot.domain.shared.decimals import EXACT, ZERO, add, subtract
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.history import step
from traderbot.domain.shared.ids import PortfolioId, UserId
from traderbot.domain.shared.instants import instant_text
from traderbot.domain.shared.values import Currency, Price, Symbol
from traderbot.domain.simulation.book import Book
from traderbot.domain.users.user import User
from traderbot.domain.venues.venue_account import VenueAccount
from traderbot.infrastructure.event_store.body import GENESIS, compose, leaf_hash
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.persistence.state_rows import LEDGER, TRADES, rows_of
from traderbot.infrastructure.persistence.statements import Row
from traderbot.infrastructure.persistence.storage import (
    GUARDING,
    Answer,
    Changes,
    StreamChange,
    Transaction,
)

# How each kind of stream begins; the name before the dash is its category.
CATEGORIES: dict[str, Callable[[Any], Any]] = {
    "user": User.begin,
    "portfolio": Portfolio.begin,
    "order": Order.begin,
    "bot": BotRun.begin,
    "operations": Operations.begin,
    "market": BarSeries.begin,
    "risk": RiskControl.begin,
    "paper": Book.begin,
    "venue": VenueAccount.begin,
}

_GUARDING = f"{GUARDING}-"


class Live(NamedTuple):
    """A stream as far as it is known: what its events make, how many they are, the last hash."""

    state: Any
    version: int
    head: bytes


_NEW = Live(None, 0, GENESIS)
_MAX_EVENTS = 0xFFF  # three hex digits number them
_TOTAL_SECONDS = 1.0


class StreamCache:
    """The newest committed states of streams, at most `size` of them.

    Entries from before `distrust` are caught up from the log before they are used again: another
    process may have written. Compare-and-set on commit would refuse a stale one in any case.
    """

    def __init__(self, size: int = 4096) -> None:
        """Start empty."""
        self._size = size
        self._epoch = 0
        self._entries: OrderedDict[str, tuple[int, Live]] = OrderedDict()
        self._totals: dict[Currency, Decimal] = {}
        self._totals_since = 0.0

    def get(self, stream_id: str) -> tuple[Live, bool] | None:
        """Return the stream and whether it may be used as it is."""
        entry = self._entries.get(stream_id)
        if entry is None:
            return None
        self._entries.move_to_end(stream_id)
        return entry[1], entry[0] == self._epoch

    def put(self, stream_id: str, live: Live) -> None:
        """Remember a committed state, forgetting the one used longest ago."""
        self._entries[stream_id] = (self._epoch, live)
        self._entries.move_to_end(stream_id)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)

    def clear(self) -> None:
        """Forget everything: even a database that lost its newest events is then read as it is."""
        self._entries.clear()
        self._totals.clear()

    def distrust(self) -> None:
        """Have every entry caught up before it is used."""
        self._epoch += 1
        self._totals.clear()

    def totals(self) -> dict[Currency, Decimal]:
        """Return what all portfolios together have at risk, as far as it is known.

        Adding it up takes longer with every portfolio, so it is kept; what other processes did to
        it meanwhile, where nobody says so (PostgreSQL), is known after a second.
        """
        if monotonic() - self._totals_since > _TOTAL_SECONDS:
            self._totals.clear()
            self._totals_since = monotonic()
        return self._totals


@dataclass(slots=True)
class _Staged:
    """What one command has asked for so far."""

    streams: dict[str, Live] = field(default_factory=dict)
    events: list[tuple[str, int, DomainEvent]] = field(default_factory=list)  # stream, version
    rows: list[Row] = field(default_factory=list)
    profiles: list[Profile] = field(default_factory=list)
    passwords: list[tuple[UserId, str]] = field(default_factory=list)
    sealed: list[SealedExchangeKey] = field(default_factory=list)
    unsealed: list[str] = field(default_factory=list)
    names: set[tuple[PortfolioId, str]] = field(default_factory=set)  # client order ids


class BatchUnit:
    """`UnitOfWork` for one command after another inside one transaction."""

    def __init__(self, transaction: Transaction, cache: StreamCache, codec: EventCodec) -> None:
        """Begin an empty batch."""
        self._transaction = transaction
        self._cache = cache
        self._codec = codec
        self._before: dict[str, Live] = {}  # as the transaction found them
        self._streams: dict[str, Live] = {}  # as the batch has made them
        self._events: list[tuple[str, int, DomainEvent]] = []
        self._changes = Changes()
        self._names: set[tuple[PortfolioId, str]] = set()
        self._staged = _Staged()
        self._batch_risk: dict[Currency, Decimal] = {}  # what the merged commands changed of it
        self.is_keyed = False
        self.users = _Repository(self, "user")
        self.portfolios = _Repository(self, "portfolio")
        self.orders = _Repository(self, "order")
        self.bots = _Repository(self, "bot")
        self.operations = _Repository(self, "operations")
        self.bar_series = _Repository(self, "market")
        self.risk = _Repository(self, "risk")
        self.exposures = self
        self.paper_books = _Repository(self, "paper")
        self.venue_accounts = _Repository(self, "venue")
        self.profiles = self
        self.vault = _Vault(self)
        self.references = self

    # One command ------------------------------------------------------------------------------

    def start(self, origin: Origin, command_id: str, at: datetime) -> None:
        """Begin a command; whatever the one before it left unmerged is forgotten."""
        self._staged = _Staged()
        self._actor = origin.actor
        self.is_keyed = origin.key is not None
        self._command_id = command_id
        self._correlation_id = origin.correlation_id or command_id
        self._causation_id = origin.causation_id or command_id
        self._recorded_at = instant_text(at)

    def merge(self, answer: Answer | None) -> list[tuple[str, int, DomainEvent]]:
        """Add the command to the batch. Return its events with their streams and versions."""
        staged = self._staged
        for currency, more in self._batch_risk.items():
            changed = self._risk_of(staged.streams, currency, over=self._streams)
            self._batch_risk[currency] = add(more, changed)
        self._streams.update(staged.streams)
        self._events += staged.events
        self._changes.events += staged.rows
        self._changes.profiles += staged.profiles
        self._changes.passwords += staged.passwords
        self._changes.sealed += staged.sealed
        self._changes.unsealed += staged.unsealed
        self._names |= staged.names
        if answer is not None:
            self._changes.answers.append(answer)
        self._staged = _Staged()
        return staged.events

    @property
    def actor(self) -> Actor:
        """Who asks for the running command."""
        return self._actor

    @property
    def staged_events(self) -> list[tuple[str, int, DomainEvent]]:
        """What the running command has recorded so far."""
        return self._staged.events

    def find(self, stream_id: str, category: str) -> Any:  # noqa: ANN401 - the category's aggregate
        """Return the aggregate behind a stream, or None."""
        live = self._staged.streams.get(stream_id) or self._streams.get(stream_id)
        if live is None:
            live = self._load(stream_id, category)
        return live.state

    def peek(self, stream_id: str, category: str) -> Any:  # noqa: ANN401 - the category's aggregate
        """Return the aggregate behind a stream, which may move on: `write` does not compare it."""
        live = (
            self._staged.streams.get(stream_id)
            or self._streams.get(stream_id)
            or self._before.get(stream_id)
        )
        return (live or self._known(stream_id, category)).state

    def record(self, stream_id: str, category: str, events: Sequence[Any]) -> Any:  # noqa: ANN401 - the category's aggregate
        """Stage events on a stream and return what they make."""
        staged = self._staged
        live = staged.streams.get(stream_id) or self._streams.get(stream_id)
        if live is None:
            # A stream nobody looked for is new; compare-and-set finds out if it is not.
            live = self._before.setdefault(stream_id, _NEW)
        if live.state is None and category == "order" and events:
            self._name_order(events[0])
        state, version, head = live
        rows, numbered = staged.rows, self._command_id[:-3]
        if len(rows) + len(events) > _MAX_EVENTS:
            msg = f"one command may cause {_MAX_EVENTS} events at most"
            raise InvalidValueError(msg)
        for event in events:
            version += 1
            name, schema, data = self._codec.encode(event)
            # The command's own id, numbered: one index finds an event, and a command's events.
            event_id = f"{numbered}{len(rows) + 1:03x}"
            occurred_at = instant_text(event.at)
            body = compose(
                actor=self._actor,
                causation_id=self._causation_id,
                command_id=self._command_id,
                correlation_id=self._correlation_id,
                data=data,
                id_=event_id,
                occurred_at=occurred_at,
                prev=head,
                recorded_at=self._recorded_at,
                schema=schema,
                stream=stream_id,
                type_=name,
                version=version,
            )
            head = leaf_hash(body)
            rows.append(
                (
                    event_id,
                    stream_id,
                    version,
                    name,
                    schema,
                    occurred_at,
                    self._recorded_at,
                    self._command_id,
                    self._correlation_id,
                    self._causation_id,
                    self._actor.type,
                    self._actor.id,
                    body,
                    head,
                )
            )
            state = CATEGORIES[category](event) if state is None else state.apply(event)
            staged.events.append((stream_id, version, event))
        staged.streams[stream_id] = Live(state, version, head)
        return state

    def by_email(self, email: str) -> Profile | None:
        """Return the profile with that address, the batch's own included."""
        for profile in (*self._staged.profiles, *self._changes.profiles):
            if profile.email == email:
                return profile
        return self._transaction.profile_by_email(email)

    def add(self, profile: Profile) -> None:
        """Keep a new profile. Raises EmailTakenError."""
        if self.by_email(profile.email) is not None:
            msg = "this e-mail address belongs to another user"
            raise EmailTakenError(msg)
        self._staged.profiles.append(profile)

    def change_password(self, user_id: UserId, password_hash: str) -> None:
        """Keep another hash for somebody who has a profile."""
        self._staged.passwords.append((user_id, password_hash))

    def keep_sealed(self, sealed: SealedExchangeKey) -> None:
        """Keep a sealed exchange key."""
        self._staged.sealed.append(sealed)

    def erase_sealed(self, key_id: str) -> None:
        """Erase a sealed exchange key."""
        self._staged.unsealed.append(key_id)

    def at_risk(self, currency: Currency) -> Decimal:
        """Return what all portfolios have at risk, with what the batch has changed so far."""
        totals = self._cache.totals()
        total = totals.get(currency)
        if total is None:
            total = totals[currency] = self._transaction.at_risk(currency)
        return add(
            add(total, self._risk_of(self._streams, currency)),
            self._risk_of(self._staged.streams, currency, over=self._streams),
        )

    def _risk_of(
        self, streams: dict[str, Live], currency: Currency, over: dict[str, Live] | None = None
    ) -> Decimal:
        """Return by how much these streams change what is at risk."""
        if over is None and currency in self._batch_risk:
            return self._batch_risk[currency]
        more = ZERO
        for stream_id, live in streams.items():
            if stream_id.startswith(_PORTFOLIO):
                before = (over or {}).get(stream_id) or self._before[stream_id]
                more = add(more, _at_risk(live.state, currency))
                more = subtract(more, _at_risk(before.state, currency))
        if over is None:
            self._batch_risk[currency] = more
        return more

    def latest_close(self, symbol: Symbol) -> Price | None:
        """Return the close of the newest stored bar."""
        return self._transaction.latest_close(symbol)

    def _name_order(self, placed: DomainEvent) -> None:
        """Give a new order its client order id, if it has one.

        Here, and not in one handler, because orders are placed by many. The unique index of the
        table would find out too, but only when the whole batch is written.
        """
        if not isinstance(placed, OrderPlaced) or placed.ticket.client_order_id is None:
            return
        portfolio_id, name = placed.ticket.portfolio_id, placed.ticket.client_order_id
        key = (portfolio_id, name)
        if (
            key in self._names
            or key in self._staged.names
            or self._transaction.has_client_order_id(portfolio_id, name)
        ):
            raise ClientOrderIdTakenError(portfolio_id, name)
        self._staged.names.add(key)

    # The whole batch --------------------------------------------------------------------------

    def changes(self) -> Changes:
        """Return everything the batch writes."""
        changes = self._changes
        by_stream: dict[str, list[tuple[int, DomainEvent]]] = {}
        for stream_id, version, event in self._events:
            by_stream.setdefault(stream_id, []).append((version, event))
        for stream_id, before in sorted(self._before.items()):
            live = self._streams.get(stream_id, before)
            if live.version == before.version:
                if before.version:
                    changes.unchanged.append((stream_id, before.version))
                elif stream_id.startswith(_GUARDING):
                    changes.absent.append(stream_id)
                continue
            changes.streams.append(
                StreamChange(
                    stream_id,
                    stream_id.partition("-")[0],
                    before.version,
                    live.version,
                    live.head,
                    self._recorded_at,
                )
            )
            for table, rows in rows_of(before.state, live.state, by_stream[stream_id]).items():
                kept = changes.inserts if table in _APPEND_ONLY else changes.upserts
                kept.setdefault(table, []).extend(rows)
        return changes

    def remember(self) -> None:
        """After the commit: what the batch has made is the newest state."""
        totals = self._cache.totals()
        for currency, total in totals.items():
            totals[currency] = add(total, self._risk_of(self._streams, currency))
        for stream_id, live in self._streams.items():
            self._cache.put(stream_id, live)

    def _load(self, stream_id: str, category: str) -> Live:
        known = self._before.get(stream_id)
        if known is None:
            known = self._before[stream_id] = self._known(stream_id, category)
        return known

    def _known(self, stream_id: str, category: str) -> Live:
        cached = self._cache.get(stream_id)
        if cached is not None and cached[1]:
            return cached[0]
        return self._catch_up(stream_id, category, cached[0] if cached else _NEW)

    def _catch_up(self, stream_id: str, category: str, live: Live) -> Live:
        stored = self._transaction.stream_after(stream_id, live.version)
        if not stored.bodies:
            # Of the gate's scopes it is worth knowing that they have no stream: each order asks.
            if live.version or category == GUARDING:
                self._cache.put(stream_id, live)
            return live
        state = live.state
        for body in stored.bodies:
            state = step(CATEGORIES[category], state, self._codec.event_of(body))
        caught_up = Live(state, live.version + len(stored.bodies), stored.head_hash or GENESIS)
        self._cache.put(stream_id, caught_up)
        return caught_up


_APPEND_ONLY = frozenset({LEDGER, TRADES})
_PORTFOLIO = "portfolio-"


def _at_risk(portfolio: Portfolio | None, currency: Currency) -> Decimal:
    if portfolio is None:
        return ZERO
    total = portfolio.cash_in(currency).reserved.amount
    for position in portfolio.positions.values():
        if position.net and position.cost.currency == currency:
            total = add(total, EXACT.abs(position.cost.amount))
    return total


class _Vault:
    """`Vault`, on whatever command the batch is running."""

    __slots__ = ("_unit",)

    def __init__(self, unit: BatchUnit) -> None:
        self._unit = unit

    def add(self, sealed: SealedExchangeKey) -> None:
        """Keep a new one."""
        self._unit.keep_sealed(sealed)

    def remove(self, key_id: str) -> None:
        """Erase one."""
        self._unit.erase_sealed(key_id)


class _Repository:
    """`Repository` of one category, on whatever command the batch is running."""

    __slots__ = ("_category", "_prefix", "_unit")

    def __init__(self, unit: BatchUnit, category: str) -> None:
        self._unit = unit
        self._category = category
        self._prefix = f"{category}-"

    def find(self, id_: str) -> Any:  # noqa: ANN401 - the category's aggregate
        """Return the aggregate, or None."""
        return self._unit.find(self._prefix + id_, self._category)

    def peek(self, id_: str) -> Any:  # noqa: ANN401 - the category's aggregate
        """Return the aggregate only to look at."""
        return self._unit.peek(self._prefix + id_, self._category)

    def record(self, id_: str, events: Sequence[Any]) -> Any:  # noqa: ANN401 - the category's aggregate
        """Stage events and return what they make."""
        return self._unit.record(self._prefix + id_, self._category, events)
