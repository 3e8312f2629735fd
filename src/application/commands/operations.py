"""What operators decide about the log's machinery: a new epoch, an event given up."""

from __future__ import annotations

from dataclasses import dataclass

from traderbot.application.ports.clock import Clock
from traderbot.application.ports.commands import Command
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.domain.operations.operations import OPERATIONS_ID, Operations


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordEpoch(Command[bool]):
    """The log no longer continues what was published; an operator lets it go on all the same."""

    epoch: int
    origin: str
    reason: str
    size: int
    root: str  # hex
    published_size: int
    published_root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordEpochHandler:
    """Handles `RecordEpoch`: the new epoch's first fact is why there is one. Twice is harmless."""

    clock: Clock

    def __call__(self, command: RecordEpoch, unit: UnitOfWork) -> bool:
        """Return whether it was news. Raises InvalidValueError without a reason."""
        events = Operations.start_epoch(
            unit.operations.find(OPERATIONS_ID),
            epoch=command.epoch,
            origin=command.origin,
            reason=command.reason,
            size=command.size,
            root=command.root,
            published_size=command.published_size,
            published_root=command.published_root,
            at=self.clock.now(),
        )
        if events:
            unit.operations.record(OPERATIONS_ID, events)
        return bool(events)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscardParked(Command[bool]):
    """A durable subscription shall never handle an event. The subscription itself does not know."""

    subscription: str
    log_index: int
    event_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscardParkedHandler:
    """Handles `DiscardParked`. Asking twice is harmless."""

    clock: Clock

    def __call__(self, command: DiscardParked, unit: UnitOfWork) -> bool:
        """Return whether it was news. Raises InvalidValueError without a reason."""
        events = Operations.discard_parked(
            unit.operations.find(OPERATIONS_ID),
            subscription=command.subscription,
            log_index=command.log_index,
            event_id=command.event_id,
            reason=command.reason,
            at=self.clock.now(),
        )
        if events:
            unit.operations.record(OPERATIONS_ID, events)
        return bool(events)
