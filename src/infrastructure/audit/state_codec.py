"""States of aggregates as bytes and back, for a cache: compact, fast, and read by nobody else.

MessagePack, each dataclass an array of its fields in the order they are declared. Scalars travel as
in events. Nothing here is a promise: a snapshot carries a stamp of the program that wrote it.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec

from traderbot.domain.bots.bot_run import BotRun
from traderbot.domain.market.bar_series import BarSeries
from traderbot.domain.operations.operations import Operations
from traderbot.domain.orders.order import Order
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.risk.control import RiskControl
from traderbot.domain.shared.decimals import plain
from traderbot.domain.shared.values import Currency, Money, Price, Quantity, Symbol
from traderbot.domain.simulation.book import Book
from traderbot.domain.users.user import User
from traderbot.domain.venues.venue_account import VenueAccount
from traderbot.infrastructure.event_store.moulds import maker_of
from traderbot.infrastructure.event_store.wire import Convert, Wire, wire_of

# The aggregate behind each category of streams.
STATES: Mapping[str, Any] = {
    "user": User,
    "portfolio": Portfolio,
    "order": Order,
    "bot": BotRun,
    "operations": Operations,
    "market": BarSeries,
    "risk": RiskControl,
    "paper": Book,
    "venue": VenueAccount,
}

_SCALARS = frozenset({Quantity, Price, Currency, Symbol})  # text, as in events


class StateCodec:
    """Every kind of state, compiled. Stateless after that; safe to share."""

    def __init__(self, states: Mapping[str, Any] = STATES) -> None:
        """Compile. Raises TypeError for a field no rule covers."""
        self._encoder = msgspec.msgpack.Encoder()
        wires = {category: _wire_of(kind) for category, kind in states.items()}
        self._encode = {category: wire.encode for category, wire in wires.items()}
        self._decode = {
            category: (msgspec.msgpack.Decoder(wire.type).decode, wire.decode)
            for category, wire in wires.items()
        }

    def encode(self, stream_id: str, state: Any) -> bytes:  # noqa: ANN401 - any aggregate
        """Return a state as bytes."""
        encode = self._encode[stream_id.partition("-")[0]]
        assert encode is not None  # noqa: S101 - for the type checker: dataclasses have one
        return self._encoder.encode(encode(state))

    def decode(self, stream_id: str, data: bytes) -> Any:  # noqa: ANN401 - any aggregate
        """Return the state. Raises msgspec.DecodeError, KeyError."""
        read, make = self._decode[stream_id.partition("-")[0]]
        assert make is not None  # noqa: S101 - as above
        return make(read(data))


@cache
def state_codec() -> StateCodec:
    """Return the codec of all states there are; compiled once."""
    return StateCodec()


class _MoneyPair(msgspec.Struct, frozen=True, array_like=True, gc=False):
    amount: str
    currency: str


def _wire_of(kind: Any) -> Wire:  # noqa: ANN401 - any annotation
    """Return how values of the annotated type travel in a snapshot."""
    kind = getattr(kind, "__supertype__", kind)  # a NewType is what it is made of
    if kind in _SPECIAL:
        return _SPECIAL[kind]
    if (origin := get_origin(kind)) in _COMPOSED:
        return _COMPOSED[origin](kind, get_args(kind))
    if dataclasses.is_dataclass(kind) and kind not in _SCALARS:
        return _wire_of_dataclass(kind)
    return wire_of(kind)


def _wire_of_dataclass(kind: Any) -> Wire:  # noqa: ANN401 - any dataclass
    hints = get_type_hints(kind)
    wires = {field.name: _wire_of(hints[field.name]) for field in dataclasses.fields(kind)}
    struct = msgspec.defstruct(
        f"{kind.__name__}State",
        [(name, wire.type) for name, wire in wires.items()],
        array_like=True,
        gc=False,
    )
    decoders = {name: wire.decode for name, wire in wires.items()}
    make = maker_of(kind, decoders) if hasattr(kind, "__slots__") else _dict_maker(kind, decoders)
    return Wire(struct, _encode(wires), make)


def _encode(wires: Mapping[str, Wire]) -> Convert:
    convert = {f"_{name}": wire.encode for name, wire in wires.items() if wire.encode}
    items = ", ".join(
        f"_{name}(it.{name})" if wire.encode else f"it.{name}" for name, wire in wires.items()
    )
    return eval(f"lambda it: ({items},)", convert)  # type: ignore[no-any-return]  # noqa: S307 - our own field names


def _dict_maker(kind: Any, decoders: Mapping[str, Convert | None]) -> Callable[..., Any]:  # noqa: ANN401
    """Return a function that makes an instance as `evolve` does: its dictionary, and no checks."""
    functions = {f"_{name}": decode for name, decode in decoders.items() if decode}
    values = ", ".join(
        f"{name}=_{name}(it.{name})" if decode else f"{name}=it.{name}"
        for name, decode in decoders.items()
    )
    source = (
        "def make(it):\n    made = _new(_kind)\n"
        f"    made.__dict__.update({values})\n    return made\n"
    )
    scope: dict[str, Any] = {"_new": object.__new__, "_kind": kind, **functions}
    exec(source, scope)  # noqa: S102 - our own field names
    return scope["make"]  # type: ignore[no-any-return]


def _optional(_kind: Any, arguments: tuple[Any, ...]) -> Wire:  # noqa: ANN401 - any annotation
    inner = _wire_of(arguments[0])
    encode, decode = inner.encode, inner.decode
    return Wire(
        inner.type | None,
        (lambda it: None if it is None else encode(it)) if encode else None,
        (lambda it: None if it is None else decode(it)) if decode else None,
    )


def _set(_kind: Any, arguments: tuple[Any, ...]) -> Wire:  # noqa: ANN401 - any annotation
    return _collection(_wire_of(arguments[0]), frozenset, sorted)


def _tuple(kind: Any, arguments: tuple[Any, ...]) -> Wire:  # noqa: ANN401 - any annotation
    if arguments[-1] is not Ellipsis:
        return Wire(kind, None, None)  # of scalars that MessagePack has itself
    return _collection(_wire_of(arguments[0]), tuple, list)


def _collection(inner: Wire, make: Callable[..., Any], order: Callable[..., Any]) -> Wire:
    encode, decode = inner.encode or _same, inner.decode or _same
    return Wire(
        list[inner.type],  # type: ignore[name-defined]
        lambda items: [encode(it) for it in order(items)],
        lambda items: make([decode(it) for it in items]),
    )


def _mapping(_kind: Any, arguments: tuple[Any, ...]) -> Wire:  # noqa: ANN401 - any annotation
    """Pairs in the order of the mapping, which is the order its keys came in."""
    key, value = (_wire_of(it) for it in arguments)
    encode_key, decode_key = key.encode or _same, key.decode or _same
    encode, decode = value.encode or _same, value.decode or _same
    return Wire(
        list[tuple[key.type, value.type]],  # type: ignore[name-defined]
        lambda it: [(encode_key(k), encode(v)) for k, v in it.items()],
        lambda it: MappingProxyType({decode_key(k): decode(v) for k, v in it}),
    )


def _money() -> Wire:
    encode = lambda it: (plain(it.amount), it.currency.code)  # noqa: E731 - as short as the others
    return Wire(_MoneyPair, encode, wire_of(Money).decode)


def _same(it: Any) -> Any:  # noqa: ANN401 - anything
    return it


_SPECIAL: Mapping[Any, Wire] = {
    datetime: Wire(datetime, None, None),  # MessagePack has instants of its own
    Money: _money(),
}
_COMPOSED: Mapping[Any, Callable[[Any, tuple[Any, ...]], Wire]] = {
    Union: _optional,
    types.UnionType: _optional,
    frozenset: _set,
    tuple: _tuple,
    MappingProxyType: _mapping,
}
