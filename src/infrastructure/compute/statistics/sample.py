"""One run as the statistics see it: its equity, its trades, and what both are held against."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import isfinite

import numpy as np
import numpy.typing as npt

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.compute.arrays import FloatArray, Numbers, series
from traderbot.infrastructure.compute.statistics.episodes import Episode, episodes
from traderbot.infrastructure.compute.statistics.trade_table import (
    TradeTable,
    no_trades,
    trades_of,
)
from traderbot.infrastructure.compute.tail_risk import TailRisk, historical_risk

DAY = 86_400_000_000_000  # nanoseconds
YEAR = 365.25 * DAY
# So that the fourth power of a return is still a float64; no amount of money is near either.
_LARGEST, _LEAST = 1e30, 1e-30
_TAIL_LEAST = 20  # so that one whole return lies in a tail of 5 %

Instants = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """A checked run. What several statistics need is computed once.

    Attributes:
        equity: one value per bar, marked at its close, in the quote currency.
        at: the instant each bar opens, nanoseconds since 1970 UTC, rising.
        trades: closed round trips, sorted by exit.
        periods_per_year: how many bars make a year.
        risk_free: what cash earns a year, as a fraction; it is spread evenly over the bars.
        position_value: market value of what is held at each close, below zero for short.
        benchmark: what the run is held against; only its ratios matter.
    """

    equity: FloatArray
    at: Instants
    trades: TradeTable
    periods_per_year: float | None
    risk_free: float
    position_value: FloatArray | None
    benchmark: FloatArray | None

    @cached_property
    def solvent(self) -> bool:
        """Whether the equity stayed above zero. If not, no return and no drawdown has a meaning."""
        return bool((self.equity > _LEAST).all())

    @cached_property
    def returns(self) -> FloatArray | None:
        """Equity / previous equity - 1, one fewer than bars; None if insolvent or of one bar."""
        if not self.solvent or self.equity.size <= 1:
            return None
        return self.equity[1:] / self.equity[:-1] - 1.0

    @cached_property
    def excess(self) -> FloatArray | None:
        """Each return above what cash earns meanwhile. None as `returns`, or with no year."""
        if self.returns is None or (self.risk_free and self.periods_per_year is None):
            return None
        return self.returns - self.risk_free / (self.periods_per_year or 1.0)

    @cached_property
    def benchmark_returns(self) -> FloatArray | None:
        """The benchmark's returns; None if there is no benchmark, or the run has no returns."""
        if self.benchmark is None or self.returns is None:
            return None
        return self.benchmark[1:] / self.benchmark[:-1] - 1.0

    @cached_property
    def falls(self) -> FloatArray | None:
        """How far below its running peak the equity is, as a fraction of it; None if insolvent."""
        if not self.solvent:
            return None
        return 1.0 - self.equity / np.maximum.accumulate(self.equity)

    @cached_property
    def tail(self) -> TailRisk | None:
        """What the worst 5 % of the bars cost; None of fewer than 20 returns."""
        if self.returns is None or self.returns.size < _TAIL_LEAST:
            return None
        return historical_risk(self.returns)

    @cached_property
    def episodes(self) -> tuple[Episode, ...]:
        """Each time under water, oldest first."""
        return episodes(self.equity) if self.solvent else ()

    @cached_property
    def years(self) -> float:
        """From the first bar to the last; 0 for one bar.

        With `periods_per_year` given, bars divided by it; else what the calendar says.
        """
        if self.periods_per_year is None:
            return 0.0
        return (self.equity.size - 1) / self.periods_per_year

    @cached_property
    def held(self) -> npt.NDArray[np.bool_]:
        """Whether anything was held at each bar's close."""
        if self.position_value is not None:
            return np.asarray(self.position_value != 0)
        change = np.zeros(self.equity.size + 1, dtype=np.int64)
        np.add.at(change, self.trades["entry_bar"], 1)
        np.subtract.at(change, self.trades["exit_bar"], 1)
        return np.cumsum(change)[:-1] > 0

    @cached_property
    def profits(self) -> list[float]:
        """What each trade kept, after fees, in the order of their exits."""
        return [float(profit) for profit in self.trades["profit"].tolist()]


def sample(
    equity: Numbers,
    at: npt.ArrayLike,
    trades: TradeTable | None = None,
    *,
    periods_per_year: float | None = None,
    risk_free: float = 0.0,
    position_value: Numbers | None = None,
    benchmark: Numbers | None = None,
) -> Sample:
    """Return a run fit for statistics.

    Args:
        equity: one value per bar, finite, oldest first.
        at: the instant each bar opens, nanoseconds since 1970 UTC (int64), rising.
        trades: columns as in `trade_table.TRADE`.
        periods_per_year: bars a year. None counts them: bars between the first and the last
            instant, by the time between them. That is right for months and years of bars; for a few
            hours of a market that closes at night, give it.
        risk_free: what cash earns a year, as a fraction.
        position_value: market value held at each close; without it, what was held is read from the
            trades, and what is still open at the end is not seen.
        benchmark: one value above zero per bar.

    Raises:
        InvalidValueError: arrays of different lengths, no bars, instants that do not rise, values
            that are no numbers, or a number out of its bounds; it names row and column.
    """
    curve = _finite("equity", series("equity", equity))
    moments = np.asarray(at)
    if moments.dtype.kind not in "iu" or moments.shape != curve.shape:
        raise InvalidValueError(
            f"at is one instant per bar, int64 nanoseconds, {curve.size} of them, not "
            f"{moments.dtype} of shape {moments.shape}"
        )
    moments = moments.astype(np.int64)
    back = np.flatnonzero(np.diff(moments) <= 0)
    if back.size:
        raise InvalidValueError(
            f"at row {int(back[0]) + 1} is not after the row before it; sort it"
        )
    if not (isfinite(risk_free) and risk_free > -1):
        raise InvalidValueError(f"risk_free is a fraction a year, such as 0.02, not {risk_free}")
    if periods_per_year is not None and not (isfinite(periods_per_year) and periods_per_year > 0):
        raise InvalidValueError(f"periods_per_year is above zero, not {periods_per_year}")
    return Sample(
        equity=curve,
        at=moments,
        trades=trades_of(no_trades() if trades is None else trades, curve.size),
        periods_per_year=periods_per_year or _counted(moments),
        risk_free=risk_free,
        position_value=_beside("position_value", position_value, curve.size),
        benchmark=_above_zero(_beside("benchmark", benchmark, curve.size)),
    )


def _counted(at: Instants) -> float | None:
    if at.size <= 1:
        return None
    return (at.size - 1) * YEAR / int(at[-1] - at[0])


def _beside(name: str, values: Numbers | None, bars: int) -> FloatArray | None:
    if values is None:
        return None
    found = _finite(name, series(name, values))
    if found.size != bars:
        raise InvalidValueError(f"{name} has {found.size} values for {bars} bars")
    return found


def _above_zero(benchmark: FloatArray | None) -> FloatArray | None:
    if benchmark is not None and (benchmark <= _LEAST).any():
        row = int(np.flatnonzero(benchmark <= _LEAST)[0])
        raise InvalidValueError(f"benchmark row {row} is {benchmark[row]}: it is to be above zero")
    return benchmark


def _finite(name: str, values: FloatArray) -> FloatArray:
    wrong = np.flatnonzero(~(np.abs(values) < _LARGEST))
    if wrong.size:
        row = int(wrong[0])
        raise InvalidValueError(
            f"{name} row {row} is {values[row]}: it is to be a number below 1e30"
        )
    return values
