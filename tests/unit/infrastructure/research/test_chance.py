from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.research.chance import (
    _GAMMA,
    _MASK,
    _mixed,
    _mixed_all,
    below,
    bits,
    choice,
    permutation,
    uniform,
)


def test_the_mixing_is_that_of_splitmix64() -> None:
    # The first numbers of the reference implementation by S. Vigna, seeded with 1234567.
    state, found = 1234567, []
    for _ in range(3):
        state = (state + _GAMMA) & _MASK
        found.append(_mixed(state))
    assert found == [6457827717110365317, 3203168211198807973, 9817491932198370423]
    states = np.array([1234567, 2**63, 2**64 - 1], dtype=np.uint64)
    assert _mixed_all(states).tolist() == [_mixed(int(state)) for state in states.tolist()]


def test_numbers_may_be_made_in_parts_and_never_change() -> None:
    whole = bits(7, 3, 100).tolist()
    assert bits(7, 3, 40).tolist() + bits(7, 3, 60, first=40).tolist() == whole
    assert whole[:2] == [4187992723373137650, 4671999848960932901]
    assert len({tuple(bits(s, r, 2).tolist()) for s in range(30) for r in range(30)}) == 900


def test_they_are_even() -> None:
    assert stats.kstest(uniform(1, 2, 50_000), "uniform").pvalue > 0.001
    counts = np.bincount(below(7, 1, 2, 70_000), minlength=7)
    assert stats.chisquare(counts).pvalue > 0.001
    firsts = np.array([uniform(5, run, 1)[0] for run in range(5000)])
    assert stats.kstest(firsts, "uniform").pvalue > 0.001


def test_orders_and_choices_are_even() -> None:
    orders = Counter(tuple(permutation(3, 1, run).tolist()) for run in range(6000))
    assert len(orders) == 6
    assert stats.chisquare(list(orders.values())).pvalue > 0.001
    choices = Counter(tuple(choice(2, 4, 1, run).tolist()) for run in range(6000))
    assert len(choices) == 6
    assert stats.chisquare(list(choices.values())).pvalue > 0.001
    assert choice(5, 5, 1, 1).tolist() == [0, 1, 2, 3, 4]


def test_what_is_no_seed_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="seed is a whole number"):
        bits(-1, 0, 1)
    with pytest.raises(InvalidValueError, match="limit"):
        below(0, 1, 1, 1)
    with pytest.raises(InvalidValueError, match="chosen"):
        choice(3, 2, 1, 1)
