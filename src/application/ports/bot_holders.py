"""Which processes run bots and are alive. A hint, never a proof: the fence of a lease decides."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Protocol


class BotHolders(Protocol):
    """Processes that run bots. Each may raise an ExternalError."""

    def beat(self, holder: str, until: datetime) -> None:
        """Note that a process lives, and is to be taken for dead after `until` unless it beats."""
        ...

    def alive(self, at: datetime) -> AbstractSet[str]:
        """Return every process that is taken to live at an instant."""
        ...

    def leave(self, holder: str) -> None:
        """Note that a process has ended: others may take its bots over at once."""
        ...
