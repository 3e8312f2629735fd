"""Databases for tests, memory included: empty, migrated, and open for as many writers as asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from threading import Event
from time import monotonic, sleep
from typing import Any, TypeVar

from sqlalchemy import Engine, select

from tests.builders import a_ticket, limits
from traderbot.application.commands.cancel_order import CancelOrder
from traderbot.application.commands.place_order import PlaceOrder
from traderbot.application.commands.portfolios import Deposit, OpenPortfolio
from traderbot.application.commands.record_fill import RecordFill
from traderbot.application.commands.users import RegisterUser
from traderbot.application.gate import Gate
from traderbot.application.ports.clock import Clock, IdSource
from traderbot.application.ports.commands import Command, IdempotencyKey, Origin
from traderbot.application.ports.recorded import Actor
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.application.ports.vault import SealedExchangeKey
from traderbot.application.ports.views import Views
from traderbot.application.use_cases import UseCases
from traderbot.application.views import OrderView, PortfolioView, UserView
from traderbot.domain.orders.ticket import Fill
from traderbot.domain.risk.limits import Limits
from traderbot.domain.shared.ids import OrderId, PortfolioId, UserId
from traderbot.domain.shared.values import Money
from traderbot.infrastructure.event_bus import EventBus
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.memory.storage import MemoryStorage
from traderbot.infrastructure.memory.store import Memory
from traderbot.infrastructure.memory.views import MemoryViews
from traderbot.infrastructure.persistence.database import reader_engine, writer_engine
from traderbot.infrastructure.persistence.storage import Storage
from traderbot.infrastructure.persistence.storages import open_storage
from traderbot.infrastructure.persistence.tables import EventRow, LedgerRow
from traderbot.infrastructure.persistence.vault import SqlSealedKeys
from traderbot.infrastructure.persistence.views import SqlViews
from traderbot.infrastructure.persistence.writer import Writer
from traderbot.infrastructure.system import SystemClock, Uuid7Source

R = TypeVar("R")

ORIGIN = Origin(actor=Actor("user", "somebody", "test"))
_PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class LogLine:
    """One stored event, as far as tests compare it."""

    stream: str
    version: int
    body: bytes
    leaf_hash: bytes


@dataclass(frozen=True, slots=True)
class Do(Command[object]):
    """A command that does what the test says: for looking at the unit of work itself."""

    work: Callable[[UnitOfWork], Any]


def _do(command: Do, unit: UnitOfWork) -> object:
    return command.work(unit)


class Store(ABC):
    """A database of one test. Each `storage` is a connection of its own, as of another process."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    @abstractmethod
    def storage(self) -> Storage: ...

    @abstractmethod
    def views(self) -> Views: ...

    @abstractmethod
    def log(self) -> list[LogLine]:
        """Return every event, in the order of its position."""

    @abstractmethod
    def ledger(self, id_: PortfolioId) -> list[tuple[str, Decimal, str]]:
        """Return account, amount and currency of every line of a portfolio's ledger, in order."""

    @abstractmethod
    def sealed(self) -> list[SealedExchangeKey]:
        """Return every sealed exchange key."""

    def desk(
        self,
        *,
        limits: Limits = limits(),  # noqa: B008 - frozen
        clock: Clock | None = None,
        ids: IdSource | None = None,
        open_storage: Callable[[], Storage] | None = None,
        max_batch: int = 256,
        venue: str = "paper",
    ) -> Desk:
        """Start a writer; it is closed with the store. Orders are approved for `venue`."""
        gate = Gate(limits=limits, venue=venue)
        clock, ids = clock or SystemClock(), ids or Uuid7Source()
        bus = EventBus()
        writer = Writer(
            open_storage or self.storage,
            {**UseCases.build(limits, clock, ids, gate).handlers(), Do: _do},
            codec=EventCodec(),
            clock=clock,
            ids=ids,
            sink=bus,
            max_batch=max_batch,
        )
        self._stack.callback(bus.close)
        self._stack.callback(writer.close)
        return Desk(writer, self.views())


class MemoryStore(Store):
    """A database that is only memory."""

    def __init__(self, stack: ExitStack) -> None:
        super().__init__(stack)
        self.memory = Memory()

    def storage(self) -> Storage:
        return MemoryStorage(self.memory)

    def views(self) -> Views:
        return MemoryViews(self.memory)

    def log(self) -> list[LogLine]:
        return [LogLine(row[1], row[2], row[12], row[13]) for row in self.memory.events]

    def ledger(self, id_: PortfolioId) -> list[tuple[str, Decimal, str]]:
        rows = [row for row in self.memory.rows(LedgerRow) if row.portfolio_id == id_]
        rows.sort(key=lambda row: (row.stream_version, row.line))
        return [(row.account, row.amount, row.currency) for row in rows]

    def sealed(self) -> list[SealedExchangeKey]:
        return list(self.memory.vault.values())


class SqlStore(Store):
    """A migrated SQLite file or PostgreSQL database."""

    def __init__(self, stack: ExitStack, url: str) -> None:
        super().__init__(stack)
        self.url = url
        self.reader = self._engine(reader_engine(url))

    def storage(self) -> Storage:
        return open_storage(self._engine(writer_engine(self.url)))

    def views(self) -> Views:
        return SqlViews(self.reader)

    def log(self) -> list[LogLine]:
        columns = (EventRow.stream_id, EventRow.version, EventRow.body, EventRow.leaf_hash)
        with self.reader.connect() as connection:
            rows = connection.execute(select(*columns).order_by(EventRow.position))
            return [LogLine(*row) for row in rows]

    def ledger(self, id_: PortfolioId) -> list[tuple[str, Decimal, str]]:
        lines = (
            select(LedgerRow.account, LedgerRow.amount, LedgerRow.currency)
            .where(LedgerRow.portfolio_id == id_)
            .order_by(LedgerRow.stream_version, LedgerRow.line)
        )
        with self.reader.connect() as connection:
            return [(row[0], row[1], row[2]) for row in connection.execute(lines)]

    def sealed(self) -> list[SealedExchangeKey]:
        return list(SqlSealedKeys(self.reader).not_sealed_with("", "", 1_000))

    def _engine(self, engine: Engine) -> Engine:
        self._stack.callback(engine.dispose)
        return engine


class Desk:
    """A writer, the views beside it, and the short way to the commands tests need."""

    def __init__(self, writer: Writer, views: Views) -> None:
        self.writer = writer
        self.views = views

    def run(self, command: Command[R], *, key: str | None = None, scope: str = "test") -> R:
        return self.writer.run(command, keyed(key, scope))

    def do(self, work: Callable[[UnitOfWork], R]) -> R:
        answer: Any = self.writer.run(Do(work), ORIGIN)
        return answer  # type: ignore[no-any-return]

    def user(self, email: str = "a@example.org") -> UserView:
        return self.run(RegisterUser(email=email, password_hash="hash"))

    def portfolio(self, cash: str | None = "100000 USD", *, email: str = "a@example.org") -> Owned:
        """Register a user and open a portfolio for them."""
        owner = UserId(self.user(email).user_id)
        return self.second_portfolio(owner, cash)

    def second_portfolio(self, owner: UserId, cash: str | None = "100000 USD") -> Owned:
        money = None if cash is None else Money.parse(cash)
        view = self.run(OpenPortfolio(owner_id=owner, name="savings", cash=money))
        return Owned(owner, PortfolioId(view.portfolio_id))

    def portfolio_now(self, owned: Owned) -> PortfolioView:
        view = self.views.portfolio(owned.owner, owned.id)
        assert view is not None
        return view

    def deposit(self, owned: Owned, amount: str) -> PortfolioView:
        return self.run(
            Deposit(owner_id=owned.owner, portfolio_id=owned.id, amount=Money.parse(amount))
        )

    def place(self, owned: Owned, *, key: str | None = None, **ticket: Any) -> OrderView:
        return self.run(owned.order(**ticket), key=key)

    def fill(self, order: OrderView, fill: Fill) -> OrderView:
        return self.run(RecordFill(order_id=OrderId(order.order_id), fill=fill))

    def cancel(self, order: OrderView) -> OrderView:
        command = CancelOrder(owner_id=UserId(order.owner_id), order_id=OrderId(order.order_id))
        return self.run(command)

    def together(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        """Make these calls in one batch: hold the writer until all of them wait for it.

        Return what each answered or raised.
        """
        held, go = Event(), Event()

        def hold(_unit: UnitOfWork) -> None:
            held.set()
            go.wait(_PATIENCE_SECONDS)

        with ThreadPoolExecutor(len(calls) + 1) as pool:
            try:
                pool.submit(self.do, hold)
                assert held.wait(_PATIENCE_SECONDS)
                futures = []
                for call in calls:
                    futures.append(pool.submit(call))
                    self._wait_for(len(futures))  # so that they stand in this order
            finally:
                go.set()
            return [outcome(future) for future in futures]

    def _wait_for(self, waiting: int) -> None:
        until(lambda: self.writer._jobs.qsize() == waiting)


@dataclass(frozen=True, slots=True)
class Owned:
    """A portfolio and its owner."""

    owner: UserId
    id: PortfolioId

    def order(self, **ticket: Any) -> PlaceOrder:
        """Return a wish to buy ten at a limit of 100, with overrides as of `a_ticket`."""
        wish = a_ticket(**{"limit_price": "100", **ticket})
        return PlaceOrder(owner_id=self.owner, ticket=replace(wish, portfolio_id=self.id))


def keyed(key: str | None, scope: str = "test") -> Origin:
    """Return an origin with an idempotency key, or without."""
    return ORIGIN if key is None else replace(ORIGIN, key=IdempotencyKey(scope, key))


def outcome(future: Future[Any]) -> Any:
    """Return what a call answered or raised."""
    error = future.exception()
    return future.result() if error is None else error


def at_once(calls: Iterable[Callable[[], Any]], threads: int) -> list[Any]:
    """Make the calls from that many threads; return what each answered or raised."""
    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(call) for call in calls]
        return [outcome(future) for future in futures]


def until(condition: Callable[[], bool]) -> None:
    """Wait for something to become true; fail if it does not."""
    deadline = monotonic() + _PATIENCE_SECONDS
    while not condition():
        assert monotonic() < deadline, "waited in vain"
        sleep(0.0005)


class Meddled:
    """A storage with a hook in it: `before_write` and `before_commit` may raise or cut wires."""

    def __init__(self, inner: Storage) -> None:
        self.inner: Any = inner
        self.before_write: Callable[[Any, Any], None] = lambda _transaction, _changes: None
        self.before_commit: Callable[[Any], None] = lambda _transaction: None
        self.commits = 0

    def begin(self) -> Any:
        return _MeddledTransaction(self, self.inner.begin())

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class _MeddledTransaction:
    def __init__(self, storage: Meddled, inner: Any) -> None:
        self._storage = storage
        self._inner = inner

    def write(self, changes: Any) -> None:
        self._storage.before_write(self._inner, changes)
        self._inner.write(changes)

    def commit(self) -> None:
        self._storage.before_commit(self._inner)
        self._inner.commit()
        self._storage.commits += 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
