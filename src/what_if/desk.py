"""Where wishes are decided again: the normal writer and handlers on a storage that is only memory.

Nothing here can reach a broker, an event bus or a database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from traderbot.application.gate import Gate
from traderbot.application.paper_markets import PaperMarkets
from traderbot.application.ports.commands import Command, Origin
from traderbot.application.ports.recorded import DomainEvent
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.application.use_cases import UseCases
from traderbot.domain.risk.limits import Limits
from traderbot.domain.shared.instants import instant_text
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.memory.storage import MemoryStorage
from traderbot.infrastructure.memory.store import Memory
from traderbot.infrastructure.persistence.statements import Row
from traderbot.infrastructure.persistence.writer import Writer
from traderbot.what_if.history import Deed, Fact, advance, fingerprint, folded
from traderbot.what_if.script import Script
from traderbot.what_if.wishes import TakeAsRecorded, take_as_recorded

R = TypeVar("R")
_BODY: Final = 12  # places in a row of events, which has no position in memory
_LEAF_HASH: Final = 13


@dataclass(frozen=True, slots=True)
class Made:
    """An event that came of it."""

    stream: str
    version: int
    event: DomainEvent


class Desk:
    """A writer that begins with recorded events and keeps what follows to itself."""

    def __init__(self, before: Sequence[Fact], limits: Limits, codec: EventCodec) -> None:
        """Begin after these events. Raises CorruptHistoryError."""
        self.states: dict[str, Any] = folded(before)
        self.made: list[Made] = []
        self._begun_with = len(before)
        self._script = Script()
        self._memory = _remembering(before)
        self._writer = Writer(
            lambda: MemoryStorage(self._memory),
            {
                **UseCases.build(
                    limits,
                    self._script,
                    self._script,
                    Gate(limits=limits, markets=PaperMarkets()),
                ).handlers(),
                TakeAsRecorded: take_as_recorded,
            },
            codec=codec,
            clock=self._script,
            ids=self._script,
            sink=_Sink(self.states, self.made),
        )

    def repeat(self, deed: Deed, command: Command[R], ids: Sequence[str] = ()) -> R:
        """Run a command at the time, for the actor and with the ids of a recorded one."""
        self._script.play(deed, ids)
        return self._writer.run(command, deed.origin)

    def improvise(
        self, cause: Deed, command: Command[R], origin: Origin, at: datetime, what: str
    ) -> R:
        """Run a command that was never recorded, because of one that was."""
        self._script.improvise(cause, at, what)
        return self._writer.run(command, origin)

    def close(self) -> None:
        """Stop the writer. What was made can still be read."""
        self._writer.close()

    @property
    def bodies(self) -> list[bytes]:
        """The bytes of what was made."""
        return [row[_BODY] for row in self._memory.events[self._begun_with :]]

    @property
    def fingerprint(self) -> str:
        """One hash that stands for every event; see `WhatIfAnswer`."""
        streams: Mapping[str, list[Row]] = self._memory.streams
        return fingerprint({stream: rows[-1][_LEAF_HASH] for stream, rows in streams.items()})


class _Sink:
    """Folds what was committed, and hands it on to nobody."""

    def __init__(self, states: dict[str, Any], made: list[Made]) -> None:
        self._states = states
        self._made = made

    def inline(self, events: Sequence[tuple[str, int, DomainEvent]], unit: UnitOfWork) -> None:
        """Run no handler."""

    def committed(self, events: Sequence[tuple[str, int, DomainEvent]]) -> None:
        """Keep them."""
        for stream, version, event in events:
            advance(self._states, stream, event)
            self._made.append(Made(stream, version, event))


def _remembering(facts: Iterable[Fact]) -> Memory:
    """Return a memory that holds these events, and no rows of state: no command reads those."""
    memory = Memory()
    for fact in facts:
        row = _row(fact)
        memory.events.append(row)
        memory.streams.setdefault(fact.recorded.stream, []).append(row)
    return memory


def _row(fact: Fact) -> Row:
    it = fact.recorded
    return (
        it.id,
        it.stream,
        it.version,
        it.type,
        it.schema,
        instant_text(it.occurred_at),
        instant_text(it.recorded_at),
        it.command_id,
        it.correlation_id,
        it.causation_id,
        it.actor.type,
        it.actor.id,
        fact.body,
        it.leaf_hash,
    )
