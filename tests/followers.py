"""Handlers that write down what they saw, and the means to run them over a test's database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection, Engine, text

from tests.stores import Desk, Owned, SqlStore, until
from traderbot.application.ports.event_bus import HandlerKind, ReplayPolicy, Start
from traderbot.application.ports.recorded import Recorded
from traderbot.application.ports.subscriptions import (
    DurableHandler,
    Effect,
    ParkedEvent,
    ParkedState,
    SubscriptionStatus,
)
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.following.log_follower import head
from traderbot.infrastructure.following.operators import SqlSubscriptions
from traderbot.infrastructure.following.pace import Pace
from traderbot.infrastructure.following.runner import SubscriptionRunner
from traderbot.infrastructure.persistence.database import reader_engine, writer_engine
from traderbot.infrastructure.sealing.anchors import AnchorFile
from traderbot.infrastructure.sealing.sealer import Sealer
from traderbot.infrastructure.sealing.signed_note import Signer
from traderbot.infrastructure.system import SystemClock

QUICK = Pace(
    attempts=3,
    backoff=lambda _attempt: 0.01,
    lease_seconds=1.0,
    poll_seconds=0.05,
    linger_seconds=0.0,
    save_seconds=0.05,
)
_SEEN = (
    "CREATE TABLE IF NOT EXISTS seen "
    "({number}, name TEXT, log_index BIGINT, stream TEXT, version BIGINT)"
)
_NUMBER = {
    "sqlite": "number INTEGER PRIMARY KEY",
    "postgresql": "number BIGINT GENERATED ALWAYS AS IDENTITY",
}


def note(name: str, recorded: Recorded, connection: Connection) -> None:
    """Write down that an event was handled."""
    connection.execute(
        text(
            "INSERT INTO seen (name, log_index, stream, version) "
            "VALUES (:name, :log_index, :stream, :version)"
        ),
        {
            "name": name,
            "log_index": recorded.position,
            "stream": recorded.stream,
            "version": recorded.version,
        },
    )


def a_projection(name: str = "view", **changes: Any) -> DurableHandler:
    """Return a projection that notes every event."""

    def handle(recorded: Recorded, connection: Connection) -> None:
        note(name, recorded, connection)

    it = DurableHandler(name=name, kind=HandlerKind.DURABLE_PROJECTION, handle=handle)
    return replace(it, **changes)


def a_reactor(
    handle: Callable[[Recorded, Effect], Any], name: str = "letters", **changes: Any
) -> DurableHandler:
    """Return a reactor from the beginning, never replayed."""
    it = DurableHandler(
        name=name,
        kind=HandlerKind.DURABLE_REACTOR,
        handle=handle,
        start=Start.BEGINNING,
        replay=ReplayPolicy.NEVER,
    )
    return replace(it, **changes)


@dataclass(frozen=True)
class Seen:
    """One event that a projection noted."""

    log_index: int
    stream: str
    version: int


class House:
    """A database, its writer, its sealer, and whoever follows the log."""

    def __init__(self, store: SqlStore, stack: ExitStack) -> None:
        self.url = store.url
        self.desk_store = store
        self.desk: Desk = store.desk()
        self.stack = stack
        self.reading = self._engine(reader_engine(store.url))
        self.writing = self._engine(writer_engine(store.url))
        self.codec = EventCodec()
        folder = Path(stack.enter_context(TemporaryDirectory()))
        signer, anchors = Signer("test/log", b"\x07" * 32), AnchorFile(folder / "anchors.jsonl")
        sealing = self._engine(writer_engine(store.url))
        self.sealer = Sealer(sealing, signer, "test/log", anchors, SystemClock())
        stack.callback(self.sealer.close)
        with self.writing.begin() as connection:
            number = _NUMBER[connection.dialect.name]
            connection.execute(text(_SEEN.format(number=number)))
        self.subscriptions = SqlSubscriptions(self.reading, self.writing)

    def follow(self, *handlers: DurableHandler, **how: Any) -> SubscriptionRunner:
        """Run handlers until the test ends, and ask about them from now on."""
        codec = how.pop("codec", self.codec)
        runner = SubscriptionRunner(self.url, handlers, codec, **{"pace": QUICK, **how})
        self.stack.callback(runner.close)
        runner.start()
        self.subscriptions = SqlSubscriptions(self.reading, self.writing, handlers, runner=runner)
        return runner

    def seal(self) -> int:
        """Give every event its place; return how long the log is."""
        self.sealer.seal()
        with self.reading.connect() as connection:
            return head(connection)

    def portfolios(self, count: int) -> list[Owned]:
        """Open portfolios of one user."""
        first = self.desk.portfolio()
        return [first, *(self.desk.second_portfolio(first.owner) for _ in range(count - 1))]

    def deposits(self, portfolios: Sequence[Owned], each: int) -> None:
        """Pay into the portfolios in turn."""
        for _ in range(each):
            for portfolio in portfolios:
                self.desk.deposit(portfolio, "1 USD")

    def caught_up(self, *names: str, seconds: float = 20) -> int:
        """Seal, and wait until these subscriptions have passed the whole log."""
        size = self.seal()
        for name in names:
            until(partial(self.known, name))
            assert self.subscriptions.wait_for(name, size - 1, seconds), self.status(name)
        return size

    def known(self, name: str) -> bool:
        return any(each.name == name for each in self.subscriptions.statuses())

    def status(self, name: str) -> SubscriptionStatus:
        (found,) = (each for each in self.subscriptions.statuses() if each.name == name)
        return found

    def open(self, name: str) -> list[ParkedEvent]:
        """Return what was put aside and is not decided yet."""
        return [each for each in self.put_aside(name) if each.state is not ParkedState.DISCARDED]

    def put_aside(self, name: str) -> list[ParkedEvent]:
        """Return what was put aside, and what was given up."""
        page = self.subscriptions.parked(name, limit=200)
        found = list(page.items)
        while page.next_cursor is not None:
            page = self.subscriptions.parked(name, limit=200, cursor=page.next_cursor)
            found += page.items
        return found

    def states(self, name: str) -> dict[int, ParkedState]:
        return {each.log_index: each.state for each in self.put_aside(name)}

    def seen(self, name: str = "view") -> list[Seen]:
        """Return what a projection noted, in the order in which it did."""
        sql = "SELECT log_index, stream, version FROM seen WHERE name = :name ORDER BY number"
        return [Seen(*row) for row in self.rows(sql, name=name)]

    def rows(self, sql: str, **values: object) -> list[Any]:
        with self.reading.connect() as connection:
            return list(connection.execute(text(sql), values))

    def indexes_of(self, stream: str) -> list[int]:
        """Return where the events of a stream are in the log."""
        sql = (
            "SELECT l.log_index FROM log l JOIN events e ON e.position = l.position "
            "WHERE e.stream_id = :stream ORDER BY 1"
        )
        return [row[0] for row in self.rows(sql, stream=stream)]

    def _engine(self, engine: Engine) -> Engine:
        self.stack.callback(engine.dispose)
        return engine


def assert_order_kept(seen: Sequence[Seen]) -> None:
    """Require that each stream was handled from its first event on, each event once."""
    versions: dict[str, int] = {}
    for each in seen:
        assert each.version == versions.get(each.stream, 0) + 1, each
        versions[each.stream] = each.version
