"""Writers of one SQLite file take turns, in the order they asked.

SQLite itself has whoever comes second look again after longer and longer pauses: one writer that is
busy all the time keeps another out for seconds, and each collision costs milliseconds although the
file is free again at once. Within a process that can be said instead of guessed. Between processes
SQLite's own lock decides, as it always does in the end.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Final
from weakref import WeakValueDictionary

PATIENCE_SECONDS: Final = 5.0  # as long as SQLite is told to wait
_PAUSE_SECONDS: Final = 0.0005


class Turns:
    """A lock that is granted in the order it was asked for. Any thread may give it back."""

    def __init__(self) -> None:
        """Begin with nobody at work."""
        self._next = threading.Lock()  # held by the one who waits for the turn
        self._turn = threading.Lock()

    def take(self) -> bool:
        """Wait for the turn; return whether it came, as long as one waits for SQLite."""
        limit = monotonic() + PATIENCE_SECONDS
        if not self._next.acquire(timeout=PATIENCE_SECONDS):
            return False
        try:
            return self._turn.acquire(timeout=max(0.0, limit - monotonic()))
        finally:
            self._next.release()

    def give(self) -> None:
        """Let the next one in."""
        with suppress(RuntimeError):  # another one took it for lost, and gave it already
            self._turn.release()


class TurnTakingConnection(sqlite3.Connection):
    """A connection that writes when it is its turn, and gives it up when the transaction ends."""

    _turns: Turns | None = None
    _has_turn = False

    def take_turns(self, file: Path) -> None:
        """Take turns with every other writer of this process to the file."""
        self._turns = _turns_of(file)

    def begin_writing(self, *, eager: bool = False) -> None:
        """Begin a transaction that nobody else can write beside.

        By default SQLite's own pauses grow while another process writes; the eager look again and
        again, so that a gap of a millisecond is enough.

        Raises:
            sqlite3.OperationalError: somebody is at work for longer than one waits.
        """
        its_turn = self._turns is None or self._turns.take()
        self._has_turn = True
        try:
            if eager or not its_turn:
                self._begin_eagerly(PATIENCE_SECONDS if its_turn else 0)
            else:
                self.execute("BEGIN IMMEDIATE")
        except BaseException:
            # A turn that did not come is somebody else's, unless the file is free after all: then
            # an interrupt took that one away between the turn and the transaction.
            self._has_turn = its_turn
            self._give_turn()
            raise

    def commit(self) -> None:
        """Commit, and let the next one in. One that fails has to be rolled back."""
        super().commit()
        self._give_turn()

    def rollback(self) -> None:
        """Roll back, and let the next one in."""
        try:
            super().rollback()
        finally:
            self._give_turn()

    def close(self) -> None:
        """Close, and let the next one in."""
        try:
            super().close()
        finally:
            self._give_turn()

    def _begin_eagerly(self, seconds: float) -> None:
        self.execute("PRAGMA busy_timeout=0")
        limit = monotonic() + seconds
        while True:
            try:
                self.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if not error.sqlite_errorname.startswith("SQLITE_BUSY") or monotonic() > limit:
                    raise
                sleep(_PAUSE_SECONDS)
            else:
                break
        self.execute(f"PRAGMA busy_timeout={int(1000 * PATIENCE_SECONDS)}")

    def _give_turn(self) -> None:
        if self._turns is not None and self._has_turn:
            self._has_turn = False
            self._turns.give()


_turns: WeakValueDictionary[Path, Turns] = WeakValueDictionary()
_finding = threading.Lock()


def _turns_of(file: Path) -> Turns:
    path = file.resolve()
    with _finding:
        found = _turns.get(path)
        if found is None:
            found = _turns[path] = Turns()
        return found
