from __future__ import annotations

from math import inf, nan
from typing import Any

import pandas as pd  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reference.risk_models import exact_max_drawdown
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.compute.drawdowns import (
    Drawdown,
    deepest_drawdown,
    drawdowns,
    max_drawdown,
)

_curves = st.lists(st.integers(1, 1000).map(float), min_size=1, max_size=40)


def test_a_fall_is_measured_from_the_peak_before_it() -> None:
    assert drawdowns([100, 120, 90, 130, 65]).tolist() == [0, 0, 0.25, 0, 0.5]
    assert max_drawdown([100, 120, 90, 130, 65]) == 0.5


def test_the_deepest_fall_has_a_beginning_a_bottom_and_an_end() -> None:
    curve = [100, 120, 120, 60, 90, 120, 110]
    assert deepest_drawdown(curve) == Drawdown(depth=0.5, peak=2, trough=3, recovered=5)
    assert deepest_drawdown(curve[:5]) == Drawdown(depth=0.5, peak=2, trough=3, recovered=None)


def test_a_curve_that_never_fell_has_none() -> None:
    assert deepest_drawdown([1, 2, 2, 3]) is None
    assert max_drawdown([5]) == 0


@given(_curves)
def test_the_deepest_fall_is_the_deepest_of_all(curve: list[float]) -> None:
    expected = float(exact_max_drawdown(curve))
    assert max_drawdown(curve) == pytest.approx(expected, rel=1e-12, abs=1e-15)
    found = deepest_drawdown(curve)
    if found is None:
        assert expected == 0
        return
    assert found.peak < found.trough
    assert found.depth == pytest.approx(1 - curve[found.trough] / curve[found.peak])
    below = curve[found.peak + 1 : found.recovered]
    assert max(below) < curve[found.peak]
    if found.recovered is not None:
        assert curve[found.recovered] >= curve[found.peak]


@given(_curves)
def test_the_series_is_that_of_pandas(curve: list[float]) -> None:
    series = pd.Series(curve)
    expected = (1 - series / series.cummax()).to_list()
    assert drawdowns(curve).tolist() == pytest.approx(expected, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize(
    ("curve", "said"),
    [
        ([], "one bar or more"),
        ([[1.0, 2.0]], r"shape \(1, 2\)"),
        ([1.0, nan], "row 1 is nan"),
        ([1.0, inf], "row 1 is inf"),
        ([1.0, 0.0], "row 1 is 0.0"),
        ([-1.0], "row 0 is -1.0"),
        (["a"], "convert it to float"),
    ],
)
def test_a_curve_that_is_none_is_refused_with_its_place(curve: Any, said: str) -> None:
    with pytest.raises(InvalidValueError, match=said):
        drawdowns(curve)
