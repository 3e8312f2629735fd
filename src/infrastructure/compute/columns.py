"""A run's bars as arrays: what batch code computes on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from traderbot.domain.market.bars import Bar
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.strategies.watching import Row, row_of
from traderbot.infrastructure.compute.arrays import FloatArray

IntArray = npt.NDArray[np.int64]
PRICES = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Bars, oldest first, one array a column, all of one length.

    `at` is when each bar opened, in nanoseconds since 1970 (UTC).
    """

    at: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray

    def __post_init__(self) -> None:
        """Raise InvalidValueError unless there are six arrays of one dimension and one length."""
        for name in ("at", *PRICES):
            kind = np.int64 if name == "at" else np.float64
            column = np.ascontiguousarray(getattr(self, name), dtype=kind)
            object.__setattr__(self, name, column)
            if column.ndim != 1 or len(column) != len(self.at):
                msg = f"{name} has the shape {column.shape}, at has {self.at.shape}: one row a bar"
                raise InvalidValueError(msg)

    def __len__(self) -> int:
        return len(self.at)

    @classmethod
    def of_bars(cls, bars: Iterable[Bar]) -> Self:
        """Return bars as arrays, each exact amount as the nearest float."""
        return cls.of_rows(map(row_of, bars))

    @classmethod
    def of_rows(cls, rows: Iterable[Row]) -> Self:
        """Return rows as arrays."""
        columns = list(zip(*rows, strict=True)) or [()] * len(Row._fields)
        ats, *rest = columns
        return cls(np.array(ats, np.int64), *(np.array(each, np.float64) for each in rest))

    def rows(self) -> list[Row]:
        """Return the bars one by one, as plain numbers."""
        columns = (getattr(self, name).tolist() for name in ("at", *PRICES))
        return [Row(*values) for values in zip(*columns, strict=True)]

    def part(self, first: int, end: int | None = None) -> Self:
        """Return some of the bars, sharing the memory of these."""
        some = slice(first, end)
        return type(self)(*(getattr(self, name)[some] for name in ("at", *PRICES)))
