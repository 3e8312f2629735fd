"""Trying sets of parameters: each trial kept at once, each search resumable where it stopped.

A searcher says which set is tried as number `n`, given what the trials before it came to. It is
asked for all of them from the first on; a trial that is in the book already is read instead of
computed. So a search that was stopped and resumed asks and learns exactly what one that was never
stopped does, and both end with the same trials, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.research.space import Parameters, Space, drawn, grid

Figures = Mapping[str, float | None]
Evaluate = Callable[[Parameters], Figures]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One set of parameters, and what came of it. Numbers count from 0."""

    number: int
    parameters: Parameters
    figures: Figures


class TrialBook(Protocol):
    """Trials that were made, by number. What was kept stays kept."""

    def find(self, number: int) -> Trial | None:
        """Return the trial of this number, or None if it was not made yet."""

    def keep(self, trial: Trial) -> None:
        """Write a trial down for good, before the next one is begun."""


class Searcher(Protocol):
    """Says what to try next."""

    def ask(self, number: int) -> Parameters | None:
        """Return the set to try as this number; None if there is nothing left to try."""

    def tell(self, trial: Trial) -> None:
        """Learn what came of the set that was asked for last."""


class GridSearcher:
    """Tries every set of a space, in a fixed order."""

    def __init__(self, space: Space) -> None:
        """Refuse a space that is no grid, or too large. Raises InvalidValueError."""
        self._sets: Iterator[Parameters] = grid(space)

    def ask(self, number: int) -> Parameters | None:  # noqa: ARG002  # it is asked in order
        """Return the next set; None after the last."""
        return next(self._sets, None)

    def tell(self, trial: Trial) -> None:
        """Learn nothing."""


class RandomSearcher:
    """Tries sets drawn at random; the seed draws them again."""

    def __init__(self, space: Space, *, seed: int) -> None:
        """Take the space and the seed."""
        self._space, self._seed = space, seed

    def ask(self, number: int) -> Parameters | None:
        """Return the set of this number."""
        return drawn(self._space, number, seed=self._seed)

    def tell(self, trial: Trial) -> None:
        """Learn nothing."""


class MemoryBook:
    """A book that lasts as long as the program."""

    def __init__(self) -> None:
        """Begin empty."""
        self._trials: dict[int, Trial] = {}

    def find(self, number: int) -> Trial | None:
        """Return the trial of this number, or None."""
        return self._trials.get(number)

    def keep(self, trial: Trial) -> None:
        """Keep a trial in memory."""
        self._trials[trial.number] = trial


def search(
    searcher: Searcher,
    evaluate: Evaluate,
    *,
    trials: int,
    book: TrialBook | None = None,
    progress: Progress | None = None,
) -> tuple[Trial, ...]:
    """Make so many trials, or as many as there are, and return them in their order.

    Args:
        searcher: a new one; it is told the trials that are in the book as if they were made now.
        evaluate: returns the figures of a set; the same set, the same figures.
        trials: how many at most.
        book: where each is kept before the next begins; without, they are lost at the end.
        progress: called after each with how many are done, and how many there will be at most.

    Raises:
        InvalidValueError: no trials are wanted, or the book is of another search.
    """
    if trials < 1:
        raise InvalidValueError(f"a search makes 1 trial or more, not {trials}")
    kept: TrialBook = MemoryBook() if book is None else book
    made: list[Trial] = []
    for number in range(trials):
        parameters = searcher.ask(number)
        if parameters is None:
            break
        trial = kept.find(number)
        if trial is None:
            trial = Trial(number=number, parameters=parameters, figures=evaluate(parameters))
            kept.keep(trial)
        elif dict(trial.parameters) != dict(parameters):
            raise InvalidValueError(
                f"trial {number} of the book is of another search: it tried "
                f"{dict(trial.parameters)}, this one would try {dict(parameters)}; take another "
                "book, or the same space, seed and figures"
            )
        searcher.tell(trial)
        made.append(trial)
        if progress is not None:
            progress(number + 1, trials)
    return tuple(made)


def best_of(trials: tuple[Trial, ...], figure: str) -> Trial:
    """Return the trial with the highest figure, the first of equals; undefined ones are last.

    Raises:
        InvalidValueError: there is no trial, or none has such a figure.
    """
    having = [trial for trial in trials if trial.figures.get(figure) is not None]
    if not having:
        names = sorted({name for trial in trials for name in trial.figures})
        raise InvalidValueError(
            f"no trial has a figure {figure!r:.40} that is defined; there are: {', '.join(names)}"
        )
    return max(having, key=lambda trial: (trial.figures[figure] or 0.0, -trial.number))
