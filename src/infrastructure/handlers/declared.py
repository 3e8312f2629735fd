"""What a handler that ships with the program says of itself."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from functools import reduce
from typing import Any

from sqlalchemy import Table

from traderbot.application.ports.recorded import DomainEvent
from traderbot.application.ports.subscriptions import DurableHandler


@dataclass(frozen=True, slots=True, kw_only=True)
class EventHandler(DurableHandler):
    """A durable handler, with what its readers and its operators should know of it.

    `summary` says what it is for; `idempotency` what keeps an event from counting twice. One that
    is not `enabled` has nowhere to send events to: it is not run, and its place in the log stays.
    """

    summary: str
    idempotency: str
    tables: tuple[Table, ...] = ()  # that it alone writes
    enabled: bool = True

    @property
    def supported_event_type(self) -> Any:  # noqa: ANN401 - a class, or a union of classes
        """What to subscribe it for: a class, or a union of classes."""
        if self.event_types is None:
            return DomainEvent
        return reduce(operator.or_, sorted(self.event_types, key=lambda it: it.__name__))
