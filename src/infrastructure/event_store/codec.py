"""Events to stored data and back. Old schemas are upcast here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from traderbot.application.ports.recorded import Actor, DomainEvent, Recorded
from traderbot.domain.shared.errors import CorruptHistoryError
from traderbot.domain.shared.instants import instant
from traderbot.infrastructure.event_store.body import Envelope, take_apart
from traderbot.infrastructure.event_store.event_types import EVENT_TYPES
from traderbot.infrastructure.event_store.upcasters import UPCASTERS, Upcaster, upcast
from traderbot.infrastructure.event_store.wire import wire_of_dataclass


class _Codec(NamedTuple):
    name: str
    schema: int
    struct: Any
    encode: Callable[[Any], dict[str, Any]]
    decode_bytes: Callable[[bytes], Any]
    decode: Callable[..., Any]


class EventCodec:
    """Every registered event class, compiled. Stateless after that; safe to share."""

    def __init__(
        self,
        event_types: Mapping[str, tuple[type[DomainEvent], int]] = EVENT_TYPES,
        upcasters: Mapping[tuple[str, int], Upcaster] = UPCASTERS,
    ) -> None:
        """Compile the codecs. Raises TypeError for a field no wire type covers."""
        self._upcasters = upcasters
        self._by_name: dict[str, _Codec] = {}
        self._by_class: dict[type, _Codec] = {}
        for name, (kind, schema) in event_types.items():
            # `at` is the envelope's occurred_at: one instant, stored once.
            wire = wire_of_dataclass(kind, without=("at",))
            decode_bytes = msgspec.json.Decoder(wire.type).decode
            codec = _Codec(name, schema, wire.type, wire.encode, decode_bytes, wire.decode)  # type: ignore[arg-type]
            self._by_name[name] = self._by_class[kind] = codec

    def encode(self, event: DomainEvent) -> tuple[str, int, dict[str, Any]]:
        """Return the event's stored name, its schema, and its data as plain JSON values."""
        codec = self._by_class[type(event)]
        return codec.name, codec.schema, codec.encode(event)

    def decode(self, name: str, schema: int, data: bytes, at: datetime) -> DomainEvent:
        """Return the event that was stored.

        Raises:
            CorruptHistoryError: the name is unknown, or the data is not of that type.
        """
        try:
            codec = self._by_name[name]
            if schema == codec.schema:
                wire = codec.decode_bytes(data)
            else:
                old = msgspec.json.decode(data)
                new = upcast(name, schema, codec.schema, old, self._upcasters)
                wire = msgspec.convert(new, codec.struct, strict=True)
            return codec.decode(wire, at=at)  # type: ignore[no-any-return]
        except (KeyError, msgspec.DecodeError) as error:
            msg = f"cannot read an event of type {name!r}, schema {schema}: {error}"
            raise CorruptHistoryError(msg) from error

    def event_of(self, body: bytes) -> DomainEvent:
        """Return only the event of a body: the fast way, for folding."""
        envelope = self.open(body)
        at = instant(envelope.occurred_at)
        return self.decode(envelope.type, envelope.schema, bytes(envelope.data), at)

    def recorded(self, position: int, body: bytes, leaf_hash: bytes) -> Recorded:
        """Return everything a body says. Raises CorruptHistoryError."""
        it = self.open(body)
        occurred_at = instant(it.occurred_at)
        return Recorded(
            position=position,
            id=it.id,
            stream=it.stream,
            version=it.version,
            type=it.type,
            schema=it.schema,
            occurred_at=occurred_at,
            recorded_at=instant(it.recorded_at),
            command_id=it.command_id,
            correlation_id=it.correlation_id,
            causation_id=it.causation_id,
            actor=Actor(it.actor.type, it.actor.id, it.actor.via),
            leaf_hash=leaf_hash,
            event=self.decode(it.type, it.schema, bytes(it.data), occurred_at),
        )

    def open(self, body: bytes) -> Envelope:
        """Return a body taken apart, its data still bytes. Raises CorruptHistoryError."""
        try:
            return take_apart(body)
        except msgspec.DecodeError as error:
            msg = f"a stored event is not readable: {error}"
            raise CorruptHistoryError(msg) from error
