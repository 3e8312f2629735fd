"""Walk-forward: choose on the bars before, be judged on the bars after, again and again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.compute.arrays import FloatArray
from traderbot.infrastructure.research.search import (
    Evaluate,
    Figures,
    Searcher,
    Trial,
    TrialBook,
    best_of,
    search,
)
from traderbot.infrastructure.research.space import Parameters
from traderbot.infrastructure.research.splits import Span, Split

# Runs a set of parameters on a span of bars: its figures, and its returns bar by bar. Bars before
# the span may warm it up; nothing is traded in them.
Play = Callable[[Parameters, Span], tuple[Figures, FloatArray]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One step: what was chosen on `train`, and what it came to on `test`."""

    train: Span
    test: Span
    chosen: Trial
    trials: int
    judged: Figures


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WalkForward:
    """All steps, oldest first.

    Attributes:
        windows: the steps.
        returns: out of sample, bar by bar, of all steps one after another.
        trials: how many sets were tried on all windows together. None of them was chosen by the
            bars it is judged on; but whoever tries other windows or figures looks again.
        figure: what was chosen by.
        kept: how much of the figure of the choice was there again, out of sample: the average of
            the judged ones over the average of the chosen ones; None if that is not above zero.
    """

    windows: tuple[Window, ...]
    returns: FloatArray
    trials: int
    figure: str
    kept: float | None


def walk_forward(
    splits: tuple[Split, ...],
    play: Play,
    searcher: Callable[[int], Searcher],
    *,
    figure: str,
    trials: int,
    book: Callable[[int], TrialBook] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> WalkForward:
    """Search on each window's train span, and judge the best set on its test span.

    Where no set has the figure, as when none of them traded, the first set is taken.

    Args:
        splits: as `walk_forward_splits` makes them: one span each.
        play: runs a set on a span of bars, and nothing of the bars after it.
        searcher: makes a new searcher for the window of this number.
        figure: which figure of the train span chooses; the highest is best.
        trials: how many sets are tried on each window, at most.
        book: gives the book for the window of this number; without, trials are lost at the end.
        progress: called after each window.

    Raises:
        InvalidValueError: no windows, or more than one span in one.

    Source:
        R. Pardo, "The Evaluation and Optimization of Trading Strategies", 2nd ed., 2008.
    """
    if not splits or any(len(it.train) != 1 or len(it.test) != 1 for it in splits):
        raise InvalidValueError("walk-forward has one span to learn from and one to judge, or more")
    windows, parts = [], []
    for number, split in enumerate(splits):
        train, test = split.train[0], split.test[0]
        made = search(
            searcher(number),
            _on(play, train),
            trials=trials,
            book=None if book is None else book(number),
        )
        chosen = best_of(made, figure) if _is_defined(made, figure) else made[0]
        judged, returns = play(chosen.parameters, test)
        windows.append(
            Window(train=train, test=test, chosen=chosen, trials=len(made), judged=judged)
        )
        parts.append(returns)
        if progress is not None:
            progress(number + 1, len(splits))
    return WalkForward(
        windows=tuple(windows),
        returns=np.concatenate(parts),
        trials=sum(window.trials for window in windows),
        figure=figure,
        kept=_kept(windows, figure),
    )


def _is_defined(made: tuple[Trial, ...], figure: str) -> bool:
    return any(trial.figures.get(figure) is not None for trial in made)


def _on(play: Play, span: Span) -> Evaluate:
    def evaluate(parameters: Parameters) -> Figures:
        return play(parameters, span)[0]

    return evaluate


def _kept(windows: list[Window], figure: str) -> float | None:
    chosen = [window.chosen.figures.get(figure) or 0.0 for window in windows]
    judged = [window.judged.get(figure) or 0.0 for window in windows]
    promised = sum(chosen) / len(chosen)
    return sum(judged) / len(judged) / promised if promised > 0 else None
