"""A few values with the operators of an array, in plain Python: what live strategies compute on.

Each operation is done value by value, with the same rounding as on arrays of float64, so the same
rule gives the same bits. A division by zero gives an infinity or NaN, as it does there.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any, Self, TypeVar, overload

_NAN = math.nan
_C = TypeVar("_C", bound="Column")


class Column(Sequence[Any]):
    """Values of the last bars, oldest first. `column[-1]` is that of the bar asked about."""

    __hash__ = None  # type: ignore[assignment]  # == compares value by value
    __slots__ = ("values",)

    def __init__(self, values: Iterable[Any]) -> None:
        self.values = list(values)

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def __repr__(self) -> str:
        return f"Column({self.values})"

    @overload
    def __getitem__(self, place: int) -> Any: ...  # noqa: ANN401 - floats, or truths

    @overload
    def __getitem__(self, place: slice) -> Self: ...

    def __getitem__(self, place: int | slice) -> Any:
        found = self.values[place]
        return type(self)(found) if isinstance(place, slice) else found

    def __setitem__(self, place: int | slice, value: Any) -> None:  # noqa: ANN401
        if isinstance(place, slice) and not isinstance(value, Sequence):
            value = [value] * len(self.values[place])
        self.values[place] = value

    def __lt__(self, other: object) -> Self:
        return self._with(operator.lt, other)

    def __le__(self, other: object) -> Self:
        return self._with(operator.le, other)

    def __gt__(self, other: object) -> Self:
        return self._with(operator.gt, other)

    def __ge__(self, other: object) -> Self:
        return self._with(operator.ge, other)

    def __eq__(self, other: object) -> Self:  # type: ignore[override]  # as arrays do
        return self._with(operator.eq, other)

    def __ne__(self, other: object) -> Self:  # type: ignore[override]
        return self._with(operator.ne, other)

    def __and__(self, other: object) -> Self:
        return self._with(operator.and_, other)

    def __or__(self, other: object) -> Self:
        return self._with(operator.or_, other)

    def __xor__(self, other: object) -> Self:
        return self._with(operator.xor, other)

    def __invert__(self) -> Self:
        return type(self)([not value for value in self.values])

    def __add__(self, other: object) -> Self:
        return self._with(operator.add, other)

    def __radd__(self, other: object) -> Self:
        return self._with(operator.add, other)

    def __sub__(self, other: object) -> Self:
        return self._with(operator.sub, other)

    def __rsub__(self, other: object) -> Self:
        return self._with(lambda mine, theirs: theirs - mine, other)

    def __mul__(self, other: object) -> Self:
        return self._with(operator.mul, other)

    def __rmul__(self, other: object) -> Self:
        return self._with(operator.mul, other)

    def __truediv__(self, other: object) -> Self:
        return self._with(_divided, other)

    def __rtruediv__(self, other: object) -> Self:
        return self._with(lambda mine, theirs: _divided(theirs, mine), other)

    def __neg__(self) -> Self:
        return type(self)([-value for value in self.values])

    def __abs__(self) -> Self:
        return type(self)([abs(value) for value in self.values])

    def lagged(self, bars: int) -> Self:
        """Return what it was so many bars ago; unknown (NaN) for the first bars."""
        values = self.values
        return _column(type(self), [_NAN] * min(bars, len(values)) + values[:-bars])

    def _with(self, operation: Callable[[Any, Any], Any], other: Any) -> Self:  # noqa: ANN401
        values = self.values
        kind = type(other)
        # Numbers first: a rule is mostly a comparison with one, and asked at every bar.
        if kind is not float and kind is not int and isinstance(other, Sequence):
            if len(other) != len(values):
                raise ValueError(f"a column of {len(values)} values and one of {len(other)}")
            return _column(type(self), list(map(operation, values, other)))
        return _column(type(self), list(map(operation, values, repeat(other))))


def _column(kind: type[_C], values: list[Any]) -> _C:
    """Return a column that takes the list as it is."""
    made = kind.__new__(kind)
    made.values = values
    return made


def _divided(upper: float, lower: float) -> float:
    if lower:
        return upper / lower
    if not upper or math.isnan(upper):
        return _NAN
    return math.copysign(math.inf, upper) * math.copysign(1.0, lower)
