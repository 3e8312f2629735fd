"""Where each subscription stands and who works on it. Only the owner of the newest lease moves it.

Every write is a compare-and-set on position and generation. A generation begins whenever a lease
is taken, so whoever lost theirs, by a pause or a crash, cannot write any more, whatever they think.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from traderbot.application.ports.clock import Clock
from traderbot.application.ports.event_bus import Start
from traderbot.application.ports.subscriptions import DurableHandler, SubscriptionState
from traderbot.infrastructure.following.log_follower import head
from traderbot.infrastructure.persistence.log_tables import SubscriptionRow
from traderbot.infrastructure.system import SystemClock

_ERROR_LENGTH = 2000
_SET_BACK = 2  # leases that one cannot last


class LeaseLostError(Exception):
    """Somebody else works on the subscription now. What was under way is rolled back."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to move a subscription on from `position`."""

    name: str
    generation: int
    position: int


@dataclass(frozen=True, slots=True)
class Taken:
    """A lease, and how its last owner left it."""

    lease: Lease
    state: SubscriptionState
    clean: bool  # else something was under way when they ended


@dataclass(frozen=True, slots=True)
class SubscriptionTimes:
    """The time by which leases end: the database's, so that hosts need not agree.

    In SQLite all users are on one host, whose clock it is; a test gives its own.
    """

    clock: Clock | None = None

    def now(self, connection: Connection) -> datetime:
        """Return the present instant."""
        if self.clock is None and connection.dialect.name == "postgresql":
            found: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
            return found
        return (self.clock or SystemClock()).now()

    def stamp(self, connection: Connection) -> Any:  # noqa: ANN401 - a datetime or an expression
        """Return the present instant as a value to write, without asking for it first."""
        if self.clock is None and connection.dialect.name == "postgresql":
            return func.clock_timestamp()
        return self.now(connection)


@dataclass(frozen=True, slots=True)
class SubscriptionStore:
    """The rows of `subscriptions`. Each method works in the caller's transaction."""

    times: SubscriptionTimes

    def take(
        self, connection: Connection, handler: DurableHandler, owner: str, seconds: float
    ) -> Taken | None:
        """Take the lease if nobody holds it; make the subscription when it is new.

        Return None while somebody else holds it.
        """
        now = self.times.now(connection)
        until = now + timedelta(seconds=seconds)
        row = connection.execute(_one(handler.name).with_for_update()).one_or_none()
        if row is None:
            position = 0 if handler.start is Start.BEGINNING else head(connection)
            values = {
                "name": handler.name,
                "kind": handler.kind.value,
                "position": position,
                "generation": 1,
                "owner": owner,
                "lease_until": until,
                "status": SubscriptionState.RUNNING.value,
                "error": None,
                "updated_at": now,
            }
            connection.execute(insert(SubscriptionRow), values)
            lease = Lease(handler.name, 1, position)
            return Taken(lease, SubscriptionState.RUNNING, clean=True)
        if not _is_free(row, owner, now, seconds):
            return None
        lease = Lease(handler.name, row.generation + 1, row.position)
        self._write(
            connection,
            Lease(handler.name, row.generation, row.position),
            generation=lease.generation,
            owner=owner,
            lease_until=until,
            kind=handler.kind.value,
            updated_at=now,
        )
        return Taken(lease, SubscriptionState(row.status), clean=row.owner is None)

    def is_free(self, connection: Connection, name: str, owner: str, seconds: float) -> bool:
        """Whether it is worth trying to take the lease, where leases are of so many seconds."""
        row = connection.execute(_one(name)).one_or_none()
        return row is None or _is_free(row, owner, self.times.now(connection), seconds)

    def move(self, connection: Connection, lease: Lease, to: int) -> Lease:
        """Put the checkpoint to `to`. Raises LeaseLostError.

        It locks the row, so whatever follows in the transaction is done by the owner.
        """
        self._write(connection, lease, position=to, updated_at=self.times.stamp(connection))
        return replace(lease, position=to)

    def set_state(
        self, connection: Connection, lease: Lease, state: SubscriptionState, error: str | None
    ) -> None:
        """Say that it halted, or runs again. Raises LeaseLostError."""
        self._write(
            connection,
            lease,
            status=state.value,
            error=None if error is None else error[:_ERROR_LENGTH],
            updated_at=self.times.stamp(connection),
        )

    def state(self, connection: Connection, lease: Lease) -> SubscriptionState:
        """Return what it is said to do. Raises LeaseLostError if the lease is another's by now."""
        row = connection.execute(_one(lease.name)).one_or_none()
        if row is None or row.generation != lease.generation:
            raise LeaseLostError(lease.name)
        return SubscriptionState(row.status)

    def renew(self, connection: Connection, owner: str, seconds: float) -> int:
        """Lengthen every lease of an owner; return how many there are."""
        until = self.times.now(connection) + timedelta(seconds=seconds)
        statement = (
            update(SubscriptionRow).where(SubscriptionRow.owner == owner).values(lease_until=until)
        )
        return int(connection.execute(statement).rowcount)

    def release(self, connection: Connection, lease: Lease, to: int) -> None:
        """Give the lease back with nothing under way. Raises LeaseLostError."""
        self._write(
            connection,
            lease,
            position=to,
            owner=None,
            lease_until=None,
            updated_at=self.times.stamp(connection),
        )

    @staticmethod
    def _write(connection: Connection, lease: Lease, **values: Any) -> None:  # noqa: ANN401
        statement = (
            update(SubscriptionRow)
            .where(
                SubscriptionRow.name == lease.name,
                SubscriptionRow.position == lease.position,
                SubscriptionRow.generation == lease.generation,
            )
            .values(**values)
        )
        if connection.execute(statement).rowcount != 1:
            raise LeaseLostError(lease.name)


def _is_free(row: Any, owner: str, now: datetime, seconds: float) -> bool:  # noqa: ANN401 - of `subscriptions`
    # One's own, too: then a transaction of ours ended we do not know how.
    if row.owner in {None, owner} or row.lease_until is None:
        return True
    # None is given for so long: it is from before the clock was set back. Whoever is alive renews
    # theirs within a third of it; and should that come too late, they merely lose the lease.
    return bool(
        row.lease_until <= now or row.lease_until > now + _SET_BACK * timedelta(seconds=seconds)
    )


def _one(name: str) -> Any:  # noqa: ANN401 - SQLAlchemy's Select of nine columns
    return select(SubscriptionRow.__table__).where(SubscriptionRow.name == name)
