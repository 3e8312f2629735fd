"""Which wish it was: the same for equal commands, different for any other."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from traderbot.application.ports.commands import Command
from traderbot.infrastructure.event_store.body import encode_json
from traderbot.infrastructure.event_store.wire import Convert, wire_of_dataclass


def fingerprint_of(command: Command[Any]) -> bytes:
    """Return SHA-256 over the command's kind and its canonical JSON."""
    kind = type(command)
    data = encode_json(_encoder_of(kind)(command))
    return sha256(kind.__name__.encode() + b"\x00" + data).digest()


_encoders: dict[type, Convert] = {}


def _encoder_of(kind: type) -> Convert:
    encode = _encoders.get(kind)
    if encode is None:
        encode = wire_of_dataclass(kind).encode
        assert encode is not None  # noqa: S101 - dataclasses always have one
        _encoders[kind] = encode
    return encode
