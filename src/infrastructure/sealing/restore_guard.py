"""The restore guard: a log that does not continue what was published of it is not sealed.

An old copy of a database is a perfect log in itself. Only what was kept outside can tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from traderbot.infrastructure.event_store.merkle import Frontier
from traderbot.infrastructure.sealing.anchors import (
    Anchor,
    AnchorFile,
    is_epoch_of,
    newest_of,
)
from traderbot.infrastructure.sealing.errors import (
    NEW_EPOCH,
    RollbackDetectedError,
    SealRefusedError,
)
from traderbot.infrastructure.sealing.signed_note import (
    CheckpointBody,
    NoteError,
    Verifier,
    is_signed_by,
    parse_checkpoint,
    read_note,
)
from traderbot.infrastructure.sealing.stored_tree import (
    FIRST_EPOCH,
    Head,
    Reader,
    StoredCheckpoint,
    epochs,
    head,
    newest_of_epoch,
    stored_tree,
)
from traderbot.infrastructure.sealing.tiles import Tree

Published = Mapping[str, Anchor]  # by origin


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a log stands that may go on from there."""

    head: Head
    origin: str  # of its epoch
    newest: StoredCheckpoint | None  # of its epoch


class RestoreGuard:
    """Holds a log against its own tree, its own checkpoints, and its anchors."""

    def __init__(self, origin: str, anchors: AnchorFile, verifier: Verifier) -> None:
        """Guard the log that began under the name `origin`."""
        self._origin = origin
        self._anchors = anchors
        self._verifier = verifier
        self._signed: CheckpointBody | None = None  # the newest, by this program

    def published(self) -> Published:
        """Return what is published. Ask for it before the log: what comes later may be longer.

        Raises:
            AnchorDamagedError: the anchor file is not what was written.
            AnchorFileError: it cannot be read.
        """
        return self._anchors.newest_by_origin()

    def check(self, reader: Reader, published: Published) -> Standing:
        """Return where the log stands, as one moment of the database shows it.

        Raises:
            RollbackDetectedError: it does not continue what was published of it.
            SealRefusedError: the tree contradicts itself, or the log has another name.
            TreeDamagedError: a part of the tree is missing.
        """
        now, tree = head(reader), stored_tree(reader)
        peaks = tree.peaks(now.size)
        if b"".join(peaks) != now.frontier or Frontier.of(now.size, peaks).root() != now.root:
            msg = (
                f"the stored tree of {now.size} events does not lead to its own root "
                f"{now.root.hex()}: `traderbot audit verify` tells more"
            )
            raise SealRefusedError(msg)
        origin = self._origin_of(now.epoch, reader)
        newest = newest_of_epoch(reader, now.epoch)
        if now.epoch != FIRST_EPOCH and origin not in published and not self._is_ours(newest):
            msg = (
                f"the log claims to go on as {origin}, which nobody signed: "
                f"if it shall, say why: {NEW_EPOCH}"
            )
            raise SealRefusedError(msg)
        if newest is not None:
            _check_checkpoint(newest, now, origin, tree)
        self._check_anchors(now, origin, tree, published)
        self._check_signed(now, origin, tree)
        return Standing(now, origin, newest)

    def remember(self, signed: CheckpointBody) -> None:
        """Hold the log against this, too, as long as the program runs: a database forgets."""
        self._signed = signed

    def _is_ours(self, stored: StoredCheckpoint | None) -> bool:
        return stored is not None and is_signed_by(self._verifier, stored.note)

    def _check_signed(self, now: Head, origin: str, tree: Tree) -> None:
        signed = self._signed
        if signed is None or signed.origin != origin:
            return
        if signed.size > now.size or tree.root(signed.size) != signed.root:
            raise RollbackDetectedError(
                origin=origin,
                size=now.size,
                root=now.root,
                published_size=signed.size,
                published_root=signed.root.hex(),
            )

    def _origin_of(self, epoch: int, reader: Reader) -> str:
        if epoch == FIRST_EPOCH:
            return self._origin
        found = next((it.origin for it in epochs(reader) if it.epoch == epoch), None)
        if found is None or not is_epoch_of(found, self._origin):
            raise _renamed(found or f"epoch {epoch}, of which nothing is known", self._origin)
        return found

    def _check_anchors(self, now: Head, origin: str, tree: Tree, published: Published) -> None:
        newest = newest_of(it for name, it in published.items() if is_epoch_of(name, self._origin))
        if newest is None or newest.epoch <= now.epoch:
            newest = published.get(origin)
        if newest is None:
            return
        self._check_signature(newest)
        if (
            newest.epoch > now.epoch
            or newest.size > now.size
            or tree.root(newest.size).hex() != newest.root
        ):
            raise RollbackDetectedError(
                origin=newest.origin,
                size=now.size,
                root=now.root,
                published_size=newest.size,
                published_root=newest.root,
            )

    def _check_signature(self, anchor: Anchor) -> None:
        """Hold an anchor against our key if it says that it is signed by it: keys may change."""
        _, signatures = read_note(anchor.note)
        if all(it.key_id != self._verifier.key_id for it in signatures):
            return
        try:
            self._verifier.verify(anchor.note)
        except NoteError as error:
            msg = (
                f"the anchor of {anchor.size} events in {self._anchors.path} was not signed by "
                f"{self._verifier.name}, although it says so: restore the file from a copy"
            )
            raise SealRefusedError(msg) from error


def _check_checkpoint(stored: StoredCheckpoint, now: Head, origin: str, tree: Tree) -> None:
    said = parse_checkpoint(read_note(stored.note)[0])
    if said.origin != origin:
        raise _renamed(said.origin, origin)
    if said.size > now.size or tree.root(said.size) != said.root:
        raise RollbackDetectedError(
            origin=origin,
            size=now.size,
            root=now.root,
            published_size=said.size,
            published_root=said.root.hex(),
        )


def _renamed(stored: str, expected: str) -> SealRefusedError:
    return SealRefusedError(
        f"the newest checkpoint is of {stored}, and this log is now called {expected}: "
        "set TRADERBOT_AUDIT__ORIGIN to the name it had or, if this is another log from now on, "
        f"say why: {NEW_EPOCH}"
    )
