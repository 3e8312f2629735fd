"""What else might have come: the same trades in another order, the same bars in other blocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite

import numpy as np
import numpy.typing as npt

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.compute.arrays import FloatArray, Numbers
from traderbot.infrastructure.compute.samples import returns_series
from traderbot.infrastructure.research.chance import below, permutation, uniform
from traderbot.infrastructure.research.distribution import Spread, spread_of

_Path = Callable[[int], FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class MonteCarlo:
    """What came of all runs of chance. The seed makes them again.

    Attributes:
        runs: how many.
        seed: of their random numbers.
        method: what was done.
        final: the equity after the last trade or bar.
        drawdown: the maximum drawdown, a fraction; 1 where all was lost.
        ruined: the share of runs in which the equity reached zero.
    """

    runs: int
    seed: int
    method: str
    final: Spread
    drawdown: Spread
    ruined: float


def trade_order(
    profits: Numbers, *, cash: float, runs: int = 1000, seed: int = 0, replace: bool = False
) -> MonteCarlo:
    """Put the trades into other orders, and tell what drawdowns might have come.

    Args:
        profits: what each trade kept, after fees, in the order of their exits.
        cash: before the first.
        runs: how many orders.
        seed: of the random numbers.
        replace: draw as many trades from all of them, each as often as it comes, instead of each
            once. Each once, the final equity never changes.

    Raises:
        InvalidValueError: no trades, no cash, or no runs.

    Source:
        R. Pardo, "The Evaluation and Optimization of Trading Strategies", 2nd ed., 2008; with
        replacement: B. Efron, "Bootstrap Methods: Another Look at the Jackknife", Annals of
        Statistics 7(1), 1979.
    """
    kept = returns_series(profits)
    checked_runs(runs)
    if not (isfinite(cash) and cash > 0):
        raise InvalidValueError(f"cash is above zero, not {cash}")

    def path(run: int) -> FloatArray:
        order = (
            below(kept.size, seed, run, kept.size) if replace else permutation(kept.size, seed, run)
        )
        return cash + np.cumsum(kept[order])

    observed = cash + np.cumsum(kept)
    method = "trades drawn with replacement" if replace else "trades in another order"
    return _outcome(cash, observed, path, runs=runs, seed=seed, method=method)


def block_bootstrap(
    returns: Numbers, *, cash: float = 1.0, block: float, runs: int = 1000, seed: int = 0
) -> MonteCarlo:
    """Put the bars together anew from blocks of random length, and tell what might have come.

    Blocks keep what one bar tells of the next: with single bars, calm and storm would be mixed, and
    drawdowns come out too small.

    Args:
        returns: of the run, bar by bar, as fractions.
        cash: before the first.
        block: average length of a block in bars, 1 or more; about as long as a trade or a trend.
        runs: how many paths.
        seed: of the random numbers.

    Raises:
        InvalidValueError: no returns, one of -1 or below, no cash, or no runs.

    Source:
        D. N. Politis and J. P. Romano, "The Stationary Bootstrap", Journal of the American
        Statistical Association 89(428), 1994.
    """
    moves = returns_series(returns)
    checked_runs(runs)
    if (moves <= -1).any():
        raise InvalidValueError(
            f"returns row {int((moves <= -1).argmax())} loses all: nothing comes after it"
        )
    if not (isfinite(cash) and cash > 0):
        raise InvalidValueError(f"cash is above zero, not {cash}")
    if not (isfinite(block) and block >= 1):
        raise InvalidValueError(f"a block is 1 bar or more on average, not {block}")

    def path(run: int) -> FloatArray:
        return _grown(cash, moves[resampled(moves.size, block, seed, run)])

    observed = _grown(cash, moves)
    method = f"blocks of {block:g} bars on average"
    return _outcome(cash, observed, path, runs=runs, seed=seed, method=method)


def resampled(bars: int, block: float, seed: int, run: int) -> npt.NDArray[np.int64]:
    """Return which bar comes at each place of one path; after the last bar comes the first."""
    fresh = uniform(seed, run, bars) < 1.0 / block
    fresh[0] = True
    jumps = below(bars, seed, run, bars, first=bars)
    places = np.arange(bars)
    began = np.maximum.accumulate(np.where(fresh, places, 0))
    return (jumps[began] + places - began) % bars


def deepest_fall(path: FloatArray, cash: float) -> float:
    """Return the maximum drawdown of a path that begins with cash; 1 from where all is lost."""
    curve = np.concatenate(([cash], path))
    if (curve <= 0).any():
        return 1.0
    return float((1.0 - curve / np.maximum.accumulate(curve)).max())


def _outcome(
    cash: float, observed: FloatArray, path: _Path, *, runs: int, seed: int, method: str
) -> MonteCarlo:
    finals, falls = np.empty(runs), np.empty(runs)
    for run in range(runs):
        found = path(run)
        finals[run], falls[run] = found[-1], deepest_fall(found, cash)
    return MonteCarlo(
        runs=runs,
        seed=seed,
        method=method,
        final=spread_of(float(observed[-1]), finals),
        drawdown=spread_of(deepest_fall(observed, cash), falls),
        ruined=int(np.count_nonzero(falls >= 1.0)) / runs,
    )


def _grown(cash: float, moves: FloatArray) -> FloatArray:
    return np.asarray(cash * np.cumprod(1.0 + moves), dtype=np.float64)


def checked_runs(runs: int) -> None:
    """Raise InvalidValueError unless it is a number of runs: from 1 to a million."""
    if not 1 <= runs <= 1_000_000:  # noqa: PLR2004
        raise InvalidValueError(f"runs are from 1 to 1,000,000, not {runs}")
