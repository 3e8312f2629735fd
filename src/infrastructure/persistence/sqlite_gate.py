"""How a busy writer lets others in: they say that they wait, and it leaves a gap.

SQLite has whoever finds the file taken look again after a pause. A writer that is busy all the time
is caught between two transactions by chance only. Within a process it can simply be asked; between
processes chance decides, and SQLite's own lock does in every case.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

from sqlalchemy import Engine

_GAP_SECONDS: Final = 0.003  # so long a writer stays away at most; those who wait need a tenth


class Gate:
    """One SQLite file's door. Nobody owns it, so nobody can forget to give it back."""

    def __init__(self) -> None:
        """Begin with nobody waiting."""
        self._lock = threading.Lock()
        self._waiting = 0
        self._nobody_waits = threading.Event()
        self._nobody_waits.set()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Ask the writer for a gap, for as long as the block lasts."""
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def leave_a_gap(self) -> None:
        """Stay away for a moment if somebody waits; to be called before a transaction."""
        if not self._nobody_waits.is_set():
            self._nobody_waits.wait(_GAP_SECONDS)

    def _count(self, more: int) -> None:
        with self._lock:
            self._waiting += more
            if self._waiting:
                self._nobody_waits.clear()
            else:
                self._nobody_waits.set()


_gates: WeakValueDictionary[Path, Gate] = WeakValueDictionary()
_finding = threading.Lock()


def gate_of(engine: Engine) -> Gate:
    """Return the gate of the file behind an engine: the same one for all who use the file."""
    path = Path(engine.url.database or "").resolve()
    with _finding:
        found = _gates.get(path)
        if found is None:
            found = _gates[path] = Gate()
        return found
