"""The dead-man's switch of a venue: it cancels everything unless the desk says that it lives.

Armed before the first order leaves and renewed while the desk lives; let be when it is closed in
good order. The log says when it was armed, when nobody could say that it still is, and when it was
let be; not each renewal. Several desks of one account share one switch: the last one alive counts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from traderbot.application.commands.venue_accounts import RecordDeadMan
from traderbot.application.trading.alarms import Alarm, AlarmKind
from traderbot.application.trading.hearing import Hearing
from traderbot.application.trading.pace import DeskPace

_log = logging.getLogger(__name__)
_KEY = "dead-man"


@dataclass(slots=True)
class DeadMan:
    """Holds one venue's switch."""

    hearing: Hearing
    pace: DeskPace
    monotonic: Callable[[], float]
    _asked: bool = False
    _armed: bool = False  # on record by this desk
    _next_at: float = 0.0
    _fires_at: float | None = None  # when the venue cancels everything, if nothing more is said

    def is_due(self) -> bool:
        """Whether the venue has to hear that the desk lives."""
        return self.hearing.venue.abilities.dead_man and self.monotonic() >= self._next_at

    @property
    def was_asked(self) -> bool:
        """Whether the venue was asked to arm it, so that orders may leave; what it said is told."""
        return self._asked or not self.hearing.venue.abilities.dead_man

    def renew(self) -> None:
        """Say that the desk lives; what is not confirmed is said again soon."""
        now = self.monotonic()
        self._next_at = now + self.pace.retry
        confirmed = self.hearing.venue.keep_alive(self.pace.dead_man)
        self._asked = True
        if not confirmed:
            self._not_confirmed(now)
            return
        self._next_at = now + self.pace.keep_alive
        self._fires_at = now + self.pace.dead_man
        if not self._armed:
            self._record(self.pace.dead_man)
            self._armed = True
        self.hearing.over(_KEY)

    def let_be(self) -> None:
        """Tell the venue that nobody has died: the desk is closed in good order."""
        if self._fires_at is None:
            return
        if self.hearing.venue.keep_alive(0):
            self._record(0)
        else:
            _log.error(
                "%s did not say that its dead-man's switch is off: it may cancel every order "
                "within %d s",
                self.hearing.venue.name,
                self.pace.dead_man,
            )
        self._armed, self._fires_at = False, None

    def _not_confirmed(self, now: float) -> None:
        if self._armed and self._fires_at is not None and now < self._fires_at:
            return  # a renewal may fail; there is time for another
        venue = self.hearing.venue.name
        self._armed = False
        self.hearing.alarms(
            Alarm(
                kind=AlarmKind.DEAD_MAN_SILENT,
                venue=venue,
                key=_KEY,
                sentence=f"{venue} does not confirm its dead-man's switch: orders may be canceled, "
                "or stay when this program dies",
            )
        )

    def _record(self, seconds: int) -> None:
        hearing = self.hearing
        hearing.executor.run(
            RecordDeadMan(venue=hearing.venue.name, account=hearing.venue.account, seconds=seconds),
            hearing.origin,
        )
