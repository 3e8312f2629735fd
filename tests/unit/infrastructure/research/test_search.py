"""Searches: stopped and resumed, they end as if they had never stopped."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.brokers.extras import MissingExtraError
from traderbot.infrastructure.compute.arrays import FloatArray
from traderbot.infrastructure.research.file_book import FileBook
from traderbot.infrastructure.research.learning import LearningSearcher
from traderbot.infrastructure.research.search import (
    Figures,
    GridSearcher,
    RandomSearcher,
    Searcher,
    Trial,
    best_of,
    search,
)
from traderbot.infrastructure.research.space import (
    Choice,
    Parameters,
    Real,
    Space,
    Whole,
    drawn,
    grid,
    size_of,
)
from traderbot.infrastructure.research.splits import Span, Split, walk_forward_splits
from traderbot.infrastructure.research.walk_forward import walk_forward

DISCRETE: Space = {"period": Whole(2, 20, 3), "way": Choice(("simple", "wilder"))}
SPACE: Space = {**DISCRETE, "level": Real(0.1, 10.0, logarithmic=True), "share": Real(0.0, 1.0)}

SEARCHERS: dict[str, Callable[[], Searcher]] = {
    "grid": lambda: GridSearcher(DISCRETE),
    "random": lambda: RandomSearcher(SPACE, seed=5),
    "learning": lambda: LearningSearcher(SPACE, seed=5, figure="sharpe"),
}


def hill(parameters: Parameters) -> Figures:
    period, level = float(parameters["period"]), float(parameters.get("level", 1.0))
    return {"sharpe": -((period - 8) ** 2) / 50 - (level - 3) ** 2 / 9, "none": None}


class StoppedError(Exception):
    pass


@pytest.mark.parametrize("kind", SEARCHERS)
@pytest.mark.parametrize("stop", [1, 5, 13])
def test_stopped_and_resumed_is_as_never_stopped(kind: str, stop: int, tmp_path: Path) -> None:
    whole = search(SEARCHERS[kind](), hill, trials=14, book=FileBook(tmp_path / "whole"))
    asked: list[Parameters] = []

    def until(parameters: Parameters) -> Figures:
        if len(asked) == stop:
            raise StoppedError
        asked.append(parameters)
        return hill(parameters)

    with pytest.raises(StoppedError):
        search(SEARCHERS[kind](), until, trials=14, book=FileBook(tmp_path / "parts"))
    book = FileBook(tmp_path / "parts")
    assert len(book) == stop
    again: list[Parameters] = []

    def rest(parameters: Parameters) -> Figures:
        again.append(parameters)
        return hill(parameters)

    assert search(SEARCHERS[kind](), rest, trials=14, book=book) == whole
    assert len(again) == len(whole) - stop  # nothing is computed twice
    assert (tmp_path / "parts").read_bytes() == (tmp_path / "whole").read_bytes()


def test_a_line_cut_off_by_a_crash_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "book"
    whole = search(RandomSearcher(SPACE, seed=1), hill, trials=4, book=FileBook(path))
    content = path.read_bytes()
    for cut in (1, 30, len(content.splitlines()[-1])):
        path.write_bytes(content[:-cut])
        book = FileBook(path)
        assert len(book) == 3
        assert search(RandomSearcher(SPACE, seed=1), hill, trials=4, book=book) == whole
        assert path.read_bytes() == content


def test_a_book_of_another_search_is_refused(tmp_path: Path) -> None:
    book = FileBook(tmp_path / "book")
    search(RandomSearcher(SPACE, seed=1), hill, trials=2, book=book)
    with pytest.raises(InvalidValueError, match="of another search"):
        search(RandomSearcher(SPACE, seed=2), hill, trials=2, book=book)


def test_a_file_that_is_no_book_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "book").write_text('{"number": 0, "parameters": {}, "figures": {}}\n[]\n')
    with pytest.raises(InvalidValueError, match="line 2, is no trial"):
        FileBook(tmp_path / "book")


@given(some.floats(allow_nan=False, allow_infinity=False))
def test_floats_survive_the_book_to_the_bit(value: float) -> None:
    assert json.loads(json.dumps(value, allow_nan=False)).hex() == value.hex()


def test_a_grid_has_every_set_once() -> None:
    sets = [tuple(it.values()) for it in grid(DISCRETE)]
    assert len(sets) == len(set(sets)) == size_of(DISCRETE) == 14
    assert sets[:3] == [(2, "simple"), (2, "wilder"), (5, "simple")]
    assert size_of(SPACE) is None
    with pytest.raises(InvalidValueError, match="no real numbers"):
        grid(SPACE)
    with pytest.raises(InvalidValueError, match="too many"):
        grid({"a": Whole(1, 2000), "b": Whole(1, 2000)})


@given(some.integers(0, 1000), some.integers(0, 1000))
@settings(max_examples=50)
def test_drawn_sets_lie_in_their_space(number: int, seed: int) -> None:
    found = drawn(SPACE, number, seed=seed)
    assert found["period"] in range(2, 21, 3)
    assert found["way"] in ("simple", "wilder")
    assert 0.1 <= float(found["level"]) <= 10.0 * (1 + 1e-12)
    assert 0.0 <= float(found["share"]) < 1.0
    assert found == drawn(SPACE, number, seed=seed)


@pytest.mark.parametrize(
    "make",
    [lambda: Whole(3, 2), lambda: Whole(1, 2, 0), lambda: Real(1, 1), lambda: Choice(()),
     lambda: Real(0, 1, logarithmic=True)],
)  # fmt: skip
def test_an_empty_dimension_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(InvalidValueError):
        make()


def test_a_search_that_learns_does_better_than_one_that_does_not() -> None:
    def best(searcher: Searcher) -> float:
        return best_of(search(searcher, hill, trials=60), "sharpe").figures["sharpe"] or 0.0

    learned = [best(LearningSearcher(SPACE, seed=s, figure="sharpe")) for s in range(3)]
    drawn_ = [best(RandomSearcher(SPACE, seed=s)) for s in range(3)]
    assert np.mean(learned) > np.mean(drawn_)


def test_a_figure_that_is_not_defined_is_learned_as_a_failure() -> None:
    made = search(LearningSearcher(SPACE, seed=1, figure="none"), hill, trials=3)
    assert len(made) == 3


def test_without_optuna_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"\[research\]"):
        LearningSearcher(SPACE, seed=1, figure="sharpe")


def test_the_best_is_the_first_of_equals_and_never_an_undefined_one() -> None:
    trials = tuple(
        Trial(number=n, parameters={}, figures={"x": value})
        for n, value in enumerate((None, -2.0, 3.0, 3.0))
    )
    assert best_of(trials, "x").number == 2
    with pytest.raises(InvalidValueError, match="there are: x"):
        best_of(trials, "y")
    with pytest.raises(InvalidValueError, match="1 trial or more"):
        search(GridSearcher(DISCRETE), hill, trials=0)


def test_progress_is_told_after_each_trial() -> None:
    told: list[tuple[int, int]] = []
    search(GridSearcher(DISCRETE), hill, trials=3, progress=lambda *it: told.append(it))
    assert told == [(1, 3), (2, 3), (3, 3)]


MOVES = np.random.default_rng(4).normal(0.0005, 0.01, 400)


def momentum(parameters: Parameters, span: Span) -> tuple[Figures, FloatArray]:
    """Hold if the mean of the last bars was above zero."""
    period = int(parameters["period"])
    found = np.array(
        [MOVES[bar] * (MOVES[max(bar - period, 0) : bar].sum() > 0) for bar in range(*span)]
    )
    return {"gained": float(found.sum())}, found


def test_each_window_is_judged_on_what_it_did_not_see() -> None:
    splits = walk_forward_splits(400, train=200, test=50)
    found = walk_forward(
        splits,
        momentum,
        lambda _: GridSearcher({"period": Whole(1, 10)}),
        figure="gained",
        trials=10,
    )
    assert found.returns.size == 200
    assert found.trials == 40
    for window in found.windows:
        scores = {p: momentum({"period": p}, window.train)[0]["gained"] for p in range(1, 11)}
        assert scores[int(window.chosen.parameters["period"])] == max(scores.values())  # type: ignore[type-var]
        expected = momentum(window.chosen.parameters, window.test)[0]
        assert window.judged == expected
    total = sum(window.judged["gained"] or 0 for window in found.windows)
    assert found.returns.sum() == pytest.approx(total)


def test_a_walk_forward_with_books_resumes(tmp_path: Path) -> None:
    def walk() -> object:
        return walk_forward(
            walk_forward_splits(400, train=200, test=100),
            momentum,
            lambda number: RandomSearcher({"period": Whole(1, 30)}, seed=number),
            figure="gained",
            trials=5,
            book=lambda number: FileBook(tmp_path / f"window-{number}"),
        ).windows

    first = walk()
    assert walk() == first
    assert len(FileBook(tmp_path / "window-1")) == 5


def test_windows_of_several_spans_are_refused() -> None:
    with pytest.raises(InvalidValueError, match="one span"):
        walk_forward(
            (Split(train=((0, 1), (2, 3)), test=((4, 5),)),),
            momentum,
            lambda _: GridSearcher(DISCRETE),
            figure="gained",
            trials=1,
        )
