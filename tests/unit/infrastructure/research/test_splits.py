from __future__ import annotations

from math import comb

import pytest
from hypothesis import assume, given
from hypothesis import strategies as some

from tests.reference import research as reference
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.research.splits import (
    Split,
    purged_folds,
    walk_forward_splits,
)


def test_windows_walk_forward_and_never_touch() -> None:
    assert walk_forward_splits(100, train=50, test=20, gap=5) == (
        Split(train=((0, 50),), test=((55, 75),)),
        Split(train=((20, 70),), test=((75, 95),)),
        Split(train=((40, 90),), test=((95, 100),)),
    )
    anchored = walk_forward_splits(100, train=50, test=20, gap=5, anchored=True)
    assert [it.train[0] for it in anchored] == [(0, 50), (0, 70), (0, 90)]


@given(
    some.integers(2, 300), some.integers(1, 100), some.integers(1, 50), some.integers(0, 20),
    some.booleans(),
)  # fmt: skip
def test_every_bar_after_the_first_window_is_judged_once(
    bars: int, train: int, test: int, gap: int, anchored: bool
) -> None:
    assume(train + gap < bars)
    splits = walk_forward_splits(bars, train=train, test=test, gap=gap, anchored=anchored)
    judged = [bar for it in splits for bar in range(*it.test[0])]
    assert judged == list(range(train + gap, bars))
    for it in splits:
        assert it.train[0][1] + gap == it.test[0][0]
        assert it.train[0][1] - it.train[0][0] >= train


@pytest.mark.parametrize(
    ("lengths", "said"),
    [
        ({"train": 0, "test": 5}, "train is 1 bar"),
        ({"train": 5, "test": 0}, "test is 1 bar"),
        ({"train": 95, "test": 5, "gap": 5}, "too few"),
        ({"train": 5, "test": 5, "gap": -1}, "gap"),
    ],
)
def test_impossible_windows_are_refused(lengths: dict[str, int], said: str) -> None:
    with pytest.raises(InvalidValueError, match=said):
        walk_forward_splits(100, **lengths)  # type: ignore[arg-type]


@given(some.data())
def test_what_overlaps_is_purged_as_sample_by_sample(data: some.DataObject) -> None:
    steps = data.draw(some.lists(some.integers(0, 4), min_size=6, max_size=40))
    begins = [sum(steps[: place + 1]) for place in range(len(steps))]
    ends = [begin + data.draw(some.integers(0, 6)) for begin in begins]
    folds = data.draw(some.integers(2, min(6, len(begins))))
    tested = data.draw(some.integers(1, folds - 1))
    embargo = data.draw(some.integers(0, 5))
    try:
        splits = purged_folds(begins, ends, folds=folds, embargo=embargo, tested=tested)
    except InvalidValueError as error:
        assume("nothing is left" not in str(error))
        raise
    assert len(splits) == comb(folds, tested)
    for split in splits:
        tests = [range(*span) for span in split.test]
        train = {sample for span in split.train for sample in range(*span)}
        assert train == reference.purged(begins, ends, tests, embargo)


def test_all_samples_are_judged_as_often_as_combinations_say() -> None:
    splits = purged_folds(range(60), range(60), folds=6, tested=2)
    counts = [0] * 60
    for split in splits:
        for span in split.test:
            for sample in range(*span):
                counts[sample] += 1
    assert counts == [5] * 60


@pytest.mark.parametrize(
    ("begins", "ends", "options", "said"),
    [
        ([0, 1], [0], {"folds": 2}, "one length"),
        ([0, 1], [0, 1], {"folds": 3}, "2 samples"),
        ([1, 0], [1, 1], {"folds": 2}, "row 1 falls"),
        ([0, 3], [0, 2], {"folds": 2}, "row 1 is before"),
        ([0, 1], [0, 1], {"folds": 2, "tested": 2}, "are judged"),
        ([0, 1], [0, 1], {"folds": 2, "embargo": -1}, "embargo"),
        ([0, 1], [9, 9], {"folds": 2}, "nothing is left"),
    ],
)
def test_impossible_folds_are_refused(
    begins: list[int], ends: list[int], options: dict[str, int], said: str
) -> None:
    with pytest.raises(InvalidValueError, match=said):
        purged_folds(begins, ends, **options)
