"""The recorded log as a bus sees it: what durable handlers are run from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from traderbot.application.ports.subscriptions import DurableHandler


class EventStore(Protocol):
    """A log with places in it. It is written by commands alone, never through here."""

    def follow(self, handlers: Sequence[DurableHandler]) -> Callable[[], None]:
        """Give handlers every event of their types, each from its own place in the log on.

        Returns at once; call what is returned to stop. It waits for what is being handled.

        Raises:
            DatabaseUnavailableError: the database cannot be opened.
        """
        ...
