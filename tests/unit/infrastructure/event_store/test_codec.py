"""Reading what was stored: only what is registered, only as it was meant, old schemas included."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

import pytest

from tests import builders
from tests.builders import NOON
from tests.unit.infrastructure.event_store.examples import EXAMPLES
from tests.unit.infrastructure.event_store.test_body import body_of
from traderbot.application.ports.recorded import DomainEvent
from traderbot.domain.orders.events import OrderFilled, OrderPlaced
from traderbot.domain.shared.errors import CorruptHistoryError, InvalidValueError
from traderbot.domain.shared.values import Money, Quantity, symbol
from traderbot.infrastructure.event_store.body import encode_json, leaf_hash, take_apart
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.event_store.event_types import EVENT_TYPES
from traderbot.infrastructure.event_store.interning import Interned
from traderbot.infrastructure.event_store.upcasters import upcast
from traderbot.infrastructure.event_store.wire import wire_of, wire_of_dataclass

CODEC = EventCodec()
FILLED = body_of(EXAMPLES["order.filled"])


def data_of(name: str) -> dict[str, Any]:
    """Return an example's data as it would be stored."""
    stored: dict[str, Any] = json.loads(bytes(take_apart(body_of(EXAMPLES[name])).data))
    return stored


def decode(name: str, data: object, schema: int = 1) -> DomainEvent:
    return CODEC.decode(name, schema, encode_json(data), NOON)


# --- what is read -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_every_road_leads_to_the_same_event(name: str) -> None:
    event = EXAMPLES[name]
    body = body_of(event)
    envelope = take_apart(body)
    slow = CODEC.decode(envelope.type, envelope.schema, bytes(envelope.data), event.at)
    recorded = CODEC.recorded(3, body, leaf_hash(body))
    assert CODEC.event_of(body) == slow == recorded.event == event
    assert CODEC.events_of([body]) == [event]
    assert hash_if_possible(CODEC.event_of(body)) == hash_if_possible(event)


def hash_if_possible(event: DomainEvent) -> int | None:
    """Return the hash, None for events with mappings in them."""
    try:
        return hash(event)
    except TypeError:
        return None


def test_a_recorded_event_says_everything_its_body_says() -> None:
    it = CODEC.recorded(7, FILLED, leaf_hash(FILLED))
    envelope = take_apart(FILLED)
    assert (it.position, it.id, it.stream, it.version) == (7, envelope.id, envelope.stream, 1)
    assert (it.type, it.schema, it.leaf_hash) == ("order.filled", 1, leaf_hash(FILLED))
    assert it.occurred_at == EXAMPLES["order.filled"].at
    assert it.recorded_at == NOON
    assert it.occurred_at.tzinfo is it.recorded_at.tzinfo is UTC
    assert (it.actor.type, it.actor.via) == ("user", "api")


def test_what_was_read_is_as_immutable_as_what_was_made() -> None:
    placed = cast("OrderPlaced", CODEC.event_of(body_of(EXAMPLES["order.placed"])))
    assert type(placed) is OrderPlaced
    for thing in (placed, placed.ticket, placed.ticket.quantity):
        field = dataclasses.fields(thing)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(thing, field, "something else")
    with pytest.raises((AttributeError, TypeError)):
        placed.something = "new"  # type: ignore[attr-defined]
    assert dataclasses.replace(placed, at=placed.at) == placed


def test_amounts_are_read_digit_for_digit() -> None:
    filled = cast("OrderFilled", CODEC.event_of(FILLED))
    assert filled.fill.fee == Money("0.001", "BTC")
    assert filled.fill.fee.amount.as_tuple() == Decimal("0.001").as_tuple()
    most = CODEC.event_of(body_of(EXAMPLES["portfolio.cash_deposited"]))
    assert most == builders.deposited("99999999999999999999.999999999999999999 USD")


def test_what_was_recorded_stays_readable_when_rules_get_stricter() -> None:
    data = data_of("order.placed")
    data["ticket"]["limit_price"] = None  # today no limit order may be without its price
    assert cast("OrderPlaced", decode("order.placed", data)).ticket.limit_price is None


def test_many_bodies_are_read_in_their_order_whatever_they_are() -> None:
    bodies = [body_of(event) for event in EXAMPLES.values()] * 3
    assert CODEC.events_of(bodies) == list(EXAMPLES.values()) * 3
    assert CODEC.events_of([]) == []


def test_a_body_with_line_breaks_is_still_one_event() -> None:
    broken_up = FILLED.replace(b',"data"', b'\n,\n"data"')
    assert CODEC.events_of([FILLED, broken_up]) == [EXAMPLES["order.filled"]] * 2


# --- what cannot be read ----------------------------------------------------------------------


def test_a_body_recorded_at_no_instant_is_corrupt_history() -> None:
    for text in (b"noon", b"2025-01-02T12:00:00.000000"):
        body = FILLED.replace(
            b'"recorded_at":"2025-01-02T12:00:00.000000Z"', b'"recorded_at":"' + text + b'"'
        )
        assert body != FILLED
        with pytest.raises(CorruptHistoryError, match="not an instant"):
            CODEC.recorded(1, body, leaf_hash(body))


def test_an_unknown_type_is_corrupt_history() -> None:
    with pytest.raises(CorruptHistoryError, match=r"order\.vanished"):
        decode("order.vanished", {})
    unknown = FILLED.replace(b'"order.filled"', b'"order.vanished"')
    with pytest.raises(CorruptHistoryError, match=r"order\.vanished"):
        CODEC.event_of(unknown)
    with pytest.raises(CorruptHistoryError):
        CODEC.events_of([FILLED, unknown])


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("order.filled", {"order_id": None}),
        ("order.filled", {"more": "than it should"}),
        ("order.filled", {"closing_used": 1.5}),
        ("order.filled", {"closing_used": "one"}),
        ("order.filled", {"closing_used": "NaN"}),
        ("order.filled", {"closing_used": "Infinity"}),
        ("order.filled", {"reservation_used": "12.5"}),
        ("order.filled", {"reservation_used": {"amount": "1", "currency": "dollars"}}),
        ("order.filled", {"reservation_used": {"amount": "1"}}),
        ("order.filled", {"reservation_used": {"amount": "1", "currency": "USD", "x": 1}}),
        ("portfolio.fill_booked", {"side": "up"}),
        ("portfolio.fill_booked", {"symbol": "no symbol"}),
        ("bot.decided", {"bar_at": "noon"}),
        ("bot.decided", {"rules": {"oversold": "yes"}}),
    ],
)
def test_data_of_another_shape_is_corrupt_history(name: str, change: dict[str, Any]) -> None:
    with pytest.raises(CorruptHistoryError, match=name):
        decode(name, {**data_of(name), **change})


def test_data_with_a_field_missing_is_corrupt_history() -> None:
    data = data_of("order.filled")
    del data["fill"]
    with pytest.raises(CorruptHistoryError, match="fill"):
        decode("order.filled", data)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        FILLED[:-1],
        FILLED + b"}",
        FILLED.replace(b"Z", b""),  # instants of no time zone
        FILLED.replace(b'"schema":1', b'"schema":2'),
        FILLED.replace(b"filled", b"fi\xff\xffd"),
    ],
    ids=["empty", "text", "cut", "longer", "naive", "schema", "utf-8"],
)
def test_a_body_that_is_none_is_corrupt_history(body: bytes) -> None:
    with pytest.raises(CorruptHistoryError):
        CODEC.event_of(body)
    with pytest.raises(CorruptHistoryError):
        CODEC.events_of([FILLED, body, FILLED])


@pytest.mark.parametrize("kind", [float, bytes, Mapping[str, float], list[str], Any])
def test_an_event_cannot_have_a_field_that_has_no_exact_form(kind: Any) -> None:
    with pytest.raises(TypeError):
        wire_of(kind)


# --- what is canonical ------------------------------------------------------------------------


def canonical(*data: bytes) -> bool:
    return CODEC.all_canonical("portfolio.exposure_reserved", 1, data)


RESERVED = bytes(take_apart(body_of(EXAMPLES["portfolio.exposure_reserved"])).data)


def test_what_the_encoder_wrote_is_canonical() -> None:
    assert canonical(RESERVED)
    assert canonical(RESERVED, RESERVED, RESERVED)


@pytest.mark.parametrize(
    "data",
    [
        RESERVED.replace(b":", b": ", 1),
        RESERVED + b" ",
        RESERVED.replace(b"BTC/USDT", b"BTC\\/USDT"),
        RESERVED.replace(b"BTC/USDT", b"BTC\\u002fUSDT"),
        json.dumps(dict(reversed(json.loads(RESERVED).items())), separators=(",", ":")).encode(),
        RESERVED.replace(b'"closing":"0"', b'"closing":"0","closing":"0"'),
        RESERVED.replace(b'"closing":"0"', b'"closing":"x"'),
        RESERVED.replace(b"USDT", b"?"),
        RESERVED[:-1],
        b"",
    ],
)
def test_any_other_writing_of_it_is_not(data: bytes) -> None:
    assert data != RESERVED
    assert not canonical(data)
    assert not canonical(RESERVED, data, RESERVED)


def test_two_wrongs_do_not_make_a_right() -> None:
    half = RESERVED.index(b",") + 1
    assert not canonical(RESERVED[:half], RESERVED[half:])
    assert not canonical(RESERVED + b"\n" + RESERVED, b"")
    assert not canonical(b"", RESERVED + b"\n" + RESERVED)


def test_keys_of_a_mapping_are_sorted_too() -> None:
    data = bytes(take_apart(body_of(EXAMPLES["bot.started"])).data)
    assert CODEC.all_canonical("bot.started", 1, [data])
    swapped = data.replace(b'{"Z":"1","a":"","period":"14"}', b'{"a":"","Z":"1","period":"14"}')
    assert swapped != data
    assert not CODEC.all_canonical("bot.started", 1, [swapped])


def test_only_the_newest_schema_of_a_known_type_is_judged() -> None:
    assert not CODEC.all_canonical("portfolio.exposure_reserved", 2, [RESERVED])
    assert not CODEC.all_canonical("portfolio.vanished", 1, [RESERVED])


# --- old schemas ------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """An event in its third schema: first it had a `weight`, then `grams`, now amount and unit."""

    thing: str
    at: datetime
    amount: Quantity
    unit: str


REGISTRY: Any = {"thing.weighed": (Weighed, 3)}
UPCASTERS: Any = {
    ("thing.weighed", 1): lambda it: {"thing": it["thing"], "grams": it["weight"]},
    ("thing.weighed", 2): lambda it: {"thing": it["thing"], "amount": it["grams"], "unit": "g"},
}
ANVIL: Any = Weighed(thing="anvil", at=NOON, amount=Quantity("70000"), unit="g")
WEIGHINGS = {
    1: b'{"thing":"anvil","weight":"70000"}',
    2: b'{"grams":"70000","thing":"anvil"}',
    3: b'{"amount":"70000","thing":"anvil","unit":"g"}',
}


@pytest.mark.parametrize("schema", WEIGHINGS)
def test_every_schema_is_read_as_the_newest(schema: int) -> None:
    codec = EventCodec(REGISTRY, UPCASTERS)
    assert codec.decode("thing.weighed", schema, WEIGHINGS[schema], NOON) == ANVIL
    assert codec.encode(ANVIL) == ("thing.weighed", 3, json.loads(WEIGHINGS[3]))


def test_old_and_new_are_read_together() -> None:
    codec = EventCodec(REGISTRY, UPCASTERS)
    bodies = [
        body_of(EXAMPLES["user.registered"], type_="thing.weighed", schema=schema, data={}).replace(
            b'"data":{}', b'"data":' + data
        )
        for schema, data in WEIGHINGS.items()
    ]
    anvils = codec.events_of(bodies)
    assert [(it.thing, it.amount, it.unit) for it in cast("list[Any]", anvils)] == [
        ("anvil", Quantity("70000"), "g")
    ] * 3


def test_a_schema_from_the_future_is_corrupt_history() -> None:
    codec = EventCodec(REGISTRY, UPCASTERS)
    with pytest.raises(CorruptHistoryError, match="schema 4"):
        codec.decode("thing.weighed", 4, WEIGHINGS[3], NOON)


def test_a_gap_in_the_chain_is_corrupt_history() -> None:
    codec = EventCodec(REGISTRY, {("thing.weighed", 1): UPCASTERS["thing.weighed", 1]})
    with pytest.raises(CorruptHistoryError, match="schema 1"):
        codec.decode("thing.weighed", 1, WEIGHINGS[1], NOON)
    with pytest.raises(KeyError):
        upcast("thing.weighed", 2, 3, {}, {})


def test_an_upcaster_that_makes_nonsense_is_corrupt_history() -> None:
    nonsense = {**UPCASTERS, ("thing.weighed", 2): lambda _: {"thing": 7}}
    with pytest.raises(CorruptHistoryError):
        EventCodec(REGISTRY, nonsense).decode("thing.weighed", 1, WEIGHINGS[1], NOON)


def test_a_dataclass_without_slots_is_made_by_its_own_constructor() -> None:
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Loose:
        amount: Quantity
        at: datetime

    wire = wire_of_dataclass(Loose, without=("at",))
    assert wire.decode is not None
    made = wire.decode(wire.type(amount="1.5"), NOON)
    assert made == Loose(amount=Quantity("1.5"), at=NOON)


# --- interning --------------------------------------------------------------------------------


def test_equal_texts_are_one_object_until_there_are_too_many() -> None:
    read: list[str] = []

    def value(text: str) -> tuple[str]:
        read.append(text)
        return (text,)

    known = Interned(value, limit=2)
    assert known["a"] is known["a"]
    assert [known[it] for it in "abcab"] == [("a",), ("b",), ("c",), ("a",), ("b",)]
    assert len(known) <= 2
    assert read == ["a", "b", "c", "a", "b"]


def test_a_text_that_cannot_be_read_is_not_remembered() -> None:
    known = Interned(symbol)
    for _ in range(2):
        with pytest.raises(InvalidValueError):
            known["no symbol"]
    assert not known
