"""The Operations aggregate: one stream for what operators decide about the log's machinery."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from traderbot.domain.operations.events import EpochStarted, OperationsEvent, ParkedDiscarded
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.history import evolve, fold

OPERATIONS_ID = "main"  # there is one
_REASON_LENGTH = 500


@dataclass(frozen=True, kw_only=True)
class Operations:
    """What was decided so far."""

    updated_at: datetime
    epoch: int = 1
    discarded: frozenset[tuple[str, int]] = frozenset()  # subscription, log index
    version: int = 1

    @staticmethod
    def start_epoch(
        before: Operations | None,
        *,
        epoch: int,
        origin: str,
        reason: str,
        size: int,
        root: str,
        published_size: int,
        published_root: str,
        at: datetime,
    ) -> tuple[OperationsEvent, ...]:
        """Go on under a later epoch. Asking twice is harmless.

        Raises:
            InvalidValueError: no reason is given, or the epoch is over already.
        """
        reason = _reason(reason)
        latest = before.epoch if before else 1
        if latest == epoch > 1:
            return ()
        if epoch < latest + 1:
            msg = f"epoch {epoch} cannot begin: the log is in epoch {latest}"
            raise InvalidValueError(msg)
        return (
            EpochStarted(
                at=at,
                epoch=epoch,
                origin=origin,
                reason=reason,
                size=size,
                root=root,
                published_size=published_size,
                published_root=published_root,
            ),
        )

    @staticmethod
    def discard_parked(
        before: Operations | None,
        *,
        subscription: str,
        log_index: int,
        event_id: str,
        reason: str,
        at: datetime,
    ) -> tuple[OperationsEvent, ...]:
        """Give an event up for one subscription. Asking twice is harmless.

        Raises:
            InvalidValueError: no reason is given.
        """
        if before is not None and (subscription, log_index) in before.discarded:
            return ()
        return (
            ParkedDiscarded(
                at=at,
                subscription=subscription,
                log_index=log_index,
                event_id=event_id,
                reason=_reason(reason),
            ),
        )

    @staticmethod
    def begin(event: OperationsEvent) -> Operations:
        """Return what the first event made."""
        return _after(Operations(updated_at=event.at), event)

    def apply(self, event: OperationsEvent) -> Operations:
        """Return what is decided after `event`."""
        return _after(evolve(self, version=self.version + 1, updated_at=event.at), event)

    @staticmethod
    def from_events(events: Iterable[OperationsEvent]) -> Operations:
        """Fold a whole history. Raises CorruptHistoryError."""
        return fold(Operations.begin, events)


def _after(it: Operations, event: OperationsEvent) -> Operations:
    match event:
        case EpochStarted():
            return evolve(it, epoch=event.epoch)
        case ParkedDiscarded():
            key = (event.subscription, event.log_index)
            return evolve(it, discarded=it.discarded | {key})


def _reason(text: str) -> str:
    reason = text.strip()
    if not 0 < len(reason) <= _REASON_LENGTH or not reason.isprintable():
        msg = f"a reason is 1 to {_REASON_LENGTH} printable characters"
        raise InvalidValueError(msg)
    return reason
