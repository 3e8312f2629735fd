"""Seals all day: a thread that is told of commits, and looks by itself for those of others."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic
from typing import Final

from traderbot.application.ports.clock import Clock
from traderbot.domain.shared.errors import TraderbotError
from traderbot.domain.shared.instants import instant_text
from traderbot.infrastructure.sealing.anchors import AnchorFileError
from traderbot.infrastructure.sealing.errors import EventRefusedError
from traderbot.infrastructure.sealing.sealer import Checkpoint, Sealer

_log = logging.getLogger(__name__)

CLOSING_SECONDS: Final = 10.0
_LONGEST_PAUSE_SECONDS: Final = 5.0
_LONGEST_PUBLISHING_PAUSE_SECONDS: Final = 60.0
_IDLE_CHECK_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long anything may wait at most."""

    seal_seconds: float = 0.05
    checkpoint_seconds: float = 1.0
    anchor_seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopStatus:
    """What the loop has done. Instants are texts, None for never."""

    sealed: int = 0  # events, by this loop
    sealed_at: str | None = None
    checkpoint_size: int = 0
    checkpoint_at: str | None = None
    anchored_size: int = 0
    anchored_at: str | None = None
    error: str | None = None  # why nothing is sealed now
    unpublished: str | None = None  # why nothing is published now; sealing goes on


class SealingLoop:
    """Seals within `seal_seconds`, at once when idle; signs and publishes at its own pace.

    Whatever fails is tried again, after a longer and longer pause: sealing after up to five
    seconds, publishing, which may lie on another volume, after up to a minute. Neither holds the
    other up.
    """

    def __init__(
        self,
        sealer: Sealer,
        clock: Clock,
        pace: Pace | None = None,
        on_sealed: Callable[[], None] | None = None,
    ) -> None:
        """Start the thread; `on_sealed` is called in it whenever the log has grown."""
        self._sealer = sealer
        self._on_sealed = on_sealed
        self._clock = clock
        self._pace = pace or Pace()
        self._nudged = threading.Event()
        self._closing = threading.Event()
        self._status = LoopStatus()
        self._failing_since: float | None = None  # monotonic
        self._next_checkpoint = self._next_anchor = self._publishing_pause = 0.0
        self._thread = threading.Thread(target=self._work, name="traderbot-sealer", daemon=True)
        self._thread.start()

    @property
    def status(self) -> LoopStatus:
        """What it has done so far."""
        return self._status

    @property
    def is_alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    @property
    def failing_seconds(self) -> float:
        """How long nothing could be sealed; zero when the last round went well."""
        since = self._failing_since
        return 0.0 if since is None else monotonic() - since

    def nudge(self) -> None:
        """Tell it that there is something to seal. Costs next to nothing."""
        if not self._nudged.is_set():
            self._nudged.set()

    def close(self, seconds: float = CLOSING_SECONDS) -> None:
        """Seal, sign and publish what is left, then stop. Asking twice is harmless."""
        self._closing.set()
        self._nudged.set()
        self._thread.join(seconds)
        if self._thread.is_alive():
            _log.warning("sealing did not come to an end within %s s; it is left behind", seconds)

    def _work(self) -> None:
        pause = 0.0
        while not self._closing.is_set():
            began = monotonic()
            self._nudged.clear()
            try:
                sealed = self._round()
            except Exception as error:  # noqa: BLE001 - it must go on, whatever one round met
                pause = min(max(2 * pause, self._pace.seal_seconds), _LONGEST_PAUSE_SECONDS)
                self._tell(error)
                self._closing.wait(pause)
                continue
            pause = 0.0
            self._tell(None)
            if sealed:
                # Not sooner: what comes meanwhile is sealed together.
                self._closing.wait(began + self._pace.seal_seconds - monotonic())
            else:
                self._nudged.wait(self._pace.seal_seconds)
        self._finish()

    def _round(self) -> int:
        """Seal, and sign what is due; return how many events were sealed."""
        try:
            sealed = self._seal()
        except EventRefusedError:
            self._sign(is_news=True)  # those before it are what they claim
            raise
        self._sign(is_news=sealed > 0)
        return sealed

    def _seal(self) -> int:
        """Return how many events were sealed. Another sealer that is at it is left to it."""
        if not self._sealer.waits():
            return 0
        sealed = self._sealer.seal(patient=False)
        if sealed:
            self._status = replace(
                self._status, sealed=self._status.sealed + sealed, sealed_at=self._now()
            )
            self._next_checkpoint = min(
                self._next_checkpoint, monotonic() + self._pace.checkpoint_seconds
            )
            if self._on_sealed is not None:
                self._on_sealed()
        return sealed

    def _sign(self, *, is_news: bool) -> None:
        """Sign and publish what is due."""
        now = monotonic()
        if now < self._next_checkpoint:
            return
        # Also when nothing is new here: another process may have sealed, or the past have changed.
        seconds = self._pace.checkpoint_seconds
        self._next_checkpoint = now + (seconds if is_news else max(seconds, _IDLE_CHECK_SECONDS))
        self._checkpoint()

    def _checkpoint(self) -> None:
        try:
            found = self._sealer.checkpoint()
        except BaseException:
            self._next_checkpoint = 0.0
            raise
        if found is None:
            return
        self._signed(found)
        if not found.is_anchored and monotonic() >= self._next_anchor:
            self._publish()

    def _publish(self) -> None:
        """Publish; a volume that is full or cannot be written to is asked again later."""
        try:
            found = self._sealer.checkpoint(anchor=True)
        except AnchorFileError as error:
            pause = max(2 * self._publishing_pause, self._pace.checkpoint_seconds)
            self._publishing_pause = min(pause, _LONGEST_PUBLISHING_PAUSE_SECONDS)
            self._next_anchor = monotonic() + self._publishing_pause
            self._tell_unpublished(str(error))
            return
        self._publishing_pause = 0.0
        self._tell_unpublished(None)
        if found is not None:
            self._signed(found)
            self._status = replace(self._status, anchored_at=self._now())
            self._next_anchor = monotonic() + self._pace.anchor_seconds

    def _signed(self, found: Checkpoint) -> None:
        self._status = replace(
            self._status,
            checkpoint_size=found.size,
            checkpoint_at=found.at,
            anchored_size=found.anchored_size,
        )

    def _finish(self) -> None:
        try:
            self._sealer.seal()
            self._next_anchor = 0.0
            self._checkpoint()
            self._tell(None)
        except Exception as error:  # noqa: BLE001 - there is nobody left to raise it to
            self._tell(error)
        finally:
            self._sealer.close()

    def _tell(self, error: Exception | None) -> None:
        """Log an error when it is news, and its end."""
        said = None if error is None else str(error) or type(error).__name__
        if error is None:
            self._failing_since = None
        elif self._failing_since is None:
            self._failing_since = monotonic()
        before = self._status.error
        if said == before:
            return
        self._status = replace(self._status, error=said)
        if error is None:
            _log.info("sealing goes on")
        elif isinstance(error, TraderbotError):
            _log.error("sealing: %s", said)
        else:
            _log.error("sealing failed", exc_info=error)

    def _tell_unpublished(self, said: str | None) -> None:
        """Log why nothing is published when it is news, and its end."""
        if said == self._status.unpublished:
            return
        self._status = replace(self._status, unpublished=said)
        if said is None:
            _log.info("publishing goes on")
        else:
            _log.error("publishing: %s; sealing goes on", said)

    def _now(self) -> str:
        return instant_text(self._clock.now())
