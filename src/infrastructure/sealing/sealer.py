"""The sealer: gives events their final place, grows the tree, signs and publishes checkpoints.

The order is what makes it safe to stop anywhere: events are sealed in one transaction; a checkpoint
is signed of what is committed, and stored; it is published once it is stored.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine

from traderbot.application.errors import StaleAggregateError
from traderbot.application.ports.clock import Clock
from traderbot.application.ports.sealing import NextEpoch
from traderbot.domain.shared.instants import instant_text
from traderbot.infrastructure.event_store.merkle import EMPTY_ROOT
from traderbot.infrastructure.sealing.anchors import Anchor, AnchorFile, epoch_origin
from traderbot.infrastructure.sealing.batch import StreamEnds, WaitingEvent
from traderbot.infrastructure.sealing.errors import EventRefusedError, SealRefusedError
from traderbot.infrastructure.sealing.log_store import Sealed, SealingTransaction
from traderbot.infrastructure.sealing.log_stores import log_store
from traderbot.infrastructure.sealing.restore_guard import RestoreGuard, Standing
from traderbot.infrastructure.sealing.signed_note import (
    CheckpointBody,
    Signer,
    Verifier,
    checkpoint_text,
    is_signed_by,
)
from traderbot.infrastructure.sealing.stored_tree import (
    FIRST_EPOCH,
    Head,
    StoredCheckpoint,
    StoredEpoch,
    head,
    stored_tiles,
)
from traderbot.infrastructure.sealing.tiles import GrowingTree, hashes_of

BATCH: Final = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A size and a root, signed and stored; and how much of the log is published."""

    size: int
    root: bytes
    epoch: int
    origin: str
    note: str
    at: str  # instant as text
    anchored_size: int
    is_anchored: bool  # this one is published, signed by the key in use
    is_anchored_now: bool  # by the call that returned it


class Sealer:
    """Seals one log. There may be several, in this process and in others: nothing happens twice.

    Every method raises DatabaseUnavailableError if the database does not answer.
    """

    def __init__(
        self,
        engine: Engine,
        signer: Signer,
        origin: str,
        anchors: AnchorFile,
        clock: Clock,
        *,
        batch: int = BATCH,
    ) -> None:
        """Seal a database's log, which began under the name `origin`, `batch` events at a time.

        Of the engine, one for writing made by `database.py`, it keeps one connection.
        """
        self._store = log_store(engine)
        self._signer = signer
        self._origin = origin
        self._anchors = anchors
        self._clock = clock
        self._batch = batch
        self._verifier = Verifier(signer.vkey)
        self._guard = RestoreGuard(origin, anchors, self._verifier)
        self._is_guarded = False
        self._ends = StreamEnds()
        self._left: Head | None = None  # how this sealer left the log
        self._one_at_a_time = threading.RLock()

    @property
    def vkey(self) -> str:
        """What others need to check its signatures."""
        return self._signer.vkey

    @property
    def origin(self) -> str:
        """The name the log began under."""
        return self._origin

    @property
    def anchors(self) -> AnchorFile:
        """Where checkpoints are published."""
        return self._anchors

    def waits(self) -> bool:
        """Tell whether there is anything to seal.

        Raises:
            SealRefusedError: sealed events are missing.
        """
        with self._one_at_a_time:
            return self._store.waits()

    def seal(self, *, patient: bool = True) -> int:
        """Seal what waits; return how many events. Impatient, leave it to another that is at it.

        Raises:
            RollbackDetectedError: the log does not continue what was published of it.
            SealRefusedError: an event is not what it claims; those before it are sealed.
        """
        with self._one_at_a_time:
            if not self._is_guarded:
                self.guard()
            total = 0
            while True:
                sealed = self._seal_what_is_right(patient=patient)
                if sealed is not None:
                    total += sealed
                    if sealed < self._batch:
                        return total
                elif not patient:
                    return total

    def guard(self) -> Standing:
        """Hold the log against its own tree and what was published; return where it stands.

        Raises:
            RollbackDetectedError: it does not continue what was published of it.
            SealRefusedError: the tree contradicts itself, or the log has another name.
            TreeDamagedError: a part of the tree is missing.
            AnchorDamagedError: the anchor file is not what was written.
            AnchorFileError: it cannot be read.
        """
        with self._one_at_a_time:
            self._is_guarded = False
            published = self._guard.published()
            with self._store.reading() as reader:
                standing = self._guard.check(reader, published)
            self._is_guarded = True
            return standing

    def checkpoint(self, *, anchor: bool = False) -> Checkpoint | None:
        """Sign what is sealed, store it and perhaps publish it; None if nothing is sealed yet.

        A size that is signed already is not signed again. Raises as `guard`, and AnchorFileError if
        it cannot be published; then it is stored all the same.
        """
        with self._one_at_a_time:
            standing = self.guard()
            now, origin, newest = standing.head, standing.origin, standing.newest
            if not now.size:
                return None
            # What is stored may be somebody else's writing: only our own signature is published.
            if (
                newest is None
                or newest.size != now.size
                or not is_signed_by(self._verifier, newest.note)
            ):
                newest = self._signed(now, origin)
                if self._store.keep_checkpoint(newest) != newest.root:
                    msg = (
                        f"a checkpoint of {newest.size} events with another root is stored "
                        "already: `traderbot audit verify` tells more"
                    )
                    raise SealRefusedError(msg)
            self._guard.remember(CheckpointBody(origin, newest.size, newest.root))
            anchored_size, is_anchored = self._anchored(newest, origin)
            is_anchored_now = anchor and not is_anchored
            if is_anchored_now:
                self._publish(newest, origin)
                anchored_size, is_anchored = newest.size, True
            return Checkpoint(
                size=newest.size,
                root=newest.root,
                epoch=newest.epoch,
                origin=origin,
                note=newest.note,
                at=newest.sealed_at,
                anchored_size=anchored_size,
                is_anchored=is_anchored,
                is_anchored_now=is_anchored_now,
            )

    def next_epoch(self) -> NextEpoch:
        """Return what the next epoch would begin with, and what was published before it.

        Raises:
            AnchorDamagedError: the anchor file is not what was written.
            AnchorFileError: it cannot be read.
        """
        with self._one_at_a_time:
            with self._store.reading() as reader:
                now = head(reader)
            published = self._anchors.newest_of_log(self._origin)
            # Not below what was published: an old copy may know of fewer epochs than there were.
            epoch = max(now.epoch, published.epoch if published else FIRST_EPOCH) + 1
            return NextEpoch(
                epoch=epoch,
                origin=epoch_origin(self._origin, epoch),
                size=now.size,
                root=now.root.hex(),
                published_size=published.size if published else 0,
                published_root=published.root if published else EMPTY_ROOT.hex(),
            )

    def start_epoch(self, epoch: NextEpoch, reason: str) -> None:
        """Sign under a new origin from now on; only what is published under it binds.

        Raises:
            StaleAggregateError: that epoch, or a later one, was started meanwhile.
        """
        started = StoredEpoch(
            epoch=epoch.epoch,
            origin=epoch.origin,
            started_at=instant_text(self._clock.now()),
            reason=reason,
            previous_size=epoch.size,
            previous_root=bytes.fromhex(epoch.root),
        )
        with self._one_at_a_time:
            # Signed at once: an epoch that is only a row in the database is anybody's.
            first = self._signed(Head(epoch.size, started.previous_root, epoch.epoch), epoch.origin)
            if not self._store.start_epoch(started, first):
                msg = f"epoch {epoch.epoch} was started already"
                raise StaleAggregateError(msg)

    def close(self) -> None:
        """Give the connection back. Whatever is asked afterwards opens another one."""
        with self._one_at_a_time:
            self._store.close()

    def _seal_what_is_right(self, *, patient: bool) -> int | None:
        try:
            return self._seal_batch(self._batch, patient=patient)
        except EventRefusedError as error:
            if error.before:
                self._seal_batch(error.before, patient=patient)
            raise

    def _seal_batch(self, most: int, *, patient: bool) -> int | None:
        """Return how many were sealed, None if another sealer was at it."""
        with self._store.sealing(patient=patient) as transaction:
            if transaction is None:
                return None
            if transaction.head != self._left:
                self._ends.forget()
                self._left = None
            events = transaction.waiting(most)
            if not events:
                return 0
            ends = self._ends.check(events, transaction.sealed_hashes)
            sealed = _with(transaction, events)
            if not transaction.seal(sealed):
                return None
        self._ends.remember(ends)
        self._left = sealed.after
        return len(events)

    def _signed(self, now: Head, origin: str) -> StoredCheckpoint:
        return StoredCheckpoint(
            size=now.size,
            epoch=now.epoch,
            root=now.root,
            note=self._signer.sign(checkpoint_text(origin, now.size, now.root)),
            key_id=self._signer.key_id,
            sealed_at=instant_text(self._clock.now()),
        )

    def _anchored(self, checkpoint: StoredCheckpoint, origin: str) -> tuple[int, bool]:
        """Return how much is published, and whether that is this, signed by the key in use."""
        newest = self._anchors.newest(origin)
        if newest is None:
            return 0, False
        is_it = newest.size == checkpoint.size and is_signed_by(self._verifier, newest.note)
        return newest.size, is_it or newest.size > checkpoint.size

    def _publish(self, checkpoint: StoredCheckpoint, origin: str) -> None:
        self._anchors.append(
            Anchor(
                at=instant_text(self._clock.now()),
                epoch=checkpoint.epoch,
                note=checkpoint.note,
                origin=origin,
                root=checkpoint.root.hex(),
                size=checkpoint.size,
            )
        )


def _with(transaction: SealingTransaction, events: list[WaitingEvent]) -> Sealed:
    """Return what the log becomes with these events."""
    before = transaction.head
    tree = GrowingTree.of(before.size, hashes_of(before.frontier))
    tree.extend([it[5] for it in events])
    after = Head(tree.size, tree.root(), before.epoch, b"".join(tree.peaks))
    return Sealed(before, after, events, tree.new_tiles(before.size, stored_tiles(transaction)))
