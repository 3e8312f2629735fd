"""The rules strategies are made of, for columns of either kind: arrays, and a few values live."""

from __future__ import annotations

import math
from typing import Any

from traderbot.domain.strategies.column import Column
from traderbot.domain.strategies.features import AnyColumn

_NAN = math.nan
Level = Any  # a number, or another column


def lagged(column: AnyColumn, bars: int = 1) -> AnyColumn:
    """Return what the column was so many bars ago; unknown (NaN) for the first bars."""
    if bars < 1:
        raise ValueError(f"a column is looked back at by 1 bar or more, not {bars}")
    if isinstance(column, Column):
        return column.lagged(bars)
    shifted = column * _NAN
    shifted[bars:] = column[:-bars]
    return shifted


def crossed_above(column: AnyColumn, level: Level) -> AnyColumn:
    """Whether the column was below the level one bar ago, and is at or above it."""
    return (lagged(column) < _before(level)) & (column >= level)


def crossed_below(column: AnyColumn, level: Level) -> AnyColumn:
    """Whether the column was above the level one bar ago, and is at or below it."""
    return (lagged(column) > _before(level)) & (column <= level)


def decided(buy: AnyColumn, sell: AnyColumn) -> AnyColumn:
    """Return +1 where only `buy` holds, -1 where only `sell` holds, and 0 elsewhere."""
    return buy * 1 - sell * 1


def _before(level: Level) -> Level:
    return lagged(level) if hasattr(level, "__len__") else level
