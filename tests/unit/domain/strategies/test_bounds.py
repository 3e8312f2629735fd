"""A wrong parameter is answered with its name, its bounds, and the nearest that is right."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.runs import STRATEGIES
from traderbot.domain.strategies.bounds import Bound, OneOf, Real, Whole, check_bounds
from traderbot.domain.strategies.built_in import BUILT_IN
from traderbot.domain.strategies.errors import InvalidParameterError
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.domain.strategies.strategy import BaseStrategy


@pytest.mark.parametrize(
    ("bound", "value", "said"),
    [
        (Whole(2, 500), 1, "x: from 2 to 500, not 1; the nearest is 2"),
        (Whole(2, 500), 501, "the nearest is 500"),
        (Whole(2, 500), 2.0, "x: a whole number from 2 to 500, not 2.0"),
        (Whole(2, 500), True, "a whole number"),
        (Real(0, 1), 1.5, "x: from 0 to 1, not 1.5; the nearest is 1"),
        (Real(0, 9, open_ends=True), 0, "x: between 0 and 9, not 0; the nearest is just inside 0"),
        (Real(0, 100, open_ends=True), 1e9, "just inside 100"),
        (Real(0, 1), math.nan, "x: from 0 to 1, not nan"),
        (Real(0, 1), "1", "x: a number, not '1'"),
        (OneOf(("simple", "wilder")), "wlider", "not 'wlider'; did you mean wilder?"),
        (OneOf(("simple", "wilder")), 3, "x: one of simple, wilder; not 3"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_what_is_right(bound: Bound, value: Any, said: str) -> None:
    with pytest.raises(InvalidParameterError) as refused:
        check_bounds({"x": bound}, {"x": value})
    assert said in str(refused.value)


@given(st.integers(-10, 10))
def test_what_is_named_as_nearest_is_allowed(value: int) -> None:
    bound = Whole(-2, 3)
    try:
        bound.check("x", value)
    except InvalidParameterError as refused:
        bound.check("x", int(str(refused).rpartition(" ")[2]))


def test_what_has_no_bound_is_left_alone() -> None:
    check_bounds({}, {"anything": object()})


@pytest.mark.parametrize("kind", BUILT_IN, ids=lambda kind: kind.name)
def test_every_number_and_word_of_a_built_in_strategy_is_bounded(kind: type[BaseStrategy]) -> None:
    strategy = kind()
    own = {name for name in strategy.parameters() if "." not in name} - {"of"}
    assert set(kind.bounds) == own
    for name, bound in kind.bounds.items():
        bound.check(name, getattr(strategy, name))


@pytest.mark.parametrize("make", STRATEGIES.values(), ids=STRATEGIES)
def test_the_parameters_of_a_strategy_make_it_again(make: Any) -> None:
    strategy = make()
    again = StrategyRegistry.create(strategy.name, strategy.parameters())
    assert again.parameters() == strategy.parameters()
    assert again.warm_up == strategy.warm_up


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("EMA_CROSS", {"fast": "30"}, "fast: below slow (26), not 30; the nearest is 25"),
        ("MEAN_REVERSION", {"exit_at": "-2"}, "exit_at: above -entry (-2.0), not -2.0"),
        ("VWAP", {"anchor": "sesion"}, "did you mean session?"),
        ("BREAKOUT", {"entry_period": "0"}, "entry_period: from 1 to 5000, not 0; the nearest "),
        ("SENTIMENT", {"of": "SENTIMENT"}, "of: another strategy than this one"),
        ("SENTIMENT", {"of.rsi_period": "1"}, "rsi_period: from 2 to 500"),
        ("SENTIMENT", {"inner": "x"}, "inner: write of.NAME"),
    ],
)  # fmt: skip
def test_parameters_that_contradict_each_other_are_refused(
    name: str, parameters: dict[str, str], said: str
) -> None:
    with pytest.raises(InvalidParameterError) as refused:
        StrategyRegistry.create(name, parameters)
    assert said in str(refused.value)
