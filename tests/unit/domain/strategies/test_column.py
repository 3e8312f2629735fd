"""A column of plain Python does what an array does, to the bit."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traderbot.domain.strategies.column import Column
from traderbot.domain.strategies.rules import crossed_above, crossed_below, decided, lagged

values = st.lists(
    st.one_of(st.sampled_from([0.0, -0.0, 1.0, 2.5]), st.floats(allow_subnormal=True)),
    min_size=1,
    max_size=6,
)
OPERATIONS: list[Callable[[Any, Any], Any]] = [
    operator.add, operator.sub, operator.mul, operator.truediv,
    operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne,
]  # fmt: skip


def bits(found: Any) -> bytes:
    array = np.array([float(each) for each in found])
    array[np.isnan(array)] = np.nan  # a NaN has no sign that means anything
    return array.tobytes()


@pytest.mark.parametrize("operation", OPERATIONS)
@given(values, values)
def test_an_operation_gives_the_bits_of_an_array(
    operation: Any, left: list[float], right: list[float]
) -> None:
    size = min(len(left), len(right))
    mine, theirs = left[:size], right[:size]
    with np.errstate(all="ignore"):
        both = operation(np.array(mine), np.array(theirs))
        with_one = operation(np.array(mine), theirs[0])
        turned = operation(theirs[0], np.array(mine))
    assert bits(operation(Column(mine), Column(theirs))) == bits(both)
    assert bits(operation(Column(mine), theirs[0])) == bits(with_one)
    assert bits(operation(theirs[0], Column(mine))) == bits(turned)


@given(values, values)
def test_a_rule_says_the_same_of_both(left: list[float], right: list[float]) -> None:
    size = min(len(left), len(right))
    mine, theirs = left[:size], right[:size]
    with np.errstate(all="ignore"):
        for level_of in (lambda make: make(theirs), lambda _: 1.0):
            on_arrays = decided(
                crossed_above(np.array(mine), level_of(np.array)),
                crossed_below(np.array(mine), level_of(np.array)),
            )
            live = decided(
                crossed_above(Column(mine), level_of(Column)),
                crossed_below(Column(mine), level_of(Column)),
            )
            assert list(live) == on_arrays.tolist()


@given(st.lists(st.booleans(), min_size=1, max_size=5))
def test_truths_are_joined_as_arrays_join_them(truths: list[bool]) -> None:
    turned = truths[::-1]
    for operation in (operator.and_, operator.or_, operator.xor):
        expected = operation(np.array(truths), np.array(turned)).tolist()
        assert list(operation(Column(truths), Column(turned))) == expected
    assert list(~Column(truths)) == (~np.array(truths)).tolist()


@given(values, st.integers(1, 8))
def test_looking_back_gives_what_was(column: list[float], bars: int) -> None:
    found = list(lagged(Column(column), bars))
    assert bits(found) == bits(lagged(np.array(column), bars))
    assert bits(found[bars:]) == bits(column[:-bars])
    assert all(np.isnan(found[:bars]))


def test_nobody_looks_forward() -> None:
    for bars in (0, -1):
        with pytest.raises(ValueError, match="looked back at by 1 bar or more"):
            lagged(Column([1.0, 2.0]), bars)


def test_numpy_takes_a_column_as_an_array() -> None:
    column = Column([1.0, 5.0])
    assert np.where(np.asarray(column) > 2, 1, 0).tolist() == [0, 1]
    assert (np.array([1.0, 2.0]) + column).tolist() == [2.0, 7.0]
    assert list(abs(-column[1:])) == [5.0]
