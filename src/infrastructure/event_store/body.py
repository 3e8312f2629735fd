"""The bytes of an event, format `traderbot.event/1`, and the hash of them.

One canonical JSON object: keys sorted, no blanks, UTF-8, no floats (the subset of RFC 8785 without
fractional numbers). Stored verbatim; `tests/golden/` freezes it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

import msgspec

from traderbot.application.ports.recorded import Actor
from traderbot.domain.shared.errors import InvalidValueError

SPEC: Final = "traderbot.event/1"
GENESIS: Final = bytes(32)  # `prev` of a stream's first event
MAX_BODY: Final = 65_535  # one entry of a tlog-tiles bundle

_encoder = msgspec.json.Encoder(order="sorted")
encode_json = _encoder.encode


class ActorWire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who caused an event, as stored."""

    id: str
    type: str
    via: str


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A body taken apart; `data` is left as bytes for the codec of its type."""

    actor: ActorWire
    causation_id: str
    command_id: str
    correlation_id: str
    data: msgspec.Raw
    id: str
    occurred_at: str
    prev: str
    recorded_at: str
    schema: int
    spec: str
    stream: str
    type: str
    version: int


def compose(
    *,
    actor: Actor,
    causation_id: str,
    command_id: str,
    correlation_id: str,
    data: dict[str, Any],
    id_: str,
    occurred_at: str,
    prev: bytes,
    recorded_at: str,
    schema: int,
    stream: str,
    type_: str,
    version: int,
) -> bytes:
    """Return the body. Other ids, instants, stream and type are this program's own ASCII texts.

    Raises:
        InvalidValueError: the text holds a lone surrogate, a cause or correlation is not named by
            a plain id, or the body is too long.
    """
    try:
        payload = encode_json(data)
    except UnicodeEncodeError as error:
        msg = "text with a lone surrogate cannot be recorded"
        raise InvalidValueError(msg) from error
    # Assembled, not encoded: the keys stand in sorted order and need no escaping.
    body = b"".join(
        (
            _actor(actor),
            f',"causation_id":"{_plain(causation_id)}","command_id":"{command_id}"'
            f',"correlation_id":"{_plain(correlation_id)}","data":'.encode(),
            payload,
            f',"id":"{id_}","occurred_at":"{occurred_at}","prev":"{prev.hex()}"'
            f',"recorded_at":"{recorded_at}","schema":{schema},"spec":"{SPEC}"'
            f',"stream":"{stream}","type":"{type_}","version":{version}}}'.encode(),
        )
    )
    if len(body) > MAX_BODY:
        msg = f"an event of {len(body)} bytes is longer than {MAX_BODY}"
        raise InvalidValueError(msg)
    return body


def leaf_hash(body: bytes) -> bytes:
    """Return SHA-256(0x00 || body): the leaf hash of RFC 6962 §2.1."""
    return sha256(b"\x00" + body).digest()


take_apart = msgspec.json.Decoder(Envelope).decode


# Whoever calls may name causes, and nothing they write may need escaping or end the text.
_PLAIN = re.compile(r"[!#-\[\]-~]{1,200}", re.ASCII)


@lru_cache(maxsize=1024)
def _plain(id_: str) -> str:
    if _PLAIN.fullmatch(id_) is None:
        msg = f"not a plain id: {id_!r:.60} (visible ASCII characters, no quote, no backslash)"
        raise InvalidValueError(msg)
    return id_


@lru_cache(maxsize=1024)
def _actor(actor: Actor) -> bytes:
    return b'{"actor":' + encode_json({"id": actor.id, "type": actor.type, "via": actor.via})
