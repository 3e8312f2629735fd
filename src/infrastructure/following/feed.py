"""The end of the log, read once and decoded once for all workers of a runner.

Workers that keep up all want the same few events. Whoever is far behind reads for themselves.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import Final

from sqlalchemy import Engine

from traderbot.application.ports.recorded import Recorded
from traderbot.infrastructure.following.log_follower import LogFollower, LogLine
from traderbot.infrastructure.following.pace import BATCH

_KEPT: Final = 4 * BATCH  # events


class Feed:
    """Reads the log through one `LogFollower`; all methods may be called from any thread."""

    def __init__(self, reading: Engine, follower: LogFollower, look_seconds: float) -> None:
        """Prepare. What was read last is believed until `nudge`, or for so many seconds."""
        self._reading = reading
        self._follower = follower
        self._look_seconds = look_seconds
        self._lock = threading.Lock()
        self._lines: list[LogLine] = []  # consecutive
        self._decoded: dict[int, Recorded] = {}
        self._nudges = 0
        self._ended: tuple[int, float] | None = None  # at which nudge, and when, there was no more

    def nudge(self) -> None:
        """Say that the log may have grown."""
        self._nudges += 1  # should two threads do this at once, it is another number all the same

    def read(self, position: int) -> list[LogLine]:
        """Return events from `position` on, a batch at most; as `LogFollower.read`."""
        with self._lock:
            kept = self._kept_from(position)
            if kept:
                return kept
            if self._lines and position == self._lines[-1].log_index + 1:
                if self._is_at_the_end():
                    return []
                return self._read_on(position)
            if not self._lines:
                return self._read_on(position)
        lines = self._read(position)  # far behind: others need not wait for it
        if lines:
            with self._lock:
                if lines[-1].log_index >= self._lines[-1].log_index:
                    self._keep(lines, follows=False)
        return lines

    def recorded(self, line: LogLine) -> Recorded:
        """Return the event decoded; as `LogFollower.recorded`."""
        found = self._decoded.get(line.log_index)
        if found is None or found.id != line.event_id:
            found = self._follower.recorded(line)
            self._decoded[line.log_index] = found
            if len(self._decoded) > 2 * _KEPT:
                self._decoded = {}
        return found

    def _kept_from(self, position: int) -> list[LogLine]:
        if not self._lines:
            return []
        offset = position - self._lines[0].log_index
        return self._lines[offset : offset + BATCH] if offset >= 0 else []

    def _is_at_the_end(self) -> bool:
        if self._ended is None:
            return False
        nudges, at = self._ended
        return nudges == self._nudges and monotonic() < at + self._look_seconds

    def _read_on(self, position: int) -> list[LogLine]:
        nudges, at = self._nudges, monotonic()
        lines = self._read(position)
        if len(lines) < BATCH:
            self._ended = (nudges, at)
        if lines:
            self._keep(lines, follows=True)
        return lines

    def _keep(self, lines: list[LogLine], *, follows: bool) -> None:
        known = self._lines if follows else []
        self._lines = [*known, *lines][-_KEPT:]
        if len(self._decoded) > _KEPT:
            first = self._lines[0].log_index
            self._decoded = {it: found for it, found in self._decoded.items() if it >= first}

    def _read(self, position: int) -> list[LogLine]:
        with self._reading.connect() as connection:
            return self._follower.read(connection, position)
