"""Which bars to learn from, and which to be judged on: never the same, never touching.

Bars are counted from 0; a span is [begin, end), as Python's ranges are.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from traderbot.domain.shared.errors import InvalidValueError

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Split:
    """Bars to learn from, and bars to be judged on."""

    train: tuple[Span, ...]
    test: tuple[Span, ...]


def walk_forward_splits(
    bars: int, *, train: int, test: int, gap: int = 0, anchored: bool = False
) -> tuple[Split, ...]:
    """Return windows that move forward by `test` bars, each judged right after it learned.

    Args:
        bars: how many there are.
        train: bars to learn from; with `anchored`, at the first window, and all before later on.
        test: bars to be judged on; the last window may have fewer.
        gap: bars left out between the two, as long as a decision looks ahead or is held.
        anchored: learn from all bars since the first instead of the newest `train`.

    Raises:
        InvalidValueError: a length below 1, or fewer bars than one window needs.

    Source:
        R. Pardo, "The Evaluation and Optimization of Trading Strategies", 2nd ed., 2008.
    """
    _positive(bars=bars, train=train, test=test)
    if gap < 0:
        raise InvalidValueError(f"gap is 0 bars or more, not {gap}")
    if train + gap >= bars:
        raise InvalidValueError(
            f"{bars} bars are too few for {train} to learn from, a gap of {gap} and one to judge: "
            "make train smaller"
        )
    return tuple(
        Split(
            train=((0 if anchored else begin - gap - train, begin - gap),),
            test=((begin, min(begin + test, bars)),),
        )
        for begin in range(train + gap, bars, test)
    )


def purged_folds(
    begins: npt.ArrayLike, ends: npt.ArrayLike, *, folds: int, embargo: int = 0, tested: int = 1
) -> tuple[Split, ...]:
    """Return cross-validation over samples that last, with what overlaps the judged ones left out.

    A sample is a decision and what came of it: it lasts from the bar it was made on to the bar its
    outcome was known. Samples of a train set whose life touches that of the judged ones would tell
    of them: they are purged. So are those that begin up to `embargo` bars after, since what is slow
    in the market still tells.

    Args:
        begins: the bar each sample begins on, rising.
        ends: the bar each sample's outcome is known on; the same bar or later.
        folds: parts of equal size, in the order of time; 2 or more.
        embargo: bars after a judged part that are left out.
        tested: how many parts are judged at a time. 1 is k-fold; more is combinatorial, and gives
            a split for every choice of so many parts.

    Returns:
        Spans of samples, counted from 0 (not of bars, unless every bar is a sample).

    Raises:
        InvalidValueError: fewer samples than folds, an end before its begin, begins that fall, or
            nothing left to learn from.

    Source:
        M. Lopez de Prado, "Advances in Financial Machine Learning", 2018, chapters 7 and 12.
    """
    first, last = np.asarray(begins, dtype=np.int64), np.asarray(ends, dtype=np.int64)
    if first.ndim != 1 or first.shape != last.shape:
        raise InvalidValueError("begins and ends are two series of one length")
    if folds <= 1 or folds > first.size:
        raise InvalidValueError(f"{first.size} samples make 2 folds or more, not {folds}")
    if not 1 <= tested < folds:
        raise InvalidValueError(f"of {folds} folds, 1 to {folds - 1} are judged, not {tested}")
    if embargo < 0:
        raise InvalidValueError(f"embargo is 0 bars or more, not {embargo}")
    if (np.diff(first) < 0).any():
        raise InvalidValueError(
            f"begins row {int((np.diff(first) < 0).argmax()) + 1} falls; sort it"
        )
    if (last < first).any():
        raise InvalidValueError(f"ends row {int((last < first).argmax())} is before its begin")
    edges = [first.size * part // folds for part in range(folds + 1)]
    parts = [(edges[part], edges[part + 1]) for part in range(folds)]
    return tuple(
        _purged(first, last, [parts[part] for part in chosen], embargo)
        for chosen in combinations(range(folds), tested)
    )


def _purged(
    first: npt.NDArray[np.int64], last: npt.NDArray[np.int64], tests: list[Span], embargo: int
) -> Split:
    kept = np.ones(first.size, dtype=bool)
    for begin, end in tests:
        opens, closes = first[begin], last[begin:end].max()
        kept[begin:end] = False
        kept &= (last < opens) | (first > closes + embargo)
    if not kept.any():
        raise InvalidValueError(
            "nothing is left to learn from: the samples last too long for so many folds, or the "
            "embargo is too long"
        )
    return Split(train=_spans(kept), test=tuple(tests))


def _spans(kept: npt.NDArray[np.bool_]) -> tuple[Span, ...]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], kept, [False])).astype(np.int8)))
    return tuple(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _positive(**lengths: int) -> None:
    for name, length in lengths.items():
        if length < 1:
            raise InvalidValueError(f"{name} is 1 bar or more, not {length}")
