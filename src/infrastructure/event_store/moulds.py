"""Instances of frozen dataclasses, made fast from values that were checked when they were recorded.

A frozen dataclass sets each field through a guard, which is most of the time of decoding an event.
Here the fields are set on a *mould*, a class with the same slots and no guard, and the finished
instance is then given its real class: a fifth of the time, and an object like any other.

Neither `__init__` nor `__post_init__` runs. That is on purpose beyond speed: when a rule gets
stricter, what was recorded under the old one must stay readable.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

Convert = Callable[[Any], Any]


def maker_of(
    kind: Any,  # noqa: ANN401 - any dataclass
    decoders: Mapping[str, Convert | None],
    further: tuple[str, ...] = (),
) -> Callable[..., Any]:
    """Return a function from an object with the fields' wire values to an instance of `kind`.

    Each field is decoded by its decoder, or taken as it is. The fields named in `further` are
    arguments of the function, after the object.
    """
    functions = {f"_{name}": decode for name, decode in decoders.items() if decode}
    values = {
        name: f"_{name}(it.{name})" if decode else f"it.{name}" for name, decode in decoders.items()
    }
    values |= {name: name for name in further}
    mould = _mould_of(kind)
    if mould is None:
        made = ["    return _kind({})".format(", ".join(f"{k}={v}" for k, v in values.items()))]
    else:
        made = [
            "    made = _new(_mould)",
            *(f"    made.{name} = {value}" for name, value in values.items()),
            "    made.__class__ = _kind",
            "    return made",
        ]
    source = "\n".join([f"def make({', '.join(['it', *further])}):", *made])
    scope: dict[str, Any] = {"_new": object.__new__, "_mould": mould, "_kind": kind, **functions}
    exec(source, scope)  # noqa: S102 - our own field names
    return scope["make"]  # type: ignore[no-any-return]


def _mould_of(kind: Any) -> type | None:  # noqa: ANN401 - any dataclass
    """Return a class whose instances can become instances of `kind`, None if there can be none."""
    names = tuple(field.name for field in dataclasses.fields(kind))
    mould = type(f"{kind.__name__}Mould", (), {"__slots__": names})
    try:
        object.__new__(mould).__class__ = kind
    except TypeError:  # not slotted, or not all of its slots are its fields
        return None
    return mould
