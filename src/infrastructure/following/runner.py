"""All durable handlers of one process, at work: start it, nudge it, close it."""

from __future__ import annotations

import logging
import os
import socket
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from time import monotonic
from types import TracebackType
from typing import Final, Self

from traderbot.application.ports.clock import Clock
from traderbot.application.ports.subscriptions import DurableHandler
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.following.feed import Feed
from traderbot.infrastructure.following.log_follower import LogFollower
from traderbot.infrastructure.following.pace import Pace
from traderbot.infrastructure.following.subscription_store import (
    SubscriptionStore,
    SubscriptionTimes,
)
from traderbot.infrastructure.following.watching import Renewal, Watch
from traderbot.infrastructure.following.worker import Worker
from traderbot.infrastructure.following.workplace import Workplace
from traderbot.infrastructure.persistence.database import reader_engine, writer_engine

_log = logging.getLogger(__name__)
_CLOSING_SECONDS: Final = 10.0


class SubscriptionRunner:
    """Runs each durable handler on a thread and a connection of its own.

    Several processes may run the same handlers: for each of them one works, the others stand by.
    A call that hangs holds up no other subscription; it is left behind in its thread, which ends
    with the process.
    """

    def __init__(
        self,
        url: str,
        handlers: Sequence[DurableHandler],
        codec: EventCodec,
        *,
        pace: Pace | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Prepare; `start` begins. Without a clock, leases end by the database's time.

        Raises:
            ValueError: two handlers have one name, or one asks for an event the log never has.
            DatabaseUnavailableError: the URL names no database this program knows.
        """
        twice = [name for name, count in Counter(it.name for it in handlers).items() if count > 1]
        if twice:
            msg = f"two handlers are named {', '.join(sorted(twice))}"
            raise ValueError(msg)
        self.handlers: Mapping[str, DurableHandler] = {each.name: each for each in handlers}
        reading, follower, pace = reader_engine(url), LogFollower(codec), pace or Pace()
        self._place = Workplace(
            reading=reading,
            writing=writer_engine(url),
            follower=follower,
            feed=Feed(reading, follower, pace.poll_seconds),
            store=SubscriptionStore(SubscriptionTimes(clock)),
            pace=pace,
            owner=f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}",
        )
        self._workers = {each.name: Worker(each, self._place) for each in handlers}
        self._watch = Watch(self._place.reading, self.nudge, self._place.closing.told)
        self._renewal = Renewal(self._place)
        self._started = False
        self._closed = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Begin to work. Asking twice is harmless."""
        if self._started:
            return
        self._started = True
        self._renewal.start()
        for worker in self._workers.values():
            worker.start()
        self._watch.start()

    def nudge(self) -> None:
        """Say that the log may have grown, or that an operator has decided something."""
        self._place.feed.nudge()
        for worker in self._workers.values():
            worker.nudge()

    def position(self, name: str) -> int | None:
        """Return how far a subscription is, None if it does not work in this process."""
        worker = self._workers.get(name)
        return None if worker is None else worker.position

    def left_behind(self) -> Mapping[str, int]:
        """Return how many calls hang, by subscription."""
        return {name: worker.left_behind for name, worker in self._workers.items()}

    def wait_for(self, name: str, log_index: int, timeout: float) -> bool:
        """Wait until an event is behind a subscription of this process; return whether it is."""
        with self._place.moved:
            return self._place.moved.wait_for(
                lambda: (self.position(name) or 0) > log_index, max(0.0, timeout)
            )

    def close(self, timeout: float = _CLOSING_SECONDS) -> bool:
        """End within `timeout` seconds; return whether everybody came to an end in good order.

        What is under way is finished, as long as there is time; else it is rolled back, or, for a
        reactor, stays on record as begun.
        """
        if self._closed:
            return True
        self._closed = True
        limit = monotonic() + timeout
        # A handler gets most of the time; the rest is for giving back the leases.
        self._place.closing.tell(limit - min(2.0, timeout / 2))
        well = True
        if self._started:
            self.nudge()
            joins = [each.join for each in self._workers.values()]
            for join in (*joins, self._renewal.join, self._watch.join):
                well = join(max(0.0, limit - monotonic())) and well
        if well:
            self._place.reading.dispose()
            self._place.writing.dispose()
        else:
            _log.warning("a subscription did not end within %g s; it is left behind", timeout)
        return well
