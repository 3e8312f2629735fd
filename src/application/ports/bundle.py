"""Giving the log, or a part of it, to somebody who need not trust this program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from traderbot.domain.shared.ids import OrderId, UserId

# Called with how much is done and how much there is, in events.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """What a bundle holds: the log as its newest checkpoint has it."""

    folder: str
    origin: str  # which log, in which epoch
    epoch: int
    events: int
    root: str  # hex
    anchors: int
    key: str  # what signed all of it
    unsealed: int  # events that are under no checkpoint yet, and not in the bundle
    anchors_of_other_keys: int  # published under the same name, and not in the bundle


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """That events of one stream are in the log. `text` is the file to hand over."""

    text: str
    stream: str
    first_version: int
    last_version: int
    index: int  # of the last event; its links prove those before it
    size: int  # of the log that was signed
    root: str  # hex
    origin: str
    left_out: int  # newer events of an order that are under no checkpoint yet


class Bundles(Protocol):
    """Writes what others can check by themselves. Nothing here changes the log.

    Every method raises DatabaseUnavailableError if the database does not answer,
    NoCheckpointError if nothing fitting is signed yet, and CorruptHistoryError if the events do not
    lead to what was signed: then `Audit.verify` names what is wrong.
    """

    def export(self, folder: Path, progress: Progress | None = None) -> ExportReport:
        """Write the log's newest checkpoint and all that is under it into a new folder.

        The same log and checkpoint give the same bytes. Either the whole bundle is there at the
        end, or nothing.

        Raises:
            InvalidValueError: there is something in the folder already.
            AnchorFileError: the published checkpoints cannot be read.
            OSError: the folder cannot be written.
        """
        ...

    def prove_event(self, event_id: str, owner_id: UserId | None = None) -> Proof:
        """Prove that one event is in the log.

        Raises:
            NotFoundError: there is no such event, or it is about nothing of that owner's.
        """
        ...

    def prove_order(self, order_id: OrderId, owner_id: UserId | None = None) -> Proof:
        """Prove that everything recorded of an order is in the log.

        Raises:
            NotFoundError: there is no such order, or it is not that owner's.
        """
        ...
