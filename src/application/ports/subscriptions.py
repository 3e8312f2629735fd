"""Durable subscriptions: who follows the sealed log, how far they are, and what they could not do.

A handler is declared with `DurableHandler`; `Subscriptions` is what operators ask and decide. The
promises are told in docs/architecture.md: a projection's rows and its place in the log change in
one transaction, so each event counts once; a reactor is called at least once for each event, with
a token by which the world can tell that it is the same one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from traderbot.application.errors import ApplicationError, NotFoundError
from traderbot.application.ports.event_bus import HandlerKind, ReplayPolicy, Start
from traderbot.application.ports.recorded import Recorded
from traderbot.application.views import Page

PROJECTION_SECONDS = 2.0  # less than a writer waits for SQLite's lock, which the projection holds
REACTOR_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """The one effect a reactor may have because of one event. It is on record before the call.

    `token` is the same at every attempt: give it to whoever can tell a repetition by it.
    `attempt` counts from one.
    """

    token: str
    attempt: int
    log_index: int


# (recorded, connection) for a projection, (recorded, effect) for a reactor. A reactor may return
# the answer it got, as text or bytes: its SHA-256 is kept. A projection returns nothing.
DurableHandle = Callable[[Recorded, Any], Awaitable[str | bytes | None] | str | bytes | None]


def stream_of(recorded: Recorded) -> str:
    """Return the key of events that must be handled in their order: by default their stream."""
    return recorded.stream


@dataclass(frozen=True, slots=True, kw_only=True)
class DurableHandler:
    """A handler that is given every event of its types, from where it begins, whatever happens.

    What it is given is the event as `Recorded`, whose `position` is the event's index in the log.
    A projection writes on the SQLAlchemy connection it is given, and neither commits nor rolls
    back. An event whose attempts are used up is parked with all later events of its
    `sequence_key`, while others go on; a `critical` projection halts instead. `clear` empties what
    a projection wrote, on the same connection, before it is replayed.

    A synchronous handler runs in a thread. A thread cannot be stopped: one that takes longer than
    `timeout_seconds` is left behind, and counts as a failed attempt.

    Raises:
        ValueError: the kind is not durable; a reactor does not say where it starts or whether it
            may be replayed, or claims to be critical; or a number is not above zero.
        TypeError: `handle` cannot be called, or `event_types` holds something that is no type.
    """

    name: str
    kind: HandlerKind
    handle: DurableHandle
    event_types: frozenset[type] | None = None  # None: all
    start: Start | None = None  # of a projection by default the beginning
    replay: ReplayPolicy | None = None  # of a projection by default safe
    critical: bool = False
    sequence_key: Callable[[Recorded], str] = stream_of
    timeout_seconds: float | None = None  # by default 2 for a projection, 30 for a reactor
    clear: Callable[[Any], None] | None = None

    def __post_init__(self) -> None:
        """Refuse what is not declared, and fill in what need not be."""
        if not self.kind.is_durable:
            msg = f"{self.name}: a {self.kind.value} handler does not follow the log"
            raise ValueError(msg)
        if not self.name or not self.name.isprintable() or self.name != self.name.strip():
            msg = f"a subscription needs a name that can be printed, not {self.name!r:.60}"
            raise ValueError(msg)
        if not callable(self.handle):
            msg = f"{self.name}: `handle` cannot be called"
            raise TypeError(msg)
        if not all(isinstance(each, type) for each in self.event_types or ()):
            msg = f"{self.name}: `event_types` are classes"
            raise TypeError(msg)
        if self.is_reactor:
            self._refuse_undeclared()
        given = self.timeout_seconds
        if given is None:
            given = REACTOR_SECONDS if self.is_reactor else PROJECTION_SECONDS
        if not given > 0:
            msg = f"{self.name}: `timeout_seconds` is above zero"
            raise ValueError(msg)
        fill = object.__setattr__  # frozen for everybody else
        fill(self, "timeout_seconds", given)
        fill(self, "start", self.start or Start.BEGINNING)
        fill(self, "replay", self.replay or ReplayPolicy.SAFE)

    def _refuse_undeclared(self) -> None:
        if self.start is None or self.replay is None:
            msg = f"{self.name}: a reactor says where it starts and whether it may be replayed"
            raise ValueError(msg)
        if self.critical:
            msg = f"{self.name}: only a projection can be critical; a reactor's events are parked"
            raise ValueError(msg)

    @property
    def is_reactor(self) -> bool:
        """Whether it acts on the world rather than on the database."""
        return self.kind is HandlerKind.DURABLE_REACTOR

    @property
    def patience(self) -> float:
        """How long one event may take, in seconds."""
        assert self.timeout_seconds is not None  # noqa: S101 - filled in when it was made
        return self.timeout_seconds


class SubscriptionState(StrEnum):
    """What a subscription does."""

    RUNNING = "running"
    HALTED = "halted"  # by an error, until an operator resumes it
    REBUILDING = "rebuilding"  # replaying from the beginning


class ParkedState(StrEnum):
    """What becomes of an event that was not handled at once."""

    RETRYING = "retrying"  # again at `next_at`, or when the one before it is done
    PARKED = "parked"  # until an operator decides
    REQUEUED = "requeued"  # an operator asked for one more attempt
    DISCARDED = "discarded"  # given up, by whom and why is kept


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionStatus:
    """How far a subscription is. `position` is the next log index it looks at."""

    name: str
    kind: str
    state: SubscriptionState
    position: int
    lag: int  # events of the log that are not behind it
    retrying: int
    parked: int
    error: str | None
    owner: str | None  # who works on it
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedEvent:
    """An event one subscription could not handle, or that waits behind such a one."""

    subscription: str
    log_index: int
    event_id: str
    sequence_key: str
    state: ParkedState
    attempts: int
    first_at: datetime
    last_at: datetime
    next_at: datetime | None
    error_type: str
    error: str
    decided_by: str | None
    reason: str | None

    def refuse_unless_parked(self) -> None:
        """Raise NotParkedError if nobody waits for a decision about it."""
        if self.state is not ParkedState.PARKED:
            msg = f"log index {self.log_index} of {self.subscription} is {self.state.value}"
            raise NotParkedError(msg)


class NotParkedError(ApplicationError):
    """The event is not parked: it is being retried, was given up, or the like."""

    code: ClassVar[str] = "NOT_PARKED"


class NotReplayableError(ApplicationError):
    """The subscription does not take events a second time."""

    code: ClassVar[str] = "NOT_REPLAYABLE"


class Subscriptions(Protocol):
    """What operators ask of subscriptions and decide about them, in whatever process these run.

    Every method raises NotFoundError for a subscription or an event that is not there, and
    DatabaseUnavailableError if the database does not answer.
    """

    def statuses(self) -> Sequence[SubscriptionStatus]:
        """Return every subscription that has ever begun, by name."""
        ...

    def wait_for(self, name: str, log_index: int, timeout: float) -> bool:
        """Wait until an event is behind a subscription: handled, parked, or not its business.

        Return whether it is, after at most `timeout` seconds.
        """
        ...

    def parked(
        self,
        name: str | None = None,
        *,
        state: ParkedState | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[ParkedEvent]:
        """Return a page of what was put aside, by subscription and log index.

        Raises:
            BadCursorError: the cursor was not given out by a page before.
        """
        ...

    def parked_event(self, name: str, log_index: int) -> ParkedEvent:
        """Return one parked event."""
        ...

    def retry(self, name: str, log_index: int) -> int:
        """Have a parked event and everything parked behind it attempted once more, in order.

        Return how many events that is. Order is kept within a key, so it begins with the first
        parked event of the key, whichever of them was named.

        Raises:
            NotParkedError: nobody waits for a decision about it.
        """
        ...

    def discard(self, name: str, log_index: int, *, reason: str, by: str) -> ParkedEvent:
        """Give one event up. Those behind it stay parked until they are retried.

        Run the command `DiscardParked` first: it is what the audit will show.

        Raises:
            NotParkedError: nobody waits for a decision about it.
        """
        ...

    def resume(self, name: str) -> None:
        """Let a halted subscription go on where it halted. Harmless if it did not."""
        ...

    def reset(self, name: str) -> None:
        """Have a projection replay the whole log; `clear` is called first.

        Raises:
            NotReplayableError: it is a reactor, it is declared not to be replayed, or nobody here
                knows how it is declared.
        """
        ...


class NoSubscriptions:
    """`Subscriptions` of a program in which nothing follows the log."""

    def statuses(self) -> Sequence[SubscriptionStatus]:
        """Return none."""
        return ()

    def wait_for(self, name: str, log_index: int, timeout: float) -> bool:
        """Raise NotFoundError."""
        del log_index, timeout
        raise _unknown(name)

    def parked(
        self,
        name: str | None = None,
        *,
        state: ParkedState | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[ParkedEvent]:
        """Return none."""
        del name, state, limit, cursor
        return Page(items=())

    def parked_event(self, name: str, log_index: int) -> ParkedEvent:
        """Raise NotFoundError."""
        del log_index
        raise _unknown(name)

    def retry(self, name: str, log_index: int) -> int:
        """Raise NotFoundError."""
        del log_index
        raise _unknown(name)

    def discard(self, name: str, log_index: int, *, reason: str, by: str) -> ParkedEvent:
        """Raise NotFoundError."""
        del log_index, reason, by
        raise _unknown(name)

    def resume(self, name: str) -> None:
        """Raise NotFoundError."""
        raise _unknown(name)

    def reset(self, name: str) -> None:
        """Raise NotFoundError."""
        raise _unknown(name)


def _unknown(name: str) -> NotFoundError:
    return NotFoundError("subscription", name)
