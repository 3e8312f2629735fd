"""What operators ask of subscriptions and decide about them, by way of the database.

It works whether the subscriptions run in this process, in another one, or nowhere just now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any, Final

from sqlalchemy import Connection, Engine, and_, delete, func, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from traderbot.application.errors import DatabaseUnavailableError, NotFoundError
from traderbot.application.ports.clock import Clock
from traderbot.application.ports.event_bus import ReplayPolicy
from traderbot.application.ports.subscriptions import (
    DurableHandler,
    NotParkedError,
    NotReplayableError,
    ParkedEvent,
    ParkedState,
    SubscriptionState,
    SubscriptionStatus,
)
from traderbot.application.views import Page
from traderbot.infrastructure.following.decisions import apply_discards
from traderbot.infrastructure.following.log_follower import head
from traderbot.infrastructure.following.parking import OPEN
from traderbot.infrastructure.following.runner import SubscriptionRunner
from traderbot.infrastructure.following.subscription_store import SubscriptionTimes
from traderbot.infrastructure.persistence.log_tables import ParkedEventRow, SubscriptionRow
from traderbot.infrastructure.persistence.paging import (
    page_of,
    page_size,
    place_after,
    place_cursor,
)

_BETWEEN_SECONDS: Final = 0.002
_ASK_SECONDS: Final = 0.05
_Row = ParkedEventRow


class SqlSubscriptions:
    """`Subscriptions` on SQLite and PostgreSQL."""

    def __init__(
        self,
        reading: Engine,
        writing: Engine,
        handlers: Sequence[DurableHandler] = (),
        *,
        runner: SubscriptionRunner | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Work on a database. `handlers` say what may be replayed, `runner` is this process's."""
        self._reading = reading
        self._writing = writing
        self._handlers: Mapping[str, DurableHandler] = {each.name: each for each in handlers}
        self._runner = runner
        self._times = SubscriptionTimes(clock)

    def statuses(self) -> Sequence[SubscriptionStatus]:
        """Return every subscription that has ever begun, by name."""
        with self._asking() as connection:
            size = head(connection)
            counts = _counts(connection)
            rows = connection.execute(
                select(SubscriptionRow.__table__).order_by(SubscriptionRow.name)
            ).all()
        return [
            SubscriptionStatus(
                name=row.name,
                kind=row.kind,
                state=SubscriptionState(row.status),
                position=row.position,
                lag=max(0, size - row.position),
                retrying=counts.get((row.name, ParkedState.RETRYING), 0)
                + counts.get((row.name, ParkedState.REQUEUED), 0),
                parked=counts.get((row.name, ParkedState.PARKED), 0),
                error=row.error,
                owner=row.owner,
                updated_at=row.updated_at,
            )
            for row in rows
        ]

    def wait_for(self, name: str, log_index: int, timeout: float) -> bool:
        """Wait until an event is behind a subscription."""
        limit = monotonic() + timeout
        while True:
            with self._asking() as connection:
                position = _subscription(connection, name).position
            left = limit - monotonic()
            if position > log_index:
                return True
            if left <= 0:
                return False
            pause = min(left, _ASK_SECONDS)
            if self._runner is None:
                sleep(pause)
            elif self._runner.wait_for(name, log_index, pause):
                # What it remembers may be from before a reset: the table is asked again.
                sleep(min(left, _BETWEEN_SECONDS))

    def parked(
        self,
        name: str | None = None,
        *,
        state: ParkedState | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[ParkedEvent]:
        """Return a page of what was put aside, by subscription and log index."""
        size = page_size(limit)
        statement = select(_Row.__table__).order_by(_Row.subscription, _Row.log_index)
        if name is not None:
            statement = statement.where(_Row.subscription == name)
        if state is not None:
            statement = statement.where(_Row.status == state)
        if cursor is not None:
            behind, index = place_after(cursor)
            same = and_(_Row.subscription == behind, _Row.log_index > index)
            statement = statement.where(or_(_Row.subscription > behind, same))
        with self._asking() as connection:
            rows = connection.execute(statement.limit(size + 1)).all()
        return page_of(
            rows, size, _parked_event, lambda row: place_cursor(row.subscription, row.log_index)
        )

    def parked_event(self, name: str, log_index: int) -> ParkedEvent:
        """Return one parked event."""
        with self._asking() as connection:
            return _event(connection, name, log_index)

    def retry(self, name: str, log_index: int) -> int:
        """Have a parked event and everything parked behind it attempted once more, in order."""
        with self._deciding(name) as connection:
            apply_discards(connection, name)
        with self._deciding(name) as connection:
            found = _event(connection, name, log_index)
            found.refuse_unless_parked()
            subscription = _subscription(connection, name)
            if log_index >= subscription.position:
                msg = f"{name} halted at this event; let it go on with: traderbot events resume"
                raise NotParkedError(msg)
            where = and_(
                _Row.subscription == name,
                _Row.sequence_key == found.sequence_key,
                _Row.status == ParkedState.PARKED,
            )
            values = {"status": ParkedState.REQUEUED, "next_at": self._times.now(connection)}
            count = int(connection.execute(update(_Row).where(where).values(values)).rowcount)
        self._nudge()
        return count

    def discard(self, name: str, log_index: int, *, reason: str, by: str) -> ParkedEvent:
        """Give one event up. Those behind it stay parked until they are retried."""
        with self._deciding(name) as connection:
            _event(connection, name, log_index).refuse_unless_parked()
            where = and_(_Row.subscription == name, _Row.log_index == log_index)
            values = {
                "status": ParkedState.DISCARDED,
                "next_at": None,
                "decided_by": by,
                "reason": reason,
            }
            connection.execute(update(_Row).where(where).values(values))
            given_up = _event(connection, name, log_index)
        self._nudge()
        return given_up

    def resume(self, name: str) -> None:
        """Let a halted subscription go on where it halted."""
        with self._deciding(name) as connection:
            found = _subscription(connection, name)
            if found.status != SubscriptionState.HALTED:
                return
            apply_discards(connection, name)
            # What halted it begins with new attempts.
            _delete_open(connection, name, since=found.position)
            connection.execute(
                update(SubscriptionRow)
                .where(SubscriptionRow.name == name)
                .values(
                    status=SubscriptionState.RUNNING,
                    error=None,
                    updated_at=self._times.now(connection),
                )
            )
        self._nudge()

    def reset(self, name: str) -> None:
        """Have a projection replay the whole log."""
        handler = self._handlers.get(name)
        with self._deciding(name) as connection:
            found = _subscription(connection, name)
            if handler is None:
                msg = f"nothing here says how {name} is declared, or whether it may be replayed"
                raise NotReplayableError(msg)
            if handler.is_reactor or handler.replay is ReplayPolicy.NEVER:
                msg = f"{name} does not take events a second time"
                raise NotReplayableError(msg)
            if handler.clear is not None:
                handler.clear(connection)
            _delete_open(connection, name, since=0)
            connection.execute(
                update(SubscriptionRow)
                .where(SubscriptionRow.name == name)
                .values(
                    position=0,
                    # A new generation: whoever works on it now cannot write any more.
                    generation=found.generation + 1,
                    owner=None,
                    lease_until=None,
                    status=SubscriptionState.REBUILDING,
                    error=None,
                    updated_at=self._times.now(connection),
                )
            )
        self._nudge()

    def _nudge(self) -> None:
        if self._runner is not None:
            self._runner.nudge()

    @contextmanager
    def _asking(self) -> Iterator[Connection]:
        with _our_errors(), self._reading.connect() as connection:
            yield connection

    @contextmanager
    def _deciding(self, name: str) -> Iterator[Connection]:
        """Open a transaction in which the subscription's worker does nothing."""
        with _our_errors(), self._writing.begin() as connection:
            lock = select(SubscriptionRow.name).where(SubscriptionRow.name == name)
            connection.execute(lock.with_for_update())
            yield connection


@contextmanager
def _our_errors() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        msg = f"the subscriptions cannot be asked: {type(error).__name__}"
        raise DatabaseUnavailableError(msg) from error


def _subscription(connection: Connection, name: str) -> Any:  # noqa: ANN401 - SQLAlchemy's Row
    statement = select(SubscriptionRow.__table__).where(SubscriptionRow.name == name)
    found = connection.execute(statement).one_or_none()
    if found is None:
        what = "subscription"
        raise NotFoundError(what, name)
    return found


def _event(connection: Connection, name: str, log_index: int) -> ParkedEvent:
    statement = select(_Row.__table__).where(_Row.subscription == name, _Row.log_index == log_index)
    found = connection.execute(statement).one_or_none()
    if found is None:
        what = "parked event"
        raise NotFoundError(what, f"{log_index} of {name}")
    return _parked_event(found)


def _delete_open(connection: Connection, name: str, since: int) -> None:
    where = and_(_Row.subscription == name, _Row.log_index >= since, _Row.status.in_(OPEN))
    connection.execute(delete(_Row).where(where))


def _counts(connection: Connection) -> dict[tuple[str, str], int]:
    statement = select(_Row.subscription, _Row.status, func.count()).group_by(
        _Row.subscription, _Row.status
    )
    return {(row[0], row[1]): int(row[2]) for row in connection.execute(statement)}


def _parked_event(row: Any) -> ParkedEvent:  # noqa: ANN401 - SQLAlchemy's Row
    return ParkedEvent(
        subscription=row.subscription,
        log_index=row.log_index,
        event_id=row.event_id,
        sequence_key=row.sequence_key,
        state=ParkedState(row.status),
        attempts=row.attempts,
        first_at=row.first_at,
        last_at=row.last_at,
        next_at=row.next_at,
        error_type=row.error_type,
        error=row.error,
        decided_by=row.decided_by,
        reason=row.reason,
    )
