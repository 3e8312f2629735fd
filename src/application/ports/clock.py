"""Time and ids come from outside, so that a run can be repeated to the last byte."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        ...


class IdSource(Protocol):
    """Makes names that nobody else makes."""

    def new(self) -> str:
        """Return a new UUID in canonical text; later ones sort after earlier ones.

        Its last three hex digits are zero: what belongs to the named thing is numbered there
        (the events of a command), so one index finds a thing and all of its parts.
        """
        ...
