"""Which sets of parameters there are to be tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import isfinite

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.compute.statistics.moments import power
from traderbot.infrastructure.research.chance import below, uniform

Value = int | float | str | bool
Parameters = Mapping[str, Value]

_MANY = 1_000_000


@dataclass(frozen=True, slots=True)
class Whole:
    """Whole numbers from low to high, both included, in steps."""

    low: int
    high: int
    step: int = 1

    def __post_init__(self) -> None:
        """Raise InvalidValueError if there is no such number."""
        if self.low > self.high or self.step < 1:
            raise InvalidValueError(f"from {self.low} to {self.high} by {self.step} there is none")

    def values(self) -> tuple[int, ...]:
        """Return all of them, rising."""
        return tuple(range(self.low, self.high + 1, self.step))


@dataclass(frozen=True, slots=True)
class Real:
    """Real numbers from low to high. On a logarithmic scale, each doubling is equally likely."""

    low: float
    high: float
    logarithmic: bool = False

    def __post_init__(self) -> None:
        """Raise InvalidValueError if there is no such number."""
        if not (isfinite(self.low) and isfinite(self.high) and self.low < self.high):
            raise InvalidValueError(f"from {self.low} to {self.high} there is none")
        if self.logarithmic and self.low <= 0:
            raise InvalidValueError(f"a logarithmic scale begins above zero, not at {self.low}")

    def at(self, share: float) -> float:
        """Return the number that lies so far along the scale, from 0 to 1."""
        if self.logarithmic:
            return self.low * power(self.high / self.low, share)
        return self.low + share * (self.high - self.low)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of these."""

    options: tuple[Value, ...]

    def __post_init__(self) -> None:
        """Raise InvalidValueError if there is none."""
        if not self.options:
            raise InvalidValueError("a choice has one option or more")

    def values(self) -> tuple[Value, ...]:
        """Return all of them, as given."""
        return self.options


Dimension = Whole | Real | Choice
Space = Mapping[str, Dimension]


def size_of(space: Space) -> int | None:
    """Return how many sets there are; None if a dimension is of real numbers."""
    count = 1
    for dimension in space.values():
        if isinstance(dimension, Real):
            return None
        count *= len(dimension.values())
    return count


def grid(space: Space) -> Iterator[Parameters]:
    """Return every set, the last dimension changing fastest.

    Raises:
        InvalidValueError: a dimension is of real numbers, or there are more than a million sets.
    """
    count = size_of(space)
    if count is None:
        raise InvalidValueError("a grid has no real numbers: name the values with Choice")
    if count > _MANY:
        raise InvalidValueError(f"{count:,} sets are too many for a grid: draw some at random")
    names = tuple(space)
    columns = [_values(dimension) for dimension in space.values()]
    return (dict(zip(names, values, strict=True)) for values in product(*columns))


def drawn(space: Space, number: int, *, seed: int) -> Parameters:
    """Return the random set of this number. Each is drawn for itself, so sets may come twice."""
    found: dict[str, Value] = {}
    for place, (name, dimension) in enumerate(space.items()):
        if isinstance(dimension, Real):
            found[name] = dimension.at(float(uniform(seed, number, 1, first=place)[0]))
        else:
            values = dimension.values()
            found[name] = values[int(below(len(values), seed, number, 1, first=place)[0])]
    return found


def _values(dimension: Dimension) -> tuple[Value, ...]:
    if isinstance(dimension, Real):  # the caller has looked
        return ()
    return dimension.values()
