"""The bytes of an event are a promise: frozen examples, independent encoders, and their limits."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import NOON
from tests.golden.corpus import Golden, read_corpus
from tests.unit.infrastructure.event_store.examples import EXAMPLES, any_of
from traderbot.application.ports.recorded import Actor, DomainEvent
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.instants import instant_text
from traderbot.infrastructure.event_store.body import (
    GENESIS,
    MAX_BODY,
    SPEC,
    compose,
    encode_json,
    leaf_hash,
    take_apart,
)
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.event_store.event_types import EVENT_TYPES

CODEC = EventCodec()
NEWEST = [it for it in read_corpus() if it.schema == EVENT_TYPES[it.type][1]]

COMMAND = "0192f0c1-0000-7000-8000-0000000000c0"
PLAIN: dict[str, Any] = {
    "actor": Actor("user", "0192f0c1-0000-7000-8000-000000000001", "api"),
    "causation_id": COMMAND,
    "command_id": COMMAND,
    "correlation_id": COMMAND,
    "id_": "0192f0c1-0000-7000-8000-0000000000e0",
    "occurred_at": instant_text(NOON),
    "prev": GENESIS,
    "recorded_at": instant_text(NOON),
    "schema": 1,
    "stream": "order-0192f0c1-0000-7000-8000-000000000003",
    "type_": "order.placed",
    "version": 1,
}


def body_of(event: DomainEvent, **changes: Any) -> bytes:
    name, schema, data = CODEC.encode(event)
    about = {"type_": name, "schema": schema, "occurred_at": instant_text(event.at)}
    return compose(**{**PLAIN, **about, "data": data, **changes})


def stdlib(body: bytes) -> bytes:
    """Return the body as the standard library would write what it says."""
    text = json.dumps(
        json.loads(body), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


# --- the frozen format ------------------------------------------------------------------------


@pytest.mark.parametrize("golden", NEWEST, ids=lambda it: it.name)
def test_the_bytes_of_every_type_are_frozen(golden: Golden) -> None:
    body = golden.body.encode()
    assert CODEC.event_of(body) == EXAMPLES[golden.type]
    said = take_apart(body)
    prev = bytes.fromhex(said.prev)
    again = body_of(EXAMPLES[golden.type], prev=prev, stream=said.stream, version=said.version)
    assert again == body
    assert leaf_hash(body).hex() == golden.leaf_hash


def test_every_type_is_frozen_and_has_an_example() -> None:
    assert sorted(it.type for it in NEWEST) == sorted(EVENT_TYPES) == sorted(EXAMPLES)


def test_the_leaf_hash_is_that_of_rfc_6962() -> None:
    assert leaf_hash(b"an entry") == sha256(b"\x00an entry").digest()


def test_a_body_says_everything_and_nothing_else() -> None:
    said = json.loads(body_of(EXAMPLES["order.placed"]))
    assert said["spec"] == SPEC
    assert said["actor"] == {"id": PLAIN["actor"].id, "type": "user", "via": "api"}
    assert said["prev"] == "0" * 64
    assert list(said) == sorted(said)
    assert len(said) == 14
    assert "at" not in said["data"]  # it is occurred_at, stored once


# --- the canonical form -----------------------------------------------------------------------


@pytest.mark.parametrize("name", EVENT_TYPES)
@given(data=st.data())
def test_json_there_and_back_is_identity_and_canonical(name: str, data: st.DataObject) -> None:
    kind, schema = EVENT_TYPES[name]
    event = data.draw(any_of(kind))
    body = body_of(event)
    assert CODEC.event_of(body) == event
    assert CODEC.events_of([body, body]) == [event, event]
    assert body == stdlib(body) == rfc8785.dumps(json.loads(body))
    assert CODEC.all_canonical(name, schema, [bytes(take_apart(body).data)])


@given(text=st.text())
def test_any_text_is_encoded_as_other_encoders_do(text: str) -> None:
    value = {"b": text, "a": [text, None, True, 2**53 - 1]}
    ours = encode_json(value)
    assert ours == rfc8785.dumps(value)
    assert (
        ours
        == json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    )


@given(actor=st.builds(Actor, st.text(), st.text(), st.text()))
def test_an_actor_may_be_called_anything(actor: Actor) -> None:
    body = body_of(EXAMPLES["user.registered"], actor=actor)
    assert body == stdlib(body)
    assert take_apart(body).actor.id == actor.id


# --- limits -----------------------------------------------------------------------------------


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="surrogate"):
        compose(**PLAIN, data={"note": "\ud83e"})


@pytest.mark.parametrize("text", ['a"b', "a\\b", "a\nb", "a b", "", "é", "x" * 201])
@pytest.mark.parametrize("field", ["causation_id", "correlation_id"])
def test_a_cause_named_by_no_plain_id_is_refused(field: str, text: str) -> None:
    with pytest.raises(InvalidValueError, match="plain id"):
        compose(**{**PLAIN, "data": {}, field: text})


def test_a_cause_may_be_named_as_other_programs_do() -> None:
    body = compose(
        **{**PLAIN, "data": {}, "correlation_id": "00-4bf92f3577b34da6a3ce929d0e0e4736-01"}
    )
    assert body == stdlib(body)


def test_a_body_longer_than_an_entry_of_a_tile_is_refused() -> None:
    empty = len(compose(**PLAIN, data={"note": ""}))
    longest = compose(**PLAIN, data={"note": "x" * (MAX_BODY - empty)})
    assert len(longest) == MAX_BODY == 65_535
    with pytest.raises(InvalidValueError, match="65536"):
        compose(**PLAIN, data={"note": "x" * (MAX_BODY - empty + 1)})


@pytest.mark.parametrize(
    "change",
    [
        (b'"spec"', b'"Spec"'),
        (b',"version":1', b""),
        (b'"version":1', b'"version":"1"'),
        (b'"version":1', b'"version":1.0'),
        (b'"version":1', b'"version":1,"more":2'),
        (b'{"actor"', b'["actor"'),
    ],
)
def test_what_is_not_a_body_cannot_be_taken_apart(change: tuple[bytes, bytes]) -> None:
    body = body_of(EXAMPLES["order.placed"])
    assert take_apart(body).version == 1
    broken = body.replace(*change)
    assert broken != body
    with pytest.raises(msgspec.DecodeError):
        take_apart(broken)
