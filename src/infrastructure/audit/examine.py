"""A closer look at one event that the fast check did not let pass: what exactly is wrong with it.

Everything here may be slow. The event is taken apart and each rule is asked on its own, so that a
finding names the rule, the place, and the two values that should be equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import msgspec

from traderbot.application.ports.audit import AuditFinding
from traderbot.domain.shared.errors import CorruptHistoryError
from traderbot.domain.shared.instants import instant
from traderbot.infrastructure.audit.findings import short
from traderbot.infrastructure.event_store.body import (
    GENESIS,
    SPEC,
    Envelope,
    encode_json,
    leaf_hash,
)
from traderbot.infrastructure.event_store.codec import EventCodec

# The end of a stream as far as it was read: its last version and that event's hash.
Head = tuple[int, bytes]
NO_EVENTS: Final[Head] = (0, GENESIS)
Before = Callable[[str, int], Head]  # the end of a stream before the event of that version


class EventColumns(NamedTuple):
    """One row of `events`, instants as text."""

    position: int
    event_id: str
    stream_id: str
    version: int
    type: str
    schema: int
    occurred_at: str
    recorded_at: str
    command_id: str
    correlation_id: str
    causation_id: str
    actor_type: str
    actor_id: str
    body: Any  # bytes, unless somebody has been at it
    leaf_hash: Any

    def named(self, index: int | None) -> str:
        """Name the event, by its index in the log if it has one."""
        place = f"unsealed, position {self.position}" if index is None else f"index {index}"
        return f"{place}, event {self.event_id}, {self.stream_id} v{self.version}"


class Examined(NamedTuple):
    """What an event says about itself, and what is wrong with it."""

    stream_id: str
    head: Head
    computed: bytes  # the hash of the bytes that are there
    findings: list[AuditFinding]


def examine(
    row: EventColumns, index: int | None, before: Before | None, codec: EventCodec
) -> Examined:
    """Return everything that is wrong with an event.

    Which event it is, is told by its body if that can be read: then an edited column is one finding
    and not also a gap in two streams. Without `before` its place in the stream is left unchecked.
    """
    body = row.body if isinstance(row.body, bytes) else str(row.body).encode()
    findings: list[AuditFinding] = []
    where = row.named(index)

    def add(code: str, message: str) -> None:
        findings.append(AuditFinding(code=code, where=where, message=message, index=index))

    if not isinstance(row.body, bytes):
        add("COLUMN_DIFFERS", f"body is stored as {type(row.body).__name__}, not as bytes")
    computed = leaf_hash(body)
    if row.leaf_hash != computed:
        stored = short(row.leaf_hash)
        add("BODY_HASH", f"body hash differs (stored {stored}, computed {short(computed)})")
    try:
        envelope = codec.open(body)
    except CorruptHistoryError as error:
        add("UNREADABLE", str(error))
        return Examined(row.stream_id, (row.version, row.leaf_hash), computed, findings)
    for name, column, said in _columns(row, envelope):
        if column != said:
            add("COLUMN_DIFFERS", f"{name} is {short(column)}, the body says {short(said)}")
    for code, message in (*_place(envelope, before), *_content(body, envelope, codec)):
        add(code, message)
    return Examined(envelope.stream, (envelope.version, row.leaf_hash), computed, findings)


def _columns(row: EventColumns, body: Envelope) -> Iterator[tuple[str, object, object]]:
    yield "event_id", row.event_id, body.id
    yield "stream_id", row.stream_id, body.stream
    yield "version", row.version, body.version
    yield "type", row.type, body.type
    yield "schema", row.schema, body.schema
    yield "occurred_at", row.occurred_at, body.occurred_at
    yield "recorded_at", row.recorded_at, body.recorded_at
    yield "command_id", row.command_id, body.command_id
    yield "correlation_id", row.correlation_id, body.correlation_id
    yield "causation_id", row.causation_id, body.causation_id
    yield "actor_type", row.actor_type, body.actor.type
    yield "actor_id", row.actor_id, body.actor.id


def _place(envelope: Envelope, before: Before | None) -> Iterator[tuple[str, str]]:
    if before is None:
        return
    version, leaf = before(envelope.stream, envelope.version)
    if envelope.version != version + 1:
        yield "VERSION_GAP", f"v{envelope.version} follows v{version}"
    if envelope.prev != _hex(leaf):
        yield "LINK_BROKEN", f"prev is {envelope.prev[:16]}…, v{version} has hash {short(leaf)}"


def _content(body: bytes, envelope: Envelope, codec: EventCodec) -> Iterator[tuple[str, str]]:
    if envelope.spec != SPEC:
        yield "UNREADABLE", f"format {envelope.spec!r:.40} is not {SPEC}"
    try:
        at = instant(envelope.occurred_at)
        codec.decode(envelope.type, envelope.schema, bytes(envelope.data), at)
    except (CorruptHistoryError, ValueError) as error:
        yield "UNREADABLE", str(error)
    try:
        canonical = encode_json(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeError):
        canonical = b""
    if canonical != body:
        yield "NOT_CANONICAL", "the body is not the canonical form of what it says"


def _hex(leaf: object) -> str:
    return leaf.hex() if isinstance(leaf, bytes) else str(leaf)
