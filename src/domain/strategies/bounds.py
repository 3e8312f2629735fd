"""What a parameter may be; a wrong one is answered with the nearest that is right."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from traderbot.domain.shared.decimals import plain
from traderbot.domain.strategies.errors import InvalidParameterError, hint


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number from `least` to `most`."""

    least: int
    most: int

    def __str__(self) -> str:
        return f"from {self.least} to {self.most}"

    def check(self, name: str, value: object) -> None:
        """Raise InvalidParameterError, naming the nearest whole number within the bounds."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidParameterError(name, f"a whole number {self}, not {value!r:.60}")
        if not self.least <= value <= self.most:
            nearest = min(max(value, self.least), self.most)
            raise InvalidParameterError(name, f"{self}, not {value}; the nearest is {nearest}")


@dataclass(frozen=True, slots=True)
class Real:
    """A number from `least` to `most`; an open end is itself left out."""

    least: float
    most: float
    open_ends: bool = False

    def __str__(self) -> str:
        between = f"{_text(self.least)} {'and' if self.open_ends else 'to'} {_text(self.most)}"
        return f"between {between}" if self.open_ends else f"from {between}"

    def check(self, name: str, value: object) -> None:
        """Raise InvalidParameterError, naming the nearest number within the bounds."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidParameterError(name, f"a number, not {value!r:.60}")
        inside = (
            self.least < value < self.most if self.open_ends else self.least <= value <= self.most
        )
        if inside:
            return
        said = f"{self}, not {value}"
        if math.isnan(value):
            raise InvalidParameterError(name, said)
        end = self.least if value <= self.least else self.most
        near = "just inside " if self.open_ends else ""
        raise InvalidParameterError(name, f"{said}; the nearest is {near}{_text(end)}")


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of a few words."""

    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"one of {', '.join(self.words)}"

    def check(self, name: str, value: object) -> None:
        """Raise InvalidParameterError, naming the word that looks most like it."""
        if value not in self.words:
            guess = (
                hint(value, self.words).partition("; there are")[0].rstrip(";")
                if isinstance(value, str)
                else ""
            )
            raise InvalidParameterError(name, f"{self}; not {value!r:.60}{guess}")


Bound = Whole | Real | OneOf


def check_bounds(bounds: Mapping[str, Bound], values: Mapping[str, object]) -> None:
    """Look at every value that has a bound.

    Raises:
        InvalidParameterError: one is out of its bounds; it says which, how, and what is nearest.
    """
    for name, value in values.items():
        bound = bounds.get(name)
        if bound is not None:
            bound.check(name, value)


def _text(value: float) -> str:
    return plain(Decimal(repr(float(value)))).removesuffix(".0")
