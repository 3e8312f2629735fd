"""Events to stored data and back. Old schemas are upcast here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import InvalidOperation
from typing import Annotated, Any, Literal, NamedTuple, Union

import msgspec

from traderbot.application.ports.recorded import Actor, DomainEvent, Recorded
from traderbot.domain.shared.errors import CorruptHistoryError, InvalidValueError
from traderbot.domain.shared.instants import instant
from traderbot.infrastructure.event_store.body import Envelope, take_apart
from traderbot.infrastructure.event_store.event_types import EVENT_TYPES
from traderbot.infrastructure.event_store.upcasters import UPCASTERS, Upcaster, upcast
from traderbot.infrastructure.event_store.wire import wire_of_dataclass

Make = Callable[[Any, datetime], DomainEvent]

# What reading stored data may raise: not JSON, not of that shape, not such a value.
_UNREADABLE = (msgspec.DecodeError, InvalidValueError, InvalidOperation, KeyError, ValueError)


class _Codec(NamedTuple):
    name: str
    schema: int
    struct: Any
    decoder: msgspec.json.Decoder[Any]
    encode: Callable[[Any], dict[str, Any]]
    make: Make


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
        bodies: dict[type, Make] = {}
        for name, (kind, schema) in event_types.items():
            # `at` is the envelope's occurred_at: one instant, stored once.
            wire = wire_of_dataclass(kind, without=("at",))
            assert wire.encode is not None  # noqa: S101 - for the type checker: dataclasses
            assert wire.decode is not None  # noqa: S101 - always have both
            decoder = msgspec.json.Decoder(wire.type)
            codec = _Codec(name, schema, wire.type, decoder, wire.encode, wire.decode)
            self._by_name[name] = self._by_class[kind] = codec
            bodies[_body_type(codec)] = codec.make
        self._make = bodies
        self._body = msgspec.json.Decoder(Union[tuple(bodies)])  # noqa: UP007 - a computed union
        self._canonical = msgspec.json.Encoder(order="deterministic").encode_lines

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
                wire = codec.decoder.decode(data)
            elif schema > codec.schema:
                msg = f"a newer program wrote it; this one knows schema {codec.schema}"
                raise ValueError(msg)
            else:
                old = msgspec.json.decode(data)
                new = upcast(name, schema, codec.schema, old, self._upcasters)
                wire = msgspec.convert(new, codec.struct, strict=True)
            return codec.make(wire, at)
        except _UNREADABLE as error:
            msg = f"cannot read an event of type {name!r}, schema {schema}: {error}"
            raise CorruptHistoryError(msg) from error

    def event_of(self, body: bytes) -> DomainEvent:
        """Return only the event of a body. Raises CorruptHistoryError."""
        try:
            it = self._body.decode(body)
            return self._make[type(it)](it.data, it.occurred_at)
        except _UNREADABLE:  # an old schema, or nothing at all: the long way finds out
            envelope = self.open(body)
            at = _instant(envelope.occurred_at)
            return self.decode(envelope.type, envelope.schema, bytes(envelope.data), at)

    def events_of(self, bodies: Sequence[bytes]) -> list[DomainEvent]:
        """Return the events of many bodies: the fast way, for folding. Raises CorruptHistoryError.

        One call decodes all of them, which saves a third; if it cannot, each is read on its own.
        """
        make = self._make
        try:
            read = self._body.decode_lines(b"\n".join(bodies))
            if len(read) == len(bodies):
                return [make[type(it)](it.data, it.occurred_at) for it in read]
        except (*_UNREADABLE, TypeError):  # TypeError: SQLite may hold text where bytes belong
            pass
        return [self.event_of(body) for body in bodies]

    def all_canonical(self, name: str, schema: int, data: Sequence[bytes]) -> bool:
        """Whether each is data of that type in its newest schema, byte for byte as we write it.

        The wire structs hold texts as they stand and have their fields in sorted order, so that
        encoding them again gives the canonical form; all are compared at once. A line break
        between them cannot deceive, for canonical JSON has none.
        """
        codec = self._by_name.get(name)
        if codec is None or codec.schema != schema:
            return False
        lines = b"\n".join(data) + b"\n"
        try:
            read = codec.decoder.decode_lines(lines)
            for it in read:
                codec.make(it, _ANY_INSTANT)
            return len(read) == len(data) and self._canonical(read) == lines
        except _UNREADABLE:
            return False

    def recorded(self, position: int, body: bytes, leaf_hash: bytes) -> Recorded:
        """Return everything a body says. Raises CorruptHistoryError."""
        it = self.open(body)
        occurred_at = _instant(it.occurred_at)
        return Recorded(
            position=position,
            id=it.id,
            stream=it.stream,
            version=it.version,
            type=it.type,
            schema=it.schema,
            occurred_at=occurred_at,
            recorded_at=_instant(it.recorded_at),
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
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            msg = f"a stored event is not readable: {error}"
            raise CorruptHistoryError(msg) from error


_ANY_INSTANT = datetime.max.replace(tzinfo=UTC)  # where only the data is asked for


def _body_type(codec: _Codec) -> type:
    """Return a struct of what folding needs of a whole body; msgspec tells them apart by `type`."""
    return msgspec.defstruct(
        f"{codec.struct.__name__}Body",
        [
            ("data", codec.struct),
            ("occurred_at", Annotated[datetime, msgspec.Meta(tz=True)]),
            ("schema", Literal[codec.schema]),
        ],
        tag_field="type",
        tag=codec.name,
        gc=False,
    )


def _instant(text: str) -> datetime:
    try:
        at = instant(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        msg = f"not an instant: {text!r:.60}"
        raise CorruptHistoryError(msg)
    return at
