"""The switch that works when nothing else does: no database, no network, no lock."""

from __future__ import annotations

from typing import Protocol


class Latch(Protocol):
    """Whether somebody pulled the switch outside the log. Asked for every order, so it is quick."""

    def engaged(self) -> str | None:
        """Return why nothing may be sent, None if it may."""
        ...

    def engage(self, reason: str) -> None:
        """Let nothing be sent any more, at once, in this process and those that share the file."""
        ...

    def release(self) -> None:
        """Take it back: a person has resumed trading, or the log has the halt. Twice is harmless.

        Raises:
            LatchError: it cannot be taken back; nothing is sent.
        """
        ...


class NoLatch:
    """`Latch` where nobody can pull it: what was recorded is decided again, or a test."""

    def engaged(self) -> str | None:
        """Return None."""
        return None

    def engage(self, reason: str) -> None:
        """Do nothing."""

    def release(self) -> None:
        """Do nothing."""
