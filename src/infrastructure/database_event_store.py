"""The recorded log of a database, as the store behind a bus."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from time import monotonic
from types import TracebackType
from typing import Final, Self

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from traderbot.application.errors import DatabaseUnavailableError
from traderbot.application.ports.recorded import Recorded
from traderbot.application.ports.subscriptions import DurableHandler
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.event_store.log_reader import snapshot
from traderbot.infrastructure.following.log_follower import LogFollower, head, names_of
from traderbot.infrastructure.following.runner import SubscriptionRunner
from traderbot.infrastructure.persistence.database import reader_engine, writer_engine
from traderbot.infrastructure.persistence.migrate import upgrade
from traderbot.infrastructure.settings import load_settings

# Handlers are mostly subscribed in a row; this long after the first, all of them begin together.
_GATHER_SECONDS: Final = 0.05


class DatabaseEventStore:
    """`EventStore` on a database: it runs those who follow the log, and reads it.

    It has no method to append: events are recorded by commands, in the transaction that also
    writes what they change. Other processes may run the same handlers on the same database; for
    each handler one process works, and the others stand by. On PostgreSQL the log grows by the
    sealer, which runs inside `traderbot serve` and `traderbot worker`.
    """

    def __init__(self, source: str | None = None) -> None:
        """Use a database URL or the path of a SQLite file; by default what the settings name.

        Nothing is opened before it is needed; a database that is not there is made then.

        Raises:
            ConfigurationError: the environment holds something that cannot be right.
        """
        self.url = source or load_settings().database_url
        self._codec = EventCodec()
        self._follower = LogFollower(self._codec)
        self._lock = threading.Lock()
        self._reading: Engine | None = None
        self._followings: list[_Following] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def follow(self, handlers: Sequence[DurableHandler]) -> Callable[[], None]:
        """Run durable handlers, each from its own place in the log; return what stops them.

        Raises:
            ValueError: a handler asks for an event the log never has, or one of that name is run
                already.
            DatabaseUnavailableError: the database cannot be opened.
        """
        for handler in handlers:
            names_of(handler.event_types or frozenset())
        self._engine()
        with self._lock:
            taken = {name for each in self._followings for name in each.names}
            for handler in handlers:
                if handler.name in taken:
                    msg = f"{handler.name} is run already"
                    raise ValueError(msg)
            last = self._followings[-1] if self._followings else None
            if last is None or not last.takes(handlers):
                last = _Following(self.url, self._codec)
                last.takes(handlers)
                self._followings.append(last)
        return last.stop

    def wait_for(self, name: str, log_index: int, timeout: float) -> bool:
        """Wait until an event is behind a handler that works in this process.

        Return whether it is, after at most `timeout` seconds.
        """
        limit = monotonic() + timeout
        with self._lock:
            followings = tuple(self._followings)
        return any(each.wait_for(name, log_index, limit - monotonic()) for each in followings)

    def size(self) -> int:
        """Return how many events the log has. Raises DatabaseUnavailableError."""
        with self._engine().connect() as connection:
            return head(connection)

    def events(self, start: int = 0) -> Iterator[Recorded]:
        """Yield the log from an index on; an event's `position` is its index.

        Raises:
            CorruptHistoryError: an index is missing, or an event cannot be read.
            DatabaseUnavailableError: the database does not answer.
        """
        at = start
        while True:
            with self._engine().connect() as connection:
                lines = self._follower.read(connection, at)
            if not lines:
                return
            yield from map(self._follower.recorded, lines)
            at += len(lines)

    def stream(self, stream_id: str) -> Sequence[Recorded]:
        """Return one stream, oldest first; an event's `position` is its place in the table.

        Raises:
            CorruptHistoryError: an event cannot be read.
            DatabaseUnavailableError: the database does not answer.
        """
        with snapshot(self._engine()) as reader:
            return [
                self._codec.recorded(it.position, it.body, it.leaf_hash)
                for it in reader.stream(stream_id)
            ]

    def close(self) -> None:
        """Stop everybody who follows, and give the connections back. Twice is harmless."""
        with self._lock:
            followings, self._followings = self._followings, []
            reading, self._reading = self._reading, None
        for each in followings:
            each.stop()
        if reading is not None:
            reading.dispose()

    def _engine(self) -> Engine:
        """Return the engine to read with; the schema is the newest."""
        with self._lock:
            if self._reading is None:
                writing = writer_engine(self.url)
                try:
                    upgrade(writing)
                except SQLAlchemyError as error:
                    msg = "the database cannot be opened"
                    raise DatabaseUnavailableError(msg) from error
                finally:
                    writing.dispose()
                self._reading = reader_engine(self.url)
            return self._reading


class _Following:
    """Handlers that begin together, and are stopped together."""

    def __init__(self, url: str, codec: EventCodec) -> None:
        self._url = url
        self._codec = codec
        self._changed = threading.Condition()
        self._handlers: list[DurableHandler] = []
        self._runner: SubscriptionRunner | None = None
        self._stopped = False
        self._timer = threading.Timer(_GATHER_SECONDS, self._begin)
        self._timer.daemon = True
        self._timer.start()

    @property
    def names(self) -> Collection[str]:
        """Whom it runs, or is about to."""
        with self._changed:
            return () if self._stopped else {each.name for each in self._handlers}

    def takes(self, handlers: Sequence[DurableHandler]) -> bool:
        """Take handlers in, unless it has begun; return whether it did."""
        with self._changed:
            if self._runner is not None or self._stopped:
                return False
            self._handlers += handlers
            return True

    def stop(self) -> None:
        """End in good order: what is being handled is finished. Twice is harmless."""
        with self._changed:
            self._stopped = True
            runner = self._runner
            self._changed.notify_all()
        self._timer.cancel()
        if runner is not None:
            runner.close()

    def wait_for(self, name: str, log_index: int, seconds: float) -> bool:
        limit = monotonic() + seconds
        if name not in self.names:
            return False
        with self._changed:
            self._changed.wait_for(lambda: self._runner or self._stopped, max(0.0, seconds))
            runner = self._runner
        return runner is not None and runner.wait_for(name, log_index, limit - monotonic())

    def _begin(self) -> None:
        with self._changed:
            if not self._stopped:
                self._runner = SubscriptionRunner(self._url, self._handlers, self._codec)
                self._runner.start()
            self._changed.notify_all()
