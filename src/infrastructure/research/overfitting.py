"""How likely the best of many trials is best by chance: combinatorially symmetric validation."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb, log

import numpy as np
import numpy.typing as npt

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.compute.arrays import FloatArray, Numbers
from traderbot.infrastructure.compute.samples import returns_table
from traderbot.infrastructure.compute.statistics.moments import STILL

_SLICES_MAX = 20
_ROUNDING = 1e-7  # of a mean, what its squares leave behind where nothing varies
_AT_ONCE = 4_000_000  # figures held in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Overfitting:
    """What became of the trial that was best in one half of the bars, in the other half.

    Attributes:
        trials: how many were compared.
        slices: into how many parts of time the bars were cut.
        combinations: how many ways to choose half of them.
        probability: of overfitting: the share of ways in which the best of one half was below the
            middle of all trials in the other. 0.5 is what chance does.
        loss: the share of ways in which the best of one half lost in the other.
        middle_rank: where the best of one half lies in the other, in the middle: 1 is best of all,
            0 is worst.
        slope: how much of the Sharpe ratio of one half comes again in the other, by a straight
            line through all ways; None if they are all alike.
    """

    trials: int
    slices: int
    combinations: int
    probability: float
    loss: float
    middle_rank: float
    slope: float | None


def overfitting(returns: Numbers, *, slices: int = 16) -> Overfitting:
    """Return the probability of backtest overfitting.

    The bars are cut into slices. For every choice of half of them, the trial with the best Sharpe
    ratio there is looked up in the other half. A trial that does not vary has a ratio of 0.

    Args:
        returns: shape (bars, trials): of every trial, the bad ones too, bar by bar.
        slices: an even number from 2 to 20, with two bars each or more; bars that are left over at
            the beginning are not used.

    Raises:
        InvalidValueError: fewer than two trials, too few bars, or a value that is no number; row
            and column are named.

    Source:
        D. H. Bailey, J. M. Borwein, M. Lopez de Prado and Q. J. Zhu, "The Probability of Backtest
        Overfitting", Journal of Computational Finance 20(4), 2017.
    """
    table = returns_table(returns)
    bars, trials = table.shape
    if trials <= 1:
        raise InvalidValueError("one trial cannot be overfitted by choosing: give two or more")
    if slices % 2 or not 1 < slices <= _SLICES_MAX:
        raise InvalidValueError(f"slices are an even number from 2 to {_SLICES_MAX}, not {slices}")
    width = bars // slices
    if width <= 1:
        raise InvalidValueError(f"{bars} bars make no {slices} slices of two bars or more")
    cut = table[bars - width * slices :].reshape(slices, width, trials)
    sums, squares = _along(cut), _along(cut * cut)
    ranks, inside, outside = _halves(sums, squares, width, slices)
    ways = comb(slices, slices // 2)
    logits = [log(rank / (1.0 - rank)) for rank in ranks.tolist()]
    return Overfitting(
        trials=trials,
        slices=slices,
        combinations=ways,
        probability=sum(logit <= 0 for logit in logits) / ways,
        loss=int(np.count_nonzero(outside < 0)) / ways,
        middle_rank=float(np.sort(ranks)[ways // 2]),
        slope=_slope(inside, outside),
    )


def _halves(
    sums: FloatArray, squares: FloatArray, width: int, slices: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    chosen = np.array(list(combinations(range(slices), slices // 2)))
    trials = sums.shape[1]
    ranks, inside, outside = (np.empty(len(chosen)) for _ in range(3))
    step = max(1, _AT_ONCE // trials)
    for begin in range(0, len(chosen), step):
        part = chosen[begin : begin + step]
        mask = np.zeros((len(part), slices), dtype=bool)
        np.put_along_axis(mask, part, values=True, axis=1)
        own = _sharpe(sums, squares, mask, width)
        other = _sharpe(sums, squares, ~mask, width)
        best = own.argmax(axis=1)  # the first of equals
        rows = np.arange(len(part))
        theirs = other[rows, best]
        worse = (other < theirs[:, None]).sum(axis=1)
        alike = (other == theirs[:, None]).sum(axis=1)
        place = worse + (alike + 1) / 2.0
        end = begin + len(part)
        ranks[begin:end] = place / (trials + 1)
        inside[begin:end], outside[begin:end] = own[rows, best], theirs
    return ranks, inside, outside


def _sharpe(
    sums: FloatArray, squares: FloatArray, mask: npt.NDArray[np.bool_], width: int
) -> FloatArray:
    bars = width * (mask.shape[1] // 2)
    added, squared = np.zeros((len(mask), sums.shape[1])), np.zeros((len(mask), sums.shape[1]))
    for place in range(mask.shape[1]):  # one slice after the other: the same additions everywhere
        added += np.where(mask[:, place, None], sums[place], 0.0)
        squared += np.where(mask[:, place, None], squares[place], 0.0)
    mean = added / bars
    spread = np.sqrt(np.maximum(squared / bars - mean * mean, 0.0))
    varies = spread > STILL + _ROUNDING * np.abs(mean)
    return np.asarray(np.divide(mean, spread, out=np.zeros_like(mean), where=varies))


def _along(cut: FloatArray) -> FloatArray:
    added = np.zeros((cut.shape[0], cut.shape[2]))
    for bar in range(cut.shape[1]):
        added += cut[:, bar]
    return added


def _slope(inside: FloatArray, outside: FloatArray) -> float | None:
    off = inside - inside.mean()
    spread = float((off * off).sum())
    if spread <= STILL:
        return None
    return float((off * (outside - outside.mean())).sum()) / spread
