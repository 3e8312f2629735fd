from __future__ import annotations

from itertools import permutations
from math import inf, nan, sqrt
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypfopt.risk_models import CovarianceShrinkage  # type: ignore[import-untyped]
from scipy.optimize import brentq  # type: ignore[import-untyped]
from sklearn.covariance import LedoitWolf, empirical_covariance  # type: ignore[import-untyped]

from tests.reference.risk_models import (
    exact_covariance,
    exact_identity_shrinkage,
    exact_simple_returns,
    exact_single_factor_shrinkage,
    exact_variance,
)
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.compute.arrays import FloatArray
from traderbot.infrastructure.compute.risk_models import (
    correlation,
    diversification_ratio,
    effective_bets,
    effective_positions,
    herfindahl,
    risk_contributions,
    room_for,
    sample_covariance,
    shrunk_covariance,
    volatility,
)
from traderbot.infrastructure.compute.samples import simple_returns

SHAPES = [(2, 1), (2, 3), (5, 8), (30, 4), (250, 10), (60, 40), (1000, 3)]


def _returns(rows: int, columns: int, seed: int = 7) -> FloatArray:
    """Return made-up daily returns that follow one market, some more than others."""
    chance = np.random.default_rng(seed)
    market = chance.normal(0.0004, 0.01, size=(rows, 1))
    betas = np.linspace(0.2, 1.8, columns)
    own = chance.standard_t(5, size=(rows, columns)) * np.linspace(0.004, 0.02, columns)
    return np.asarray(market * betas + own, dtype=np.float64)


_cell = st.integers(-10_000, 10_000).map(lambda n: n / 100_000)


@st.composite
def _tables(draw: st.DrawFn) -> list[list[float]]:
    columns = draw(st.integers(1, 4))
    row = st.lists(_cell, min_size=columns, max_size=columns)
    return draw(st.lists(row, min_size=2, max_size=9))


def _close(found: Any, expected: Any, tolerance: float = 1e-12) -> None:
    expected = np.asarray(expected, dtype=np.float64)
    scale = float(np.abs(expected).max()) or 1.0
    assert np.abs(np.asarray(found) - expected).max() <= tolerance * scale


# --- covariance -------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "columns"), SHAPES)
def test_the_sample_covariance_is_that_of_scikit_learn(rows: int, columns: int) -> None:
    returns = _returns(rows, columns)
    _close(sample_covariance(returns), empirical_covariance(returns))


@pytest.mark.parametrize(("rows", "columns"), SHAPES)
def test_shrinking_to_the_identity_is_what_scikit_learn_does(rows: int, columns: int) -> None:
    returns = _returns(rows, columns)
    found, oracle = shrunk_covariance(returns), LedoitWolf().fit(returns)
    assert found.shrinkage == pytest.approx(oracle.shrinkage_, rel=1e-9, abs=1e-12)
    _close(found.matrix, oracle.covariance_, 1e-10)


@pytest.mark.parametrize(("rows", "columns"), [(5, 8), (30, 4), (250, 10), (60, 40), (1000, 3)])
def test_shrinking_to_one_factor_is_what_pyportfolioopt_does(rows: int, columns: int) -> None:
    returns = _returns(rows, columns)
    found = shrunk_covariance(returns, "single_factor")
    oracle = CovarianceShrinkage(pd.DataFrame(returns), returns_data=True, frequency=1)
    expected = oracle.ledoit_wolf(shrinkage_target="single_factor").to_numpy()
    assert found.shrinkage == pytest.approx(oracle.delta, rel=1e-9, abs=1e-12)
    _close(found.matrix, expected, 1e-9)


@given(_tables())
@settings(max_examples=60)
def test_the_covariances_are_those_of_the_papers_in_exact_fractions(
    returns: list[list[float]],
) -> None:
    _close(sample_covariance(returns), exact_covariance(returns), 1e-11)
    expected = exact_identity_shrinkage(returns)
    found = shrunk_covariance(returns)
    if len(returns[0]) == 1:
        assert found.shrinkage == 0
    elif float(expected.shrinkage) > 1e-6:  # otherwise sample and model are nearly one
        assert found.shrinkage == pytest.approx(float(expected.shrinkage), rel=1e-6, abs=1e-9)
        _close(found.matrix, expected.matrix, 1e-6)


def test_one_factor_is_that_of_the_paper_in_exact_fractions() -> None:
    for seed in range(5):
        returns = _returns(12, 4, seed).round(5).tolist()
        expected = exact_single_factor_shrinkage(returns)
        found = shrunk_covariance(returns, "single_factor")
        assert found.shrinkage == pytest.approx(float(expected.shrinkage), rel=1e-9)
        _close(found.matrix, expected.matrix, 1e-10)


@given(_tables())
def test_a_shrunk_covariance_is_symmetric_and_never_negative(returns: list[list[float]]) -> None:
    found = shrunk_covariance(returns)
    assert 0 <= found.shrinkage <= 1
    assert (found.matrix == found.matrix.T).all()
    least = float(np.linalg.eigvalsh(found.matrix).min())
    assert least >= -1e-14


def test_fewer_rows_than_columns_still_give_a_covariance_that_can_be_inverted() -> None:
    returns = _returns(20, 50)
    assert np.linalg.matrix_rank(sample_covariance(returns)) < 50
    assert np.linalg.matrix_rank(shrunk_covariance(returns).matrix) == 50


def test_a_constant_column_has_no_covariance_but_takes_part_in_the_shrinkage() -> None:
    returns = _returns(50, 3)
    returns[:, 1] = 0.1
    assert (sample_covariance(returns)[1] == 0).all()
    found = shrunk_covariance(returns)
    assert found.matrix[1, 1] > 0
    assert found.matrix[1, 0] == 0


def test_a_market_that_does_not_move_at_all_has_a_covariance_of_zero() -> None:
    found = shrunk_covariance(np.full((10, 3), 0.01))
    assert (found.matrix == 0).all()
    assert found.shrinkage == 0
    with pytest.raises(InvalidValueError, match="use the target identity"):
        shrunk_covariance(np.full((10, 3), 0.01), "single_factor")


@pytest.mark.parametrize(
    ("returns", "said"),
    [
        ([[0.1, 0.2], [0.1, nan]], "row 1, column 1 is nan"),
        ([[0.1, 0.2], [-inf, 0.1]], "row 1, column 0 is -inf"),
        ([[0.1, 0.2], [0.1, 1e80]], "row 1, column 1 is 1e"),
        ([[0.1, 0.2]], "1 rows of returns are too few: at least 2"),
        ([0.1, 0.2], r"shape \(2,\); for a single symbol use shape \(periods, 1\)"),
        (np.zeros((5, 0)), "no column"),
        ([[0.1, 0.2], [0.1]], "every row has the same number of columns"),
        ([["a", "b"], ["c", "d"]], "convert them to float"),
        ([[True, False], [False, True]], "not bool"),
        (0.5, "one row per period"),
    ],
)
def test_returns_that_are_none_are_refused_with_their_place(returns: Any, said: str) -> None:
    with pytest.raises(InvalidValueError, match=said):
        shrunk_covariance(returns)


def test_an_unknown_target_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="identity or single_factor"):
        shrunk_covariance(_returns(5, 2), "constant")  # type: ignore[arg-type]


# --- correlation ------------------------------------------------------------------------------


def test_correlations_are_those_of_numpy() -> None:
    returns = _returns(100, 6)
    _close(correlation(sample_covariance(returns)), np.corrcoef(returns, rowvar=False))


def test_what_does_not_move_has_no_correlation_and_is_named() -> None:
    with pytest.raises(InvalidValueError, match="column 1 does not move"):
        correlation([[1.0, 0.0], [0.0, 0.0]])


@pytest.mark.parametrize(
    ("covariance", "said"),
    [
        ([[1.0, 0.1]], "square"),
        ([1.0], "square"),
        (np.zeros((0, 0)), "square"),
        ([[1.0, 0.1], [0.2, 1.0]], "row 0, column 1 is 0.1, and row 1, column 0 is 0.2"),
        ([[1.0, nan], [nan, 1.0]], "row 0, column 1 is nan"),
        ([[1.0, 0.0], [0.0, -1.0]], "row 1, column 1 is a variance below zero"),
    ],
)
def test_what_is_no_covariance_is_refused_with_its_place(covariance: Any, said: str) -> None:
    with pytest.raises(InvalidValueError, match=said):
        correlation(covariance)


def test_a_matrix_that_makes_a_variance_negative_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="not positive semidefinite"):
        volatility([1.0, -1.0], [[1.0, 2.0], [2.0, 1.0]])


# --- contributions ----------------------------------------------------------------------------

_weights = st.lists(st.integers(-100, 100).map(lambda n: n / 100), min_size=4, max_size=4)
COVARIANCE = shrunk_covariance(_returns(250, 4)).matrix


@given(_weights)
def test_the_contributions_add_up_to_the_volatility(weights: list[float]) -> None:
    found = risk_contributions(weights, COVARIANCE)
    expected = sqrt(exact_variance(weights, COVARIANCE.tolist()))
    assert found.total == pytest.approx(expected, rel=1e-12)
    assert found.total == volatility(weights, COVARIANCE)
    assert found.component.sum() == pytest.approx(found.total, rel=1e-12)
    if found.total:
        assert found.share.sum() == pytest.approx(1.0, rel=1e-12)


def test_the_marginal_contribution_is_the_slope_of_the_volatility() -> None:
    weights = np.array([0.4, 0.3, -0.1, 0.2])
    found = risk_contributions(weights, COVARIANCE)
    step = 1e-6
    for i in range(4):
        more, less = weights.copy(), weights.copy()
        more[i] += step
        less[i] -= step
        slope = (volatility(more, COVARIANCE) - volatility(less, COVARIANCE)) / (2 * step)
        assert found.marginal[i] == pytest.approx(slope, rel=1e-6)


def test_a_portfolio_of_nothing_has_contributions_of_nothing() -> None:
    found = risk_contributions([0.0, 0.0, 0.0, 0.0], COVARIANCE)
    assert (found.total, found.component.tolist(), found.share.tolist()) == (0, [0] * 4, [0] * 4)


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ([0.5, 0.5], "2 weights do not fit 4 symbols"),
        ([0.5, 0.5, nan, 0.0], "weights row 2 is nan"),
        ([[0.25] * 4], r"shape \(1, 4\)"),
        ([], "one per symbol"),
    ],
)
def test_weights_that_do_not_fit_are_refused(weights: Any, said: str) -> None:
    with pytest.raises(InvalidValueError, match=said):
        risk_contributions(weights, COVARIANCE)


def test_the_order_of_the_symbols_changes_no_bit() -> None:
    weights = np.array([0.4, 0.3, -0.1, 0.2])
    total = volatility(weights, COVARIANCE)
    for order in permutations(range(4)):
        mixed = list(order)
        assert volatility(weights[mixed], COVARIANCE[np.ix_(mixed, mixed)]) == total


# --- concentration ----------------------------------------------------------------------------


def test_equal_weights_are_as_many_positions_as_there_are() -> None:
    assert herfindahl([0.25] * 4) == 0.25
    assert effective_positions([0.1] * 5) == pytest.approx(5)
    assert effective_positions([0.5, 0.0, 0.0]) == 1
    assert effective_positions([0.3, -0.3]) == pytest.approx(2)


def test_the_concentration_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="nothing is held"):
        herfindahl([0.0, 0.0])


@given(_weights.filter(any))
def test_effective_positions_lie_between_one_and_all(weights: list[float]) -> None:
    assert 1 - 1e-12 <= effective_positions(weights) <= 4 + 1e-12


def test_uncorrelated_symbols_of_equal_risk_are_as_many_bets() -> None:
    covariance = np.diag([0.01, 0.04, 0.09])
    weights = [0.6, 0.3, 0.2]  # weight * deviation alike
    assert effective_bets(weights, covariance) == pytest.approx(3)
    assert diversification_ratio(weights, covariance) ** 2 == pytest.approx(3)


def test_symbols_that_move_as_one_are_one_bet() -> None:
    covariance = np.outer([0.1, 0.2, 0.3], [0.1, 0.2, 0.3])
    assert effective_bets([0.2, 0.3, 0.5], covariance) == pytest.approx(1)
    assert effective_positions([0.2, 0.3, 0.5]) > 2


def test_one_symbol_is_one_bet() -> None:
    assert effective_bets([0.0, 1.0, 0.0], np.diag([0.01, 0.04, 0.09])) == pytest.approx(1)


@pytest.mark.parametrize("common", [0.0, 0.3, 0.9])
def test_bets_of_equal_risk_and_correlation_are_n_over_1_plus_the_others(common: float) -> None:
    covariance = 0.04 * (np.full((5, 5), common) + (1 - common) * np.eye(5))
    assert effective_bets([0.2] * 5, covariance) == pytest.approx(5 / (1 + 4 * common))


def test_what_hedges_counts_for_more_than_itself() -> None:
    assert effective_bets([0.5, 0.5], [[0.04, -0.02], [-0.02, 0.04]]) == pytest.approx(4)


@given(_weights.filter(any))
def test_bets_are_the_square_of_average_over_common_volatility(weights: list[float]) -> None:
    vector = np.array(weights)
    apart = np.abs(vector) @ np.sqrt(np.diag(COVARIANCE))
    expected = apart**2 / (vector @ COVARIANCE @ vector)
    assert effective_bets(weights, COVARIANCE) == pytest.approx(float(expected), rel=1e-9)


@pytest.mark.parametrize("measure", [diversification_ratio, effective_bets])
def test_a_portfolio_that_does_not_move_has_no_bets(measure: Any) -> None:
    with pytest.raises(InvalidValueError, match="does not move"):
        measure([0.0] * 4, COVARIANCE)


# --- room -------------------------------------------------------------------------------------


@given(_weights, st.integers(0, 3))
def test_the_room_is_where_the_volatility_reaches_its_limit(
    weights: list[float], symbol: int
) -> None:
    limit = 0.02
    room = room_for(symbol, weights, COVARIANCE, volatility_max=limit)

    def over(more: float) -> float:
        added = np.array(weights)
        added[symbol] += more
        return volatility(added, COVARIANCE) - limit

    if over(0.0) <= 0:
        assert room == pytest.approx(brentq(over, 0.0, 1e3), rel=1e-6, abs=1e-9)
    elif room:
        assert over(room) == pytest.approx(0, abs=1e-9)
    else:
        assert min(over(more / 10) for more in range(100)) > -1e-12


def test_what_moves_with_the_rest_has_less_room_than_what_does_not() -> None:
    together = [[0.04, 0.036], [0.036, 0.04]]
    apart = [[0.04, 0.0], [0.0, 0.04]]
    against = [[0.04, -0.036], [-0.036, 0.04]]
    rooms = [
        room_for(1, [0.5, 0.0], covariance, volatility_max=0.15)
        for covariance in (together, apart, against)
    ]
    assert rooms == sorted(rooms)
    assert rooms[1] == pytest.approx(sqrt(0.15**2 - 0.01) / 0.2)


def test_a_limit_that_is_passed_already_leaves_no_room() -> None:
    assert room_for(1, [1.0, 0.0], np.diag([0.04, 0.04]), volatility_max=0.1) == 0


@pytest.mark.parametrize(
    ("symbol", "limit", "said"),
    [(4, 0.1, "no column 4"), (-1, 0.1, "no column -1"), (0, 0.0, "above zero"), (0, nan, "above")],
)
def test_a_room_that_makes_no_sense_is_refused(symbol: int, limit: float, said: str) -> None:
    with pytest.raises(InvalidValueError, match=said):
        room_for(symbol, [0.25] * 4, COVARIANCE, volatility_max=limit)


def test_what_does_not_move_has_no_bounded_room() -> None:
    with pytest.raises(InvalidValueError, match="without bound"):
        room_for(0, [0.0], [[0.0]], volatility_max=0.1)


# --- returns ----------------------------------------------------------------------------------


def test_returns_are_made_from_prices() -> None:
    prices = [100.0, 101.5, 99.0, 99.0]
    _close(simple_returns(prices), exact_simple_returns(prices), 1e-12)
    assert simple_returns([[1.0, 4.0], [2.0, 3.0]]).tolist() == [[1.0, -0.25]]


@pytest.mark.parametrize(
    ("prices", "said"),
    [
        ([1.0], "two rows or more"),
        ([1.0, 0.0], "row 1 is 0.0: a price is above zero"),
        ([[1.0, 2.0], [1.0, -2.0]], "row 1, column 1 is -2.0"),
        ([1.0, nan], "row 1 is nan"),
    ],
)
def test_prices_that_are_none_are_refused_with_their_place(prices: Any, said: str) -> None:
    with pytest.raises(InvalidValueError, match=said):
        simple_returns(prices)
