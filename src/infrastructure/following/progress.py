"""How far one worker is: its lease, its place in the log, and the keys it must not pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from sqlalchemy import Connection

from traderbot.application.ports.subscriptions import DurableHandler, SubscriptionState
from traderbot.infrastructure.following.connections import WritingConnection
from traderbot.infrastructure.following.decisions import apply_discards
from traderbot.infrastructure.following.pace import BATCH
from traderbot.infrastructure.following.parking import Parking
from traderbot.infrastructure.following.subscription_store import Lease, LeaseLostError
from traderbot.infrastructure.following.workplace import Workplace


class Progress:
    """Where a worker stands, in memory and in `subscriptions`.

    `position` may be ahead of the stored checkpoint by events that needed no handling.
    """

    def __init__(self, handler: DurableHandler, place: Workplace) -> None:
        """Stand nowhere; `take` comes first."""
        self.writing = WritingConnection(place.writing, derived=not handler.is_reactor)
        self.parking = Parking(handler.name, place.store.times)
        self.position = 0
        self.state = SubscriptionState.RUNNING
        self.held: set[str] = set()  # keys with open rows; it may name too many, never too few
        self.one_by_one = range(0)  # log indexes whose attempts are counted before they are made
        self._suspect_until = 0
        self._handler = handler
        self._place = place
        self._lease: Lease | None = None
        self._given_up: set[int] = set()
        self._saved_at = self._looked_at = 0.0  # monotonic

    @property
    def is_owner(self) -> bool:
        """Whether it has the lease, as far as it knows."""
        return self._lease is not None

    @property
    def lease(self) -> Lease:
        """The lease. Raises LeaseLostError without one."""
        if self._lease is None:
            raise LeaseLostError(self._handler.name)
        return self._lease

    def is_given_up(self, log_index: int) -> bool:
        """Whether an operator has discarded the event."""
        return log_index in self._given_up

    @property
    def is_suspect(self) -> bool:
        """Whether the next event may be what ended the owner before."""
        return self.position < self._suspect_until

    def take(self) -> bool:
        """Take the lease if it is free; return whether it was."""
        place, name = self._place, self._handler.name
        seconds = place.pace.lease_seconds
        with place.reading.connect() as connection:
            if not place.store.is_free(connection, name, place.owner, seconds):
                return False
        with self.writing.transaction() as connection:
            taken = place.store.take(connection, self._handler, place.owner, seconds)
            if taken is None:
                return False
            position = taken.lease.position
            apply_discards(connection, name)
            held = self.parking.keys(connection, below=position)
            given_up = self.parking.discarded(connection, since=position)
            ahead = self.parking.last_ahead(connection, since=position)
        stop = position if ahead is None else ahead + 1
        if not taken.clean:  # something may have been under way
            stop = max(stop, position + BATCH)
        self._suspect_until = position if taken.clean else stop
        self.one_by_one = range(position, stop)
        self.held, self._given_up, self.state = held, given_up, taken.state
        self.moved(position, taken.lease)
        return True

    def lose(self) -> None:
        """Know that the lease is somebody else's."""
        self._lease = None

    def look(self) -> None:
        """See what an operator has decided, now and then. Raises LeaseLostError."""
        now = monotonic()
        if now < self._looked_at + self._place.pace.poll_seconds:
            return
        self._looked_at = now
        with self._place.reading.connect() as connection:
            state = self._place.store.state(connection, self.lease)
            if state is self.state:
                return
            self._given_up = self.parking.discarded(connection, since=self.position)
        if self.state is SubscriptionState.HALTED:  # what halted it is attempted first, and counted
            self.one_by_one = range(self.position, self.position + 1)
        self.state = state

    @contextmanager
    def in_turn(self) -> Iterator[bool]:
        """After an end that was not clean, attempt nothing while another handler attempts.

        Should the process die again, only the handler that killed it has an attempt on record
        that did not come to an end; nobody who was merely there is charged with it. Yields whether
        that is so: then the outcome is to be recorded before the turn ends.
        """
        if not self.is_suspect:
            yield False
            return
        turn = self._place.turn
        mine = turn.acquire(timeout=self._place.pace.turn_seconds)
        try:
            yield True
        finally:
            if mine:
                turn.release()

    def here(self, connection: Connection) -> Lease:
        """Store the position, and so make sure of the lease for the rest of the transaction."""
        return self.to(connection, self.position)

    def to(self, connection: Connection, position: int) -> Lease:
        """Store a position; it is true once the transaction is committed: see `moved`."""
        return self._place.store.move(connection, self.lease, position)

    def moved(self, position: int, lease: Lease) -> None:
        """Note what a commit has made true."""
        self._saved_at = monotonic()
        with self._place.moved:
            self._lease, self.position = lease, position
            self._place.moved.notify_all()

    def pass_over(self, position: int) -> None:
        """Leave events behind that need no handling; now and then it is stored."""
        with self._place.moved:
            self.position = position
            self._place.moved.notify_all()
        self.save_if_late()

    def hear_decisions(self) -> None:
        """Give up what an operator has decided to give up, as the log says."""
        with self.writing.transaction() as connection:
            lease = self.here(connection)
            apply_discards(connection, self._handler.name)
        self.moved(self.position, lease)

    def save_if_late(self) -> None:
        """Store the position if it has not been for a while."""
        late = monotonic() - self._saved_at > self._place.pace.save_seconds
        if late and self.lease.position != self.position:
            with self.writing.transaction() as connection:
                lease = self.here(connection)
            self.moved(self.position, lease)

    def say(self, state: SubscriptionState, error: str | None = None) -> None:
        """Say that it halted, or runs again."""
        with self.writing.transaction() as connection:
            lease = self.here(connection)
            self._place.store.set_state(connection, lease, state, error)
        self.moved(self.position, lease)
        self.state = state

    def release(self) -> None:
        """Give the lease back."""
        if self._lease is not None:
            with self.writing.transaction() as connection:
                self._place.store.release(connection, self._lease, self.position)
        self._lease = None
