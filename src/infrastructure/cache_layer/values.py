"""What a value weighs, and how it is kept from being changed behind the cache's back.

numpy and pandas are never imported here: a value of theirs can only come from a program that has
imported them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, TypeAlias

Copier: TypeAlias = Callable[[Any], Any]

_PLAIN: Final = frozenset(
    {type(None), bool, int, float, complex, str, bytes, Decimal, datetime, date, time, timedelta}
)
_COPY_ON_WRITE: Final = 3  # the first pandas in which a shallow copy is nobody else's


def weight_of(value: Any) -> int:  # noqa: ANN401 - any value
    """Return about how many bytes a value takes."""
    seen: set[int] = set()
    waiting, total = [value], 0
    while waiting:
        it = waiting.pop()
        if id(it) in seen:
            continue
        seen.add(id(it))
        if type(it) not in _PLAIN:
            buffer = _bytes_of_buffer(it)
            if buffer is not None:
                total += buffer
                continue
            waiting.extend(_inside(it))
        total += sys.getsizeof(it)
    return total


def own_copy(  # noqa: PLR0911 - a table of kinds
    value: Any,  # noqa: ANN401 - any value
) -> tuple[Any, Copier | None]:
    """Return a copy to keep, and what makes of it a copy to give out; None if it needs none.

    What is not plain data, an array, a frame or a container is kept as it is: give the cache
    nothing of that kind that changes.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value, None
    if kind in {dict, list, set}:
        items = value.values() if kind is dict else value
        if all(type(it) in _PLAIN for it in items):
            return value.copy(), kind.copy
        return deepcopy(value), deepcopy
    if kind is tuple:
        kept = tuple(own_copy(it) for it in value)
        if all(copier is None for _, copier in kept):
            return tuple(it for it, _ in kept), None
        return deepcopy(value), deepcopy
    if _is_array(value):
        frozen = value.copy()
        frozen.setflags(write=False)
        return frozen, None
    if kind is bytearray:
        return bytearray(value), bytearray
    if is_frame(value):
        deep = _pandas_version() < _COPY_ON_WRITE
        return value.copy(deep=True), lambda kept: kept.copy(deep=deep)
    return value, None


def is_frame(value: Any) -> bool:  # noqa: ANN401 - any value
    """Tell whether it is a frame, a series or an index of pandas."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame | pandas.Series | pandas.Index)


def _is_array(value: Any) -> bool:  # noqa: ANN401 - any value
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray)


def _pandas_version() -> int:
    return int(sys.modules["pandas"].__version__.partition(".")[0])


def _bytes_of_buffer(value: Any) -> int | None:  # noqa: ANN401 - any value
    if _is_array(value):
        return int(value.nbytes) + 128
    if is_frame(value):
        used = value.memory_usage(deep=True)
        return int(used if isinstance(used, int) else used.sum()) + 1024
    return None


def _inside(value: Any) -> Iterable[Any]:  # noqa: ANN401 - any value
    if isinstance(value, dict):
        return (*value.keys(), *value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, it.name) for it in fields(value)]
    return vars(value).values() if hasattr(value, "__dict__") else ()
