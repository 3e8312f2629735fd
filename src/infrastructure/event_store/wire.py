"""Domain values as JSON and back, compiled once per event class.

A *wire type* is what msgspec decodes natively: text, numbers, enums and structs of them, fields in
the order of their names, so that encoding what was decoded gives the canonical bytes again. The
functions beside it turn domain values into plain JSON values, and wire values into domain values.
Typed decoding in C is what makes rebuilding state from the log fast.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

import msgspec

from traderbot.domain.shared.decimals import plain
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.fields import LATER
from traderbot.domain.shared.instants import instant, instant_text
from traderbot.domain.shared.values import (
    Currency,
    Money,
    Price,
    Quantity,
    Symbol,
    currency,
    symbol,
    trusted_money,
    trusted_price,
    trusted_quantity,
)
from traderbot.infrastructure.event_store.interning import Interned
from traderbot.infrastructure.event_store.moulds import maker_of

Convert = Callable[[Any], Any]


class Wire(NamedTuple):
    """How values of one type travel. None instead of a function: as they are."""

    type: Any
    encode: Convert | None
    decode: Callable[..., Any] | None


class MoneyWire(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Money as JSON."""

    amount: str
    currency: str


def _decimal(text: str) -> Decimal:
    value = Decimal(text)
    if not value.is_finite():
        msg = f"not a finite number: {text!r:.60}"
        raise InvalidValueError(msg)
    return value


def _money_out(money: Money) -> dict[str, str]:
    return {"amount": plain(money.amount), "currency": money.currency.code}


def _amounts_of(code: str) -> Interned[Money]:
    of = currency(code)
    return Interned(lambda text: trusted_money(_decimal(text), of))


_amounts: Interned[Interned[Money]] = Interned(_amounts_of)


def _money_in(wire: MoneyWire) -> Money:
    return _amounts[wire.currency][wire.amount]


def _interned(read: Callable[[str], Any]) -> Convert:
    return Interned(read).__getitem__


_VALUES: dict[Any, Wire] = {
    str: Wire(str, None, None),
    bool: Wire(bool, None, None),
    int: Wire(int, None, None),
    Decimal: Wire(str, plain, _interned(_decimal)),
    datetime: Wire(str, instant_text, instant),
    Quantity: Wire(
        str, lambda it: plain(it.value), _interned(lambda text: trusted_quantity(_decimal(text)))
    ),
    Price: Wire(
        str, lambda it: plain(it.value), _interned(lambda text: trusted_price(_decimal(text)))
    ),
    Money: Wire(MoneyWire, _money_out, _money_in),
    Currency: Wire(str, lambda it: it.code, _interned(currency)),
    Symbol: Wire(str, lambda it: it.code, _interned(symbol)),
}


def wire_of(kind: Any) -> Wire:  # noqa: ANN401 - any annotation
    """Return how values of the annotated type travel.

    Raises:
        TypeError: no rule covers it; an event with such a field could not be stored.
    """
    kind = getattr(kind, "__supertype__", kind)  # a NewType is what it is made of
    if kind in _VALUES:
        return _VALUES[kind]
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType) and len(arguments) == 2 and arguments[1] is type(None):  # noqa: PLR2004
        return _optional(wire_of(arguments[0]))
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:  # noqa: PLR2004
        return _sequence(wire_of(arguments[0]))
    if origin is Mapping and arguments[1] in (str, bool, int):
        return Wire(dict[str, arguments[1]], dict, None)  # type: ignore[valid-type]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return Wire(kind, lambda it: it.value, None)
    if dataclasses.is_dataclass(kind):
        return wire_of_dataclass(kind)
    msg = f"an event cannot hold {kind!r}"
    raise TypeError(msg)


def wire_of_dataclass(kind: Any, *, without: tuple[str, ...] = ()) -> Wire:  # noqa: ANN401 - any dataclass
    """Return how instances of a dataclass travel: as an object, field by field, keys sorted.

    A field declared as LATER is left out where it has its default. `decode` takes the fields
    left out as further arguments, in the order they are named.
    """
    hints = get_type_hints(kind)
    fields = {it.name: it for it in dataclasses.fields(kind) if it.name not in without}
    wires = {name: wire_of(hints[name]) for name in sorted(fields)}
    later = {name: it.default for name, it in fields.items() if it.metadata == LATER}
    struct = msgspec.defstruct(
        f"{kind.__name__}Wire",
        [
            (name, wire.type, later[name]) if name in later else (name, wire.type)
            for name, wire in wires.items()
        ],
        forbid_unknown_fields=True,
        omit_defaults=True,
        kw_only=True,
        gc=False,  # it lives for a moment, and nothing in it can point back to it
    )
    decoders = {name: wire.decode for name, wire in wires.items()}
    return Wire(struct, _compile_encode(wires, later), maker_of(kind, decoders, without))


def _compile_encode(wires: Mapping[str, Wire], later: Mapping[str, Any]) -> Convert:
    # One generated function instead of a loop over the fields: half the time per event.
    scope: dict[str, Any] = {f"_{name}": wire.encode for name, wire in wires.items()}
    values = {
        name: f"_{name}(it.{name})" if wire.encode else f"it.{name}" for name, wire in wires.items()
    }
    always = ", ".join(f'"{name}": {it}' for name, it in values.items() if name not in later)
    lines = [f"    said = {{{always}}}"]
    for name, default in later.items():
        lines.append(f"    if it.{name} != {default!r}: said['{name}'] = {values[name]}")
    source = "\n".join(["def encode(it):", *lines, "    return said"])
    exec(source, scope)  # noqa: S102 - our own field names
    return scope["encode"]  # type: ignore[no-any-return]


def _optional(inner: Wire) -> Wire:
    encode, decode = inner.encode, inner.decode
    return Wire(
        inner.type | None,
        (lambda it: None if it is None else encode(it)) if encode else None,
        (lambda it: None if it is None else decode(it)) if decode else None,
    )


def _sequence(inner: Wire) -> Wire:
    encode, decode = inner.encode, inner.decode
    return Wire(
        tuple[inner.type, ...],  # type: ignore[name-defined]
        (lambda items: [encode(it) for it in items]) if encode else None,
        (lambda items: tuple([decode(it) for it in items])) if decode else None,
    )
