"""Events that could not be handled, and those that wait behind them.

Order is kept within a sequence key: of each key only the first open row may be attempted, and
while there is one, every later event of the key is put behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.orm import aliased

from traderbot.application.ports.subscriptions import ParkedState
from traderbot.infrastructure.following.subscription_store import SubscriptionTimes
from traderbot.infrastructure.persistence.log_tables import ParkedEventRow

_ERROR_LENGTH: Final = 2000
_DUE_AT_ONCE: Final = 100
OPEN: Final = (ParkedState.RETRYING, ParkedState.PARKED, ParkedState.REQUEUED)
_Row = ParkedEventRow


@dataclass(frozen=True, slots=True)
class Parking:
    """The rows of `parked_events` of one subscription. Methods work in the caller's transaction.

    The caller owns the lease: `SubscriptionStore.move` came first in the same transaction.
    """

    name: str
    times: SubscriptionTimes

    # What there is -------------------------------------------------------------------------------

    def keys(self, connection: Connection, *, below: int) -> set[str]:
        """Return the keys with open rows among the events behind the checkpoint."""
        where = and_(self._open(), _Row.log_index < below)
        return set(connection.scalars(select(_Row.sequence_key).where(where).distinct()))

    def is_blocked(self, connection: Connection, key: str, *, below: int) -> bool:
        """Whether an earlier event of the key is still open."""
        where = and_(self._open(), _Row.sequence_key == key, _Row.log_index < below)
        return bool(connection.scalar(select(exists().where(where))))

    def discarded(self, connection: Connection, *, since: int) -> set[int]:
        """Return the events given up for good, from an index on."""
        where = and_(self._own(), _Row.status == ParkedState.DISCARDED, _Row.log_index >= since)
        return set(connection.scalars(select(_Row.log_index).where(where)))

    def last_ahead(self, connection: Connection, *, since: int) -> int | None:
        """Return the last event that was attempted but is not behind the checkpoint."""
        where = and_(self._open(), _Row.log_index >= since)
        found: int | None = connection.scalar(select(func.max(_Row.log_index)).where(where))
        return found

    def due(self, connection: Connection, *, below: int) -> Sequence[tuple[int, str]]:
        """Return index and key of the events whose next attempt is due, first of their key.

        One whose last attempt lies in the future is due: the clock was set back since.
        """
        now = self.times.now(connection)
        statement = (
            select(_Row.log_index, _Row.sequence_key)
            .where(self._waiting(below), or_(_Row.next_at <= now, _Row.last_at > now))
            .order_by(_Row.log_index)
            .limit(_DUE_AT_ONCE)
        )
        return [(row[0], row[1]) for row in connection.execute(statement)]

    def seconds_to_next(self, connection: Connection, *, below: int) -> float | None:
        """Return how long until an attempt is due, None when no attempt is planned."""
        at, last = connection.execute(
            select(func.min(_Row.next_at), func.max(_Row.last_at)).where(self._waiting(below))
        ).one()
        if at is None:
            return None
        now = self.times.now(connection)
        return 0.0 if last > now else max(0.0, float((at - now).total_seconds()))

    # What becomes of one -------------------------------------------------------------------------

    def count(self, connection: Connection, log_index: int, event_id: str, key: str) -> int | None:
        """Count an attempt before it is made and return its number, None if it was given up.

        The event is still ahead of the checkpoint: whoever dies over it has left this behind.
        """
        now = self.times.now(connection)
        found = connection.execute(self._select(log_index)).one_or_none()
        if found is None:
            self._insert(connection, log_index, event_id, key, attempts=1, at=now)
            return 1
        if found.status == ParkedState.DISCARDED:
            return None
        attempts = int(found.attempts) + 1
        self._update(
            connection, log_index, attempts=attempts, last_at=now, status=ParkedState.RETRYING
        )
        return attempts

    def count_again(self, connection: Connection, log_index: int, most: int) -> tuple[int, bool]:
        """Count another attempt of an event behind the checkpoint.

        Return its number, and whether it is the last one: an operator asked for one only.
        A number beyond `most` says that no attempt is left. It was not counted then.
        """
        found = connection.execute(self._select(log_index)).one()
        once = found.status == ParkedState.REQUEUED
        attempts = int(found.attempts) + 1
        if once or attempts <= most:
            now = self.times.now(connection)
            # Due at once if this process dies. `retrying`, so that a request counts only once.
            self._update(
                connection,
                log_index,
                attempts=attempts,
                last_at=now,
                next_at=now,
                status=ParkedState.RETRYING,
            )
        return attempts, once

    def fail(
        self,
        connection: Connection,
        log_index: int,
        event_id: str,
        key: str,
        *,
        attempts: int,
        error: BaseException,
        wait_seconds: float,
    ) -> None:
        """Note a failed attempt and when the next one is due."""
        now = self.times.now(connection)
        values = {
            "attempts": attempts,
            "last_at": now,
            "next_at": now + timedelta(seconds=wait_seconds),
            "status": ParkedState.RETRYING,
            **_error(error),
        }
        if not self._update(connection, log_index, **values):
            self._insert(connection, log_index, event_id, key, at=now, **values)

    def postpone(
        self,
        connection: Connection,
        log_index: int,
        *,
        attempts: int,
        once: bool,
        error: BaseException,
        wait_seconds: float,
    ) -> None:
        """Have an event attempted again later, as if the last attempt had not been made."""
        now = self.times.now(connection)
        self._update(
            connection,
            log_index,
            attempts=attempts,
            last_at=now,
            next_at=now + timedelta(seconds=wait_seconds),
            status=ParkedState.REQUEUED if once else ParkedState.RETRYING,
            **_error(error),
        )

    def park(self, connection: Connection, key: str) -> None:
        """Leave a key alone until an operator decides: what failed, and what waits behind it."""
        where = and_(self._open(), _Row.sequence_key == key)
        connection.execute(
            update(_Row).where(where).values(status=ParkedState.PARKED, next_at=None)
        )

    def park_one(self, connection: Connection, log_index: int) -> None:
        """Leave one event alone until an operator decides."""
        self._update(connection, log_index, status=ParkedState.PARKED, next_at=None)

    def put_behind(self, connection: Connection, log_index: int, event_id: str, key: str) -> None:
        """Have an event wait for the open ones of its key."""
        last = connection.execute(
            select(_Row.log_index, _Row.status)
            .where(self._open(), _Row.sequence_key == key, _Row.log_index < log_index)
            .order_by(_Row.log_index.desc())
            .limit(1)
        ).one()
        parked = last.status == ParkedState.PARKED
        self._insert(
            connection,
            log_index,
            event_id,
            key,
            at=self.times.now(connection),
            status=ParkedState.PARKED if parked else ParkedState.RETRYING,
            error_type="Waiting",
            error=f"waits behind log index {last.log_index}",
        )

    def done(self, connection: Connection, log_index: int, key: str) -> None:
        """Forget an event that is handled; the next one of its key is due."""
        where = and_(self._own(), _Row.log_index == log_index)
        connection.execute(delete(_Row).where(where))
        self.release_next(connection, key)

    def release_next(self, connection: Connection, key: str) -> None:
        """Have the first of a key attempted, if it waits for nothing but its turn."""
        first = connection.execute(
            select(_Row.log_index, _Row.status, _Row.attempts)
            .where(self._open(), _Row.sequence_key == key)
            .order_by(_Row.log_index)
            .limit(1)
        ).one_or_none()
        if first is not None and first.status == ParkedState.RETRYING and not first.attempts:
            self._update(connection, first.log_index, next_at=self.times.now(connection))

    # Statements ----------------------------------------------------------------------------------

    def _own(self) -> ColumnElement[bool]:
        return _Row.subscription == self.name

    def _open(self) -> ColumnElement[bool]:
        return and_(self._own(), _Row.status.in_(OPEN))

    def _waiting(self, below: int) -> ColumnElement[bool]:
        earlier = aliased(_Row)
        before_it = exists().where(
            earlier.subscription == _Row.subscription,
            earlier.sequence_key == _Row.sequence_key,
            earlier.log_index < _Row.log_index,
            earlier.status.in_(OPEN),
        )
        states = (ParkedState.RETRYING, ParkedState.REQUEUED)
        return and_(
            self._own(),
            _Row.status.in_(states),
            _Row.next_at.is_not(None),
            _Row.log_index < below,
            ~before_it,
        )

    def _select(self, log_index: int) -> Any:  # noqa: ANN401 - SQLAlchemy's Select of many columns
        return select(_Row.__table__).where(self._own(), _Row.log_index == log_index)

    def _update(self, connection: Connection, log_index: int, **values: Any) -> bool:  # noqa: ANN401
        where = and_(self._own(), _Row.log_index == log_index)
        return connection.execute(update(_Row).where(where).values(**values)).rowcount == 1

    def _insert(
        self,
        connection: Connection,
        log_index: int,
        event_id: str,
        key: str,
        *,
        at: datetime,
        **values: Any,  # noqa: ANN401
    ) -> None:
        row = {
            "subscription": self.name,
            "log_index": log_index,
            "event_id": event_id,
            "sequence_key": key,
            "attempts": 0,
            "first_at": at,
            "last_at": at,
            "next_at": None,
            "error_type": "Unfinished",
            "error": "the attempt did not come to an end",
            "status": ParkedState.RETRYING,
            "decided_by": None,
            "reason": None,
        }
        connection.execute(insert(_Row), row | values)


def _error(error: BaseException) -> dict[str, str]:
    return {"error_type": type(error).__name__, "error": _text(error)[:_ERROR_LENGTH]}


def _text(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - somebody else's class may do anything
        text = "an error that cannot say what it is"
    return text.replace("\x00", "?")  # which PostgreSQL cannot store
