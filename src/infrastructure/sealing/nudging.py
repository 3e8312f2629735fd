"""Tells of commits: whoever follows the log need not wait until it looks by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from traderbot.application.ports.event_bus import EventSink
from traderbot.application.ports.recorded import DomainEvent
from traderbot.application.ports.unit_of_work import UnitOfWork

Nudge = Callable[[], None]


class NudgingSink(EventSink):
    """Hands everything on to another sink, and nudges after each commit."""

    def __init__(self, inner: EventSink) -> None:
        """Begin with nobody to nudge."""
        self._inner = inner
        self._nudges: tuple[Nudge, ...] = ()

    @contextmanager
    def nudging(self, nudge: Nudge) -> Iterator[None]:
        """Call `nudge` after each commit for as long as the block lasts. It must not wait."""
        self._nudges = (*self._nudges, nudge)
        try:
            yield
        finally:
            self._nudges = tuple(it for it in self._nudges if it != nudge)

    def inline(self, events: Sequence[tuple[str, int, DomainEvent]], unit: UnitOfWork) -> None:
        """Run the inline handlers of a command."""
        self._inner.inline(events, unit)

    def committed(self, events: Sequence[tuple[str, int, DomainEvent]]) -> None:
        """Hand on what a commit made durable."""
        self._inner.committed(events)
        for nudge in self._nudges:
            nudge()
