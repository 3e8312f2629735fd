"""Which sets of parameters a sweep tries: a grid, or a list of sets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import product
from math import prod
from typing import Any

from traderbot.domain.shared.decimals import plain
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.strategies.strategy import BaseStrategy

ParameterSet = Mapping[str, Any]
# Every combination of these values, or these sets as they are.
Grid = Mapping[str, Sequence[object]] | Sequence[ParameterSet]

MOST_SETS = 1_000_000
_NUMBER = r"(-?[0-9]{1,9}(?:\.[0-9]{1,9})?)"
_RANGE = re.compile(rf"{_NUMBER}\.\.{_NUMBER}(?::{_NUMBER})?")


def sets_of(grid: Grid) -> list[ParameterSet]:
    """Return the sets in their order: of a grid, the last name changes fastest.

    Raises:
        InvalidValueError: there is none, or more than a million.
    """
    if not isinstance(grid, Mapping):
        sets = list(grid)
        _count(len(sets))
        return sets
    for name, values in grid.items():
        if isinstance(values, str) or not isinstance(values, Sequence) or not values:
            raise InvalidValueError(
                f"{name} takes a list of at least one value, not {values!r:.60}; "
                f'one value is written as {{"{name}": [value]}}'
            )
    _count(prod(len(values) for values in grid.values()) if grid else 0)
    return [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]


def _count(sets: int) -> None:
    if not 1 <= sets <= MOST_SETS:
        raise InvalidValueError(f"a sweep tries from 1 to {MOST_SETS:,} sets, not {sets:,}")


def grid_of_texts(kind: type[BaseStrategy], texts: Mapping[str, str]) -> dict[str, list[object]]:
    """Return the grid that a command line describes.

    A value is as `strategy show` tells, several have commas between them, and `5..24` or
    `20..40:2.5` stands for the values from one to the other, both included, in steps of 1 or of
    what follows the colon.

    Raises:
        InvalidParameterError: an unknown parameter, or a text that is no value of it.
        InvalidValueError: a range that goes nowhere.
    """
    grid: dict[str, list[object]] = {}
    for name, text in texts.items():
        values = [each for part in text.split(",") for each in _range(name, part.strip())]
        grid[name] = [kind.values_of({name: value})[name] for value in values]
    return grid


def _range(name: str, text: str) -> list[str]:
    found = _RANGE.fullmatch(text)
    if found is None:
        return [text]
    first, last, step = (Decimal(each or 1) for each in found.groups())
    if step <= 0 or first > last or (last - first) / step >= MOST_SETS:
        raise InvalidValueError(
            f"{name}: {text} goes from a value up to another in steps above 0, as in 20..40:2.5"
        )
    return [plain(first + k * step) for k in range(int((last - first) / step) + 1)]
