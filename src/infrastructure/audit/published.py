"""Whether the log is still what was signed of it, in the database and outside.

A later epoch gives up what was published before it, for an operator said so and why. It does so
only once it is signed itself: whoever has no key cannot rid a log of its anchors by that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from traderbot.infrastructure.audit.findings import Findings, short
from traderbot.infrastructure.audit.witnesses import Witnesses
from traderbot.infrastructure.event_store.log_reader import LogReader
from traderbot.infrastructure.sealing.anchors import Anchor, AnchorLines, is_epoch_of
from traderbot.infrastructure.sealing.signed_note import CheckpointBody, NoteError
from traderbot.infrastructure.sealing.stored_tree import (
    FIRST_EPOCH,
    Head,
    StoredCheckpoint,
    checkpoints,
    epochs,
    newest_of_epoch,
)

_LISTED_LINES = 10


class Mark(NamedTuple):
    """A size at which the root is asked for."""

    size: int
    check: Callable[[bytes], None]


class Published:
    """The checkpoints of a log, stored and anchored, while its events are read."""

    def __init__(
        self, reader: LogReader, findings: Findings, witnesses: Witnesses, head: Head
    ) -> None:
        """Look at what was published, before any event is read."""
        self.checkpoints = self.signatures = self.anchored = self.superseded = 0
        self.last_good: int | None = None
        self.newest: Anchor | None = None
        self.warnings: list[str] = []
        self._reader, self._findings, self._witnesses, self._head = (
            reader,
            findings,
            witnesses,
            head,
        )
        self._told: Counter[str] = Counter()
        self._epochs = {it.epoch: it for it in epochs(reader)}
        if not self._is_known(head.epoch):
            said = f"it is in epoch {head.epoch}, and there never was such an epoch"
            findings.tell("HEAD_DIFFERS", "log_head", said)
        self._binding = self._binding_epoch()
        self._anchors = self._anchors_of_this_log()
        self.newest = max(self._anchors, key=lambda it: (it.epoch, it.size), default=None)
        for each in self._anchors:
            self._find_rollback(each)

    def stored(self, start: int) -> Iterator[Mark]:
        """Yield the stored checkpoints from a size on, the shortest first."""
        for each in checkpoints(self._reader, after_size=start - 1 if start else -(2**62)):
            yield Mark(each.size, self._checking(each))

    def anchors(self, start: int) -> Iterator[Mark]:
        """Yield the anchors from a size on, the shortest first."""
        asked = [it for it in self._anchors if start <= it.size <= self._head.size]
        for each in sorted(asked, key=_size_of):
            yield Mark(each.size, self._comparing(each))

    def finish(self, unread: int) -> None:
        """Count what repeated itself; `unread` checkpoints are of longer logs than this."""
        if unread:
            said = f"{unread} are of longer logs than the {self._head.size} sealed events"
            self._findings.tell("CHECKPOINT_DIFFERS", "log_checkpoints", said)
        for code, count in self._told.items():
            if count > 1:
                self._findings.tell(code, "others like it", f"{count - 1} more")
        for each in self._epochs.values():
            given_up = "" if each.epoch <= self._binding else ", and is not signed for yet"
            self.warnings.append(
                f"epoch {each.epoch} began with {each.previous_size} events at "
                f"{each.started_at}{given_up}; its reason: {each.reason}"
            )
        if self.superseded:
            self.warnings.append(
                f"{self.superseded} checkpoints and anchors of earlier epochs are not continued"
            )

    def _binding_epoch(self) -> int:
        """Return the newest epoch that is signed for; those before it do not bind."""
        if self._witnesses.verifier is None:  # then anybody could have signed
            return FIRST_EPOCH
        for epoch in sorted(self._epochs, reverse=True):
            newest = newest_of_epoch(self._reader, epoch)
            if newest is None or epoch > self._head.epoch:
                continue
            try:
                origin = self._witnesses.verify(newest.note).origin
            except NoteError:
                return FIRST_EPOCH
            return epoch if origin == self._epochs[epoch].origin else FIRST_EPOCH
        return FIRST_EPOCH

    def _anchors_of_this_log(self) -> list[Anchor]:
        found = self._witnesses.anchors or AnchorLines((), ())
        for line in found.damaged[:_LISTED_LINES]:
            where = f"line {line} of the anchor file"
            self._findings.tell("ANCHOR_DAMAGED", where, "it is not what was written")
        name = self._witnesses.origin
        return [it for it in found.anchors if name is None or is_epoch_of(it.origin, name)]

    def _find_rollback(self, anchor: Anchor) -> None:
        head = self._head
        if anchor.epoch <= head.epoch and anchor.size <= head.size:
            return
        if anchor.epoch < self._binding:
            self.superseded += 1
            return
        said = (
            f"was published with {anchor.size} events in epoch {anchor.epoch}; the log has "
            f"{head.size} sealed in epoch {head.epoch}: an older copy of the database was put in "
            "its place, or its newest events were cut off"
        )
        self._tell_first("ROLLED_BACK", _named(anchor), said, head.size)

    def _checking(self, checkpoint: StoredCheckpoint) -> Callable[[bytes], None]:
        def check(root: bytes) -> None:
            where = f"checkpoint of size {checkpoint.size}, epoch {checkpoint.epoch}"
            if not self._is_known(checkpoint.epoch):
                self._tell_first("CHECKPOINT_DIFFERS", where, "there never was such an epoch")
                return
            if root != checkpoint.root:
                if checkpoint.epoch < self._binding:
                    self.superseded += 1
                    return
                said = f"its root is {short(checkpoint.root)}, the events make {short(root)}"
                self._tell_first("CHECKPOINT_DIFFERS", where, said)
                return
            origin = self._origin_of(checkpoint.epoch)
            if not self._is_well_signed(checkpoint.note, origin, checkpoint.size, root, where):
                return
            self.checkpoints += 1
            self.signatures += self._witnesses.verifier is not None
            first_bad = self._findings.first_bad
            if first_bad is None or checkpoint.size <= first_bad:
                self.last_good = checkpoint.size

        return check

    def _comparing(self, anchor: Anchor) -> Callable[[bytes], None]:
        def check(root: bytes) -> None:
            where = _named(anchor)
            if root.hex() != anchor.root:
                if anchor.epoch < self._binding:
                    self.superseded += 1
                    return
                said = f"has root {anchor.root[:16]}…, the events make {short(root)}"
                self._tell_first("ANCHOR_DIFFERS", where, said)
            elif self._is_well_signed(anchor.note, anchor.origin, anchor.size, root, where):
                self.anchored += 1

        return check

    def _is_well_signed(
        self, note: str, origin: str | None, size: int, root: bytes, where: str
    ) -> bool:
        """Tell whether a note says just this, and its signature is good or cannot be checked."""
        try:
            said = self._witnesses.verify(note)
        except NoteError as error:
            self._tell_first("SIGNATURE_BAD", where, str(error))
            return False
        if said == CheckpointBody(origin or said.origin, size, root):
            return True
        text = f"{said.origin}, {said.size} events, root {short(said.root)}"
        self._tell_first("CHECKPOINT_DIFFERS", where, f"what was signed is {text}")
        return False

    def _is_known(self, epoch: int) -> bool:
        return epoch == FIRST_EPOCH or epoch in self._epochs

    def _origin_of(self, epoch: int) -> str | None:
        known = self._epochs.get(epoch)
        return self._witnesses.origin if known is None else known.origin

    def _tell_first(self, code: str, where: str, message: str, index: int | None = None) -> None:
        """Tell of the first; the others are counted, for one change breaks all that follow."""
        self._told[code] += 1
        if self._told[code] == 1:
            self._findings.tell(code, where, message, index)


def _named(anchor: Anchor) -> str:
    return f"anchor of {anchor.at}, size {anchor.size}"


def _size_of(it: Any) -> int:  # noqa: ANN401 - a mark or an anchor
    return int(it.size)
