"""`Sealing` on the stored log, when asked and, for as long as it is wanted, by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from traderbot.application.ports.clock import Clock
from traderbot.application.ports.sealing import NextEpoch, Sealing, SealingStatus, SealReport
from traderbot.domain.shared.errors import TraderbotError
from traderbot.infrastructure.event_store.log_reader import snapshot
from traderbot.infrastructure.sealing.loop import Pace, SealingLoop
from traderbot.infrastructure.sealing.sealer import Sealer
from traderbot.infrastructure.sealing.stored_tree import head, newest_checkpoint


class LogSealing(Sealing):
    """`Sealing` by one sealer. Its connection is open only while it is at work."""

    def __init__(self, sealer: Sealer, reading: Engine, clock: Clock, pace: Pace) -> None:
        """Seal with `sealer`; look at the log through `reading`."""
        self._sealer = sealer
        self._reading = reading
        self._clock = clock
        self._pace = pace
        self._loop: SealingLoop | None = None

    @contextmanager
    def running(self, on_sealed: Callable[[], None] | None = None) -> Iterator[SealingLoop]:
        """Seal by itself until the block ends; then what is left is sealed and published."""
        loop = self._loop = SealingLoop(self._sealer, self._clock, self._pace, on_sealed)
        try:
            yield loop
        finally:
            loop.close()
            self._loop = None

    @property
    def loop(self) -> SealingLoop | None:
        """What seals by itself just now."""
        return self._loop

    def seal(self) -> SealReport:
        """Seal all that waits, sign it and publish it."""
        with self._at_work():
            sealed = self._sealer.seal()
            checkpoint = self._sealer.checkpoint(anchor=True)
        with snapshot(self._reading) as reader:
            now = head(reader)
        return SealReport(
            sealed=sealed,
            size=checkpoint.size if checkpoint else now.size,
            root=(checkpoint.root if checkpoint else now.root).hex(),
            origin=checkpoint.origin if checkpoint else self._sealer.origin,
            epoch=checkpoint.epoch if checkpoint else now.epoch,
            checkpoint=checkpoint.note if checkpoint else None,
            anchor=str(self._sealer.anchors.path),
            anchored_size=checkpoint.anchored_size if checkpoint else 0,
            key=self._sealer.vkey,
        )

    def status(self) -> SealingStatus:
        """Return how far it is."""
        with snapshot(self._reading) as reader:
            now, newest = head(reader), newest_checkpoint(reader)
        did = self._loop.status if self._loop else None
        anchor, error = None, (did.error or did.unpublished) if did else None
        try:
            anchor = self._sealer.anchors.newest_of_log(self._sealer.origin)
        except TraderbotError as found:
            error = error or str(found)
        return SealingStatus(
            is_running=did is not None,
            size=now.size,
            sealed_at=did.sealed_at if did else None,
            checkpoint_size=newest.size if newest else 0,
            checkpoint_at=newest.sealed_at if newest else None,
            anchored_size=anchor.size if anchor else 0,
            anchored_at=anchor.at if anchor else None,
            error=error,
        )

    def next_epoch(self) -> NextEpoch:
        """Return what the next epoch would begin with."""
        with self._at_work():
            return self._sealer.next_epoch()

    def start_epoch(self, epoch: NextEpoch, reason: str) -> None:
        """Go on under a new origin."""
        with self._at_work():
            self._sealer.start_epoch(epoch, reason)

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        try:
            yield
        finally:
            if self._loop is None:
                self._sealer.close()
