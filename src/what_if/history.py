"""The recorded history, read once: every event, and what each command recorded together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

from traderbot.application.ports.commands import Origin
from traderbot.application.ports.recorded import DomainEvent, Recorded
from traderbot.application.ports.what_if import BadQuestionError
from traderbot.domain.bots.events import BotDecided, BotStarted
from traderbot.domain.shared.history import step
from traderbot.domain.shared.ids import BotRunId
from traderbot.infrastructure.event_store.body import leaf_hash
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.event_store.log_reader import LogReader
from traderbot.infrastructure.persistence.unit import CATEGORIES


@dataclass(frozen=True, slots=True)
class Fact:
    """One recorded event, its place in the log, and its bytes."""

    index: int
    recorded: Recorded
    body: bytes

    @property
    def event(self) -> DomainEvent:
        """What happened."""
        return self.recorded.event


@dataclass(frozen=True, slots=True)
class Deed:
    """What one command recorded; never empty."""

    facts: Sequence[Fact]

    @property
    def index(self) -> int:
        """Where in the log it begins."""
        return min(fact.index for fact in self.facts)

    @property
    def first(self) -> Recorded:
        """Its first event, with everything around it."""
        return self.facts[0].recorded

    @property
    def command_id(self) -> str:
        """The command's own id."""
        return self.first.command_id

    @property
    def events(self) -> tuple[DomainEvent, ...]:
        """What happened, in the order it was decided."""
        return tuple(fact.event for fact in self.facts)

    @property
    def origin(self) -> Origin:
        """Where the command came from."""
        first = self.first
        return Origin(
            actor=first.actor,
            correlation_id=first.correlation_id,
            causation_id=first.causation_id,
        )


class History:
    """All events of a log, in its order."""

    def __init__(self, facts: Sequence[Fact]) -> None:
        """Take facts whose indices are 0, 1, 2 and so on."""
        self.facts = facts

    @staticmethod
    def read(reader: LogReader, codec: EventCodec) -> History:
        """Read a whole log. Raises CorruptHistoryError."""
        return History(list(_facts(reader, codec)))

    @cached_property
    def deeds(self) -> Sequence[Deed]:
        """What each command recorded, by its first event; of one command, in the order decided."""
        by_command: dict[str, list[Fact]] = {}
        for fact in self.facts:
            by_command.setdefault(fact.recorded.command_id, []).append(fact)
        # Events of a command bear its id, numbered.
        return [
            Deed(sorted(facts, key=lambda fact: fact.recorded.id)) for facts in by_command.values()
        ]

    @cached_property
    def runs(self) -> Mapping[BotRunId, BotStarted]:
        """How each bot run began."""
        return {
            fact.event.bot_run_id: fact.event
            for fact in self.facts
            if isinstance(fact.event, BotStarted)
        }

    def decisions(self, run_id: BotRunId) -> list[tuple[int, BotDecided]]:
        """Return every decision of a bot run, with its index."""
        return [
            (fact.index, fact.event)
            for fact in self.facts
            if isinstance(fact.event, BotDecided) and fact.event.bot_run_id == run_id
        ]

    def before(self, start: int) -> Sequence[Fact]:
        """Return the events before an index.

        Raises:
            BadQuestionError: the log is not that long, or the index is within one command's events.
        """
        size = len(self.facts)
        if start > size:
            msg = f"from: the log has {size} events, there is no index {start}"
            raise BadQuestionError(msg)
        for deed in self.deeds:
            last = max(fact.index for fact in deed.facts)
            if deed.index < start <= last:
                msg = (
                    f"from: the events {deed.index} to {last} are of one command and stay "
                    f"together; fork at {deed.index} or at {last + 1}"
                )
                raise BadQuestionError(msg)
        return self.facts[:start]

    @cached_property
    def states(self) -> Mapping[str, Any]:
        """What each stream is at the end. Raises CorruptHistoryError."""
        return folded(self.facts)

    @cached_property
    def fingerprint(self) -> str:
        """One hash that stands for every event; see `WhatIfAnswer`."""
        return fingerprint({it.recorded.stream: it.recorded.leaf_hash for it in self.facts})


def folded(facts: Iterable[Fact]) -> dict[str, Any]:
    """Return what each stream's events make. Raises CorruptHistoryError."""
    states: dict[str, Any] = {}
    for fact in facts:
        advance(states, fact.recorded.stream, fact.event)
    return states


def advance(states: dict[str, Any], stream: str, event: DomainEvent) -> None:
    """Apply one event to the stream it belongs to. Raises CorruptHistoryError."""
    states[stream] = step(CATEGORIES[stream.partition("-")[0]], states.get(stream), event)


def fingerprint(heads: Mapping[str, bytes]) -> str:
    """Return SHA-256 over the last hash of each stream; each hash stands for all before it."""
    lines = "".join(f"{stream} {head.hex()}\n" for stream, head in sorted(heads.items()))
    return sha256(lines.encode()).hexdigest()


def _facts(reader: LogReader, codec: EventCodec) -> Iterator[Fact]:
    index = 0
    for rows in reader.bodies():
        for position, _, body in rows:
            yield Fact(index, codec.recorded(position, body, leaf_hash(body)), body)
            index += 1
