"""What a sweep found: one row a set, which becomes an object when it is read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from traderbot.domain.shared.decimals import EXACT, canonical
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.compute.arrays import FloatArray
from traderbot.infrastructure.compute.backtests.grid import ParameterSet
from traderbot.infrastructure.compute.backtests.terms import Scaled
from traderbot.infrastructure.compute.kernels.trading import runs, settling
from traderbot.infrastructure.compute.kernels.trading.settling import Integers


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One set and what it came to. Amounts are exact, in the quote currency.

    An `overdrawn` set bought for more than it had, and ended there. `profit` and `loss` are those
    of closed trades, after fees. What is summed over the curve is None if the sweep left it out:
    `max_drawdown` is a fraction of the peak, `sharpe` the mean return of a bar by its standard
    deviation, not annualised, None if nothing moved.
    """

    number: int
    parameters: ParameterSet
    final_equity: Decimal
    fills: int
    trades: int
    wins: int
    refused: int
    overdrawn: bool
    fees: Decimal
    profit: Decimal
    loss: Decimal
    max_drawdown: float | None
    mean_return: float | None
    sharpe: float | None


ORDERS = ("final_equity", "max_drawdown", "sharpe", "profit_factor", "trades")


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """All sets of a sweep. `done` says which of them were run; the rows of others are zeros."""

    digest: str
    sets: Sequence[ParameterSet] = field(repr=False)
    terms: Scaled = field(repr=False)
    bars: int
    done: npt.NDArray[np.bool_] = field(repr=False)
    totals: Integers = field(repr=False)
    sums: FloatArray = field(repr=False)

    @property
    def is_complete(self) -> bool:
        """Whether every set was run."""
        return bool(self.done.all())

    def __len__(self) -> int:
        return len(self.sets)

    def __iter__(self) -> Iterator[Trial]:
        return (self.trial(number) for number in np.flatnonzero(self.done).tolist())

    def trial(self, number: int) -> Trial:
        """Return one set. Raises InvalidValueError if it was not run."""
        if not 0 <= number < len(self.sets) or not self.done[number]:
            raise InvalidValueError(f"set {number} was not run; there are {int(self.done.sum())}")
        row = self.totals[number].tolist()
        money, held = self.terms.money, self.terms.quantity(row[settling.HELD])
        last = row[settling.LAST]
        close = Decimal(repr(float(self.sums[number, 4])))
        cash = money(row[settling.UNITS], row[settling.MILLIONTHS])
        drawdown, mean, sharpe = self._curve(number)
        return Trial(
            number=number,
            parameters=self.sets[number],
            final_equity=canonical(EXACT.add(cash, EXACT.multiply(held, close))),
            fills=row[settling.FILLS],
            trades=row[settling.TRADES],
            wins=row[settling.WINS],
            refused=row[settling.REFUSALS],
            overdrawn=last < self.bars - 1,
            fees=money(row[settling.FEES], row[settling.FEES_MILLIONTHS]),
            profit=money(row[settling.PROFIT], row[settling.PROFIT_MILLIONTHS]),
            loss=money(row[settling.LOSS], row[settling.LOSS_MILLIONTHS]),
            max_drawdown=drawdown,
            mean_return=mean,
            sharpe=sharpe,
        )

    def best(self, count: int = 10, by: str = "final_equity") -> list[Trial]:
        """Return the best sets that were run; of equal ones, the first.

        Args:
            count: at most so many.
            by: one of `ORDERS`; the least drawdown is the best, of the others the most.
        """
        keys = self._keys(by)
        numbers = np.flatnonzero(self.done)
        order = numbers[np.argsort(-keys[numbers], kind="stable")]
        return [self.trial(int(number)) for number in order[:count]]

    def _keys(self, by: str) -> FloatArray:
        if by not in ORDERS:
            raise InvalidValueError(f"sets are ordered by {', '.join(ORDERS)}; not {by!r:.40}")
        if by == "final_equity":
            return self.sums[:, 3]
        if by == "trades":
            return self.totals[:, settling.TRADES].astype(np.float64)
        if by == "profit_factor":
            profit, loss = self.totals[:, settling.PROFIT], self.totals[:, settling.LOSS]
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.nan_to_num(profit / loss, nan=0.0)
        if not self.terms.floats[2]:
            raise InvalidValueError(f"{by} is summed over the curve; sweep again with curve=True")
        if by == "max_drawdown":
            return -self.sums[:, 0]
        found = [self._curve(number)[2] for number in range(len(self.sets))]
        return np.array([-math.inf if each is None else each for each in found])

    def _curve(self, number: int) -> tuple[float | None, float | None, float | None]:
        if not self.terms.floats[2]:
            return None, None, None
        drawdown, total, squares, *_ = self.sums[number].tolist()
        returns = int(self.totals[number, settling.LAST])
        if returns < 2:  # noqa: PLR2004 - one return has no deviation
            return drawdown, None, None
        mean = total / returns
        variance = (squares - total * mean) / (returns - 1)
        return drawdown, mean, mean / math.sqrt(variance) if variance > 0.0 else None


def empty_sweep(digest: str, sets: Sequence[ParameterSet], terms: Scaled, bars: int) -> Sweep:
    """Return a sweep of which nothing was run yet."""
    return Sweep(
        digest=digest,
        sets=sets,
        terms=terms,
        bars=bars,
        done=np.zeros(len(sets), np.bool_),
        totals=np.zeros((len(sets), settling.TOTALS), np.int64),
        sums=np.zeros((len(sets), runs.FIGURES)),
    )
