"""Who hears of events, when, and what happens when one of them fails.

Kinds of handler (docs/events.md): *inline* in the command's transaction, *durable* from a
checkpoint of its own in the sealed log, *ephemeral* after the commit, best effort.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from traderbot.application.ports.recorded import DomainEvent
from traderbot.application.ports.unit_of_work import UnitOfWork


class HandlerKind(StrEnum):
    """What a handler is promised."""

    INLINE = "inline"  # same transaction; its failure is the command's
    DURABLE_PROJECTION = "durable_projection"  # checkpoint and effect in one transaction
    DURABLE_REACTOR = "durable_reactor"  # side effects: at least once, then parked
    EPHEMERAL = "ephemeral"  # after the commit; bounded, may drop, counted

    @property
    def is_durable(self) -> bool:
        """Whether the handler is run from the sealed log, with a checkpoint of its own."""
        return self in (HandlerKind.DURABLE_PROJECTION, HandlerKind.DURABLE_REACTOR)


class ReplayPolicy(StrEnum):
    """Whether a handler may see an event a second time."""

    SAFE = "safe"
    NEVER = "never"


class Start(StrEnum):
    """Where a new durable handler begins."""

    BEGINNING = "beginning"
    NOW = "now"


@dataclass(frozen=True, slots=True)
class Published:
    """One committed event, its stream and its version in it.

    Subscribe to this type to hear of every event that is committed, with its place.
    """

    stream: str
    version: int
    event: DomainEvent


EphemeralHandler = Callable[[Any], Awaitable[None] | None]
InlineHandler = Callable[[Any, UnitOfWork], None]


class EventSink(Protocol):
    """What the writer tells of a command's events."""

    def inline(self, events: Sequence[tuple[str, int, DomainEvent]], unit: UnitOfWork) -> None:
        """Run the inline handlers of a command that has just been decided."""
        ...

    def committed(self, events: Sequence[tuple[str, int, DomainEvent]]) -> None:
        """Hand on what a commit made durable. Never blocks and never raises."""
        ...
