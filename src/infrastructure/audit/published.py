"""Whether the log is still what was signed of it, in the database and outside.

A later epoch gives up what was published before it, for an operator said so and why. It does so
only once it is signed itself: whoever has no key cannot rid a log of its anchors by that.

Keys change. What is signed by a former key, or by one that is not known here, vouches for nothing
by itself; but a signature of the key in use is one over all that was before it. So such a
checkpoint is good if its root is, and one that is as long or longer is signed by the key in use.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from traderbot.infrastructure.audit.findings import Findings, short
from traderbot.infrastructure.audit.witnesses import Witnesses
from traderbot.infrastructure.event_store.log_reader import LogReader
from traderbot.infrastructure.sealing.anchors import Anchor, AnchorLines, is_epoch_of
from traderbot.infrastructure.sealing.signed_note import (
    CheckpointBody,
    NoteError,
    NotSignedError,
    parse_checkpoint,
    read_note,
)
from traderbot.infrastructure.sealing.stored_tree import (
    FIRST_EPOCH,
    Head,
    StoredCheckpoint,
    checkpoints,
    epochs,
    newest_of_epoch,
)

_LISTED_LINES = 10
_FORMER = (
    "it is signed by a former key, and nothing as long by the one in use: "
    "run `traderbot audit anchor`"
)


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
        self.checkpoints = self.signatures = self.anchored = self.superseded = self.strange = 0
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
        self._unvouched = _Unvouched()
        self._epochs = {it.epoch: it for it in epochs(reader)}
        if not self._is_known(head.epoch):
            said = f"it is in epoch {head.epoch}, and there never was such an epoch"
            findings.tell("HEAD_DIFFERS", "log_head", said)
        self._anchors = self._anchors_of_this_log()
        self._binding = self._binding_epoch()
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
        if self._unvouched.count:
            self._tell_first("SIGNATURE_BAD", *self._unvouched.first)
            self._told["SIGNATURE_BAD"] += self._unvouched.count - 1
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
        if self.strange:
            self.warnings.append(
                f"{self.strange} checkpoints and anchors are signed by a key that is not known "
                "here; their roots are right, and a longer one is signed by the key in use. "
                "If the key was changed, name the one before in TRADERBOT_AUDIT__FORMER_KEYS"
            )

    def _binding_epoch(self) -> int:
        """Return the newest epoch that is signed for; those before it do not bind."""
        if self._witnesses.verifier is None:  # then anybody could have signed
            return FIRST_EPOCH
        for epoch in sorted(self._epochs, reverse=True):
            newest = newest_of_epoch(self._reader, epoch)
            if newest is None or epoch > self._head.epoch:
                continue
            origin = self._epochs[epoch].origin
            notes = [newest.note, *(it.note for it in self._anchors if it.origin == origin)]
            return epoch if any(self._is_of(it, origin) for it in notes) else FIRST_EPOCH
        return FIRST_EPOCH

    def _is_of(self, note: str, origin: str) -> bool:
        """Tell whether a note is signed by the key in use, and for a log of this name."""
        if not self._witnesses.is_current(note):
            return False
        return parse_checkpoint(read_note(note)[0]).origin == origin

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
            signed = self._signed(checkpoint.note, origin, checkpoint.size, root, where)
            if signed is None:
                return
            self.checkpoints += 1
            self.signatures += signed
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
            elif self._signed(anchor.note, anchor.origin, anchor.size, root, where) is not None:
                self.anchored += 1

        return check

    def _signed(
        self, note: str, origin: str | None, size: int, root: bytes, where: str
    ) -> bool | None:
        """Return whether a known key signed just this; None if it is not to be counted at all.

        A key that is not known, or a former one, needs a later signature of the one in use:
        whether there is one is known when the log has ended.
        """
        witnesses = self._witnesses
        known, why = True, _FORMER
        try:
            try:
                said = witnesses.verify(note)
            except NotSignedError as error:
                known, why = False, f"{error}, and nothing as long is"
                said = parse_checkpoint(read_note(note)[0])
        except NoteError as error:
            self._tell_first("SIGNATURE_BAD", where, str(error))
            return None
        if said != CheckpointBody(origin or said.origin, size, root):
            text = f"{said.origin}, {said.size} events, root {short(said.root)}"
            self._tell_first("CHECKPOINT_DIFFERS", where, f"what was signed is {text}")
            return None
        if witnesses.verifier is None:
            return False
        if known and witnesses.is_current(note):
            self.strange += self._unvouched.vouched_for()  # marks come the shortest first
            return True
        self._unvouched.add(where, why, strange=not known)
        return known

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


class _Unvouched:
    """Checkpoints since the last one that the key in use has signed."""

    def __init__(self) -> None:
        self.count = self._strange = 0
        self.first = ("", "")

    def add(self, where: str, why: str, *, strange: bool) -> None:
        if not self.count:
            self.first = (where, why)
        self.count += 1
        self._strange += strange

    def vouched_for(self) -> int:
        """Forget them; return how many were signed by a key that is not known."""
        strange = self._strange
        self.count = self._strange = 0
        return strange


def _named(anchor: Anchor) -> str:
    return f"anchor of {anchor.at}, size {anchor.size}"


def _size_of(it: Any) -> int:  # noqa: ANN401 - a mark or an anchor
    return int(it.size)
