from __future__ import annotations

from math import inf, nan, sqrt
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypfopt import EfficientCVaR  # type: ignore[import-untyped]
from scipy import stats  # type: ignore[import-untyped]
from scipy.integrate import quad  # type: ignore[import-untyped]
from scipy.optimize import minimize_scalar  # type: ignore[import-untyped]

from tests.reference.risk_models import exact_historical_risk
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.compute.tail_risk import (
    fitted_normal_risk,
    historical_risk,
    normal_risk,
    portfolio_returns,
)

_returns = st.lists(st.integers(-5000, 5000).map(lambda n: n / 10_000), min_size=20, max_size=60)


# --- what happened ----------------------------------------------------------------------------


def test_the_value_at_risk_of_a_hundred_periods_is_the_95th_smallest_loss() -> None:
    returns = [-loss / 1000 for loss in range(1, 101)]
    found = historical_risk(returns, 0.95)
    assert found.value_at_risk == 0.095
    assert found.conditional_value_at_risk == pytest.approx((96 + 97 + 98 + 99 + 100) / 5000)


def test_the_observation_at_the_edge_counts_with_its_part_beyond_it() -> None:
    returns = [-loss / 1000 for loss in range(1, 31)]  # 5 % of 30 are one and a half
    found = historical_risk(returns, 0.95)
    assert found.value_at_risk == 0.029
    assert found.conditional_value_at_risk == pytest.approx((30 + 0.5 * 29) / 1.5 / 1000)


def test_a_loss_is_above_zero_and_a_gain_below() -> None:
    assert historical_risk([0.01] * 20).value_at_risk == -0.01
    assert historical_risk([-0.01] * 20).value_at_risk == 0.01


@pytest.mark.parametrize("confidence", ["0.5", "0.9", "0.93", "0.95"])
@given(returns=_returns)
def test_the_historical_risk_is_that_of_the_definitions(
    confidence: str, returns: list[float]
) -> None:
    found = historical_risk(returns, float(confidence))
    at_risk, conditional = exact_historical_risk(returns, confidence)
    assert found.value_at_risk == float(at_risk)
    assert found.conditional_value_at_risk == pytest.approx(float(conditional), rel=1e-9, abs=1e-12)
    assert found.conditional_value_at_risk >= found.value_at_risk


@given(returns=_returns)
def test_the_value_at_risk_is_numpys_quantile_without_interpolation(returns: list[float]) -> None:
    expected = np.quantile(-np.array(returns), 0.9375, method="inverted_cdf")  # an exact float
    assert historical_risk(returns, 0.9375).value_at_risk == expected


@given(returns=_returns)
def test_the_conditional_risk_is_the_minimum_of_rockafellar_and_uryasev(
    returns: list[float],
) -> None:
    losses = -np.array(returns)
    found = minimize_scalar(
        lambda c: c + np.maximum(losses - c, 0).mean() / 0.1,
        bounds=(losses.min() - 1e-3, losses.max() + 1e-3),
        method="bounded",
        options={"xatol": 1e-12},
    )
    assert historical_risk(returns, 0.9).conditional_value_at_risk == pytest.approx(
        found.fun, abs=1e-7
    )


def test_the_conditional_risk_is_what_pyportfolioopt_minimised() -> None:
    chance = np.random.default_rng(3)
    returns = pd.DataFrame(chance.standard_t(4, size=(220, 4)) * 0.01 + [0.0, 0.001, 0.0005, 0.001])
    optimiser = EfficientCVaR(returns.mean(), returns, beta=0.95)
    optimiser.min_cvar()
    _, expected = optimiser.portfolio_performance()
    together = portfolio_returns(returns.to_numpy(), optimiser.weights)
    found = historical_risk(together, 0.95).conditional_value_at_risk
    assert found == pytest.approx(expected, rel=1e-5)


@given(first=_returns, second=_returns, confidence=st.sampled_from([0.5, 0.8, 0.95]))
def test_two_portfolios_together_are_no_riskier_than_apart(
    first: list[float], second: list[float], confidence: float
) -> None:
    count = min(len(first), len(second))
    one, other = np.array(first[:count]), np.array(second[:count])
    together = historical_risk(one + other, confidence).conditional_value_at_risk
    apart = [historical_risk(it, confidence).conditional_value_at_risk for it in (one, other)]
    assert together <= sum(apart) + 1e-12


def test_too_few_periods_have_no_tail() -> None:
    with pytest.raises(InvalidValueError, match="19 returns are too few: at least 20"):
        historical_risk([0.01] * 19, 0.95)
    with pytest.raises(InvalidValueError, match="at least 100 are needed"):
        historical_risk([0.01] * 99, 0.99)
    assert historical_risk([0.01] * 20, 0.95).confidence == 0.95


# --- the normal model -------------------------------------------------------------------------


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.99, 0.999])
@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 0.02), (0.001, 0.015), (-0.01, 0.3)])
def test_the_normal_risk_is_that_of_scipy(mean: float, deviation: float, confidence: float) -> None:
    found = normal_risk(mean, deviation, confidence)
    losses = stats.norm(-mean, deviation)
    assert found.value_at_risk == pytest.approx(losses.ppf(confidence), rel=1e-9, abs=1e-15)
    tail, _ = quad(lambda x: x * losses.pdf(x), found.value_at_risk, -mean + 40 * deviation)
    assert found.conditional_value_at_risk == pytest.approx(tail / (1 - confidence), rel=1e-6)


def test_ten_periods_have_ten_times_the_mean_and_root_ten_times_the_spread() -> None:
    one, ten = normal_risk(0.0, 0.02), normal_risk(0.0, 0.02, periods=10)
    assert ten.value_at_risk == pytest.approx(sqrt(10) * one.value_at_risk)
    drift = normal_risk(0.001, 0.0, periods=10)
    assert drift.value_at_risk == drift.conditional_value_at_risk == pytest.approx(-0.01)


@given(returns=_returns)
def test_the_fitted_normal_has_the_mean_and_deviation_of_the_sample(returns: list[float]) -> None:
    found = fitted_normal_risk(returns, 0.95)
    expected = normal_risk(float(np.mean(returns)), float(np.std(returns, ddof=1)), 0.95)
    assert found.value_at_risk == pytest.approx(expected.value_at_risk, rel=1e-9, abs=1e-12)


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize("confidence", [0.0, 1.0, -0.5, 95, nan, "0.95"])
def test_a_confidence_out_of_bounds_is_refused(confidence: Any) -> None:
    with pytest.raises(InvalidValueError, match="between 0 and 1"):
        historical_risk([0.01] * 20, confidence)
    with pytest.raises(InvalidValueError, match="between 0 and 1"):
        normal_risk(0.0, 0.1, confidence)


@pytest.mark.parametrize(
    ("mean", "deviation", "periods"),
    [(nan, 0.1, 1), (0.0, -0.1, 1), (0.0, inf, 1), (0.0, 0.1, 0), (0.0, 0.1, inf)],
)
def test_a_normal_that_is_none_is_refused(mean: float, deviation: float, periods: float) -> None:
    with pytest.raises(InvalidValueError):
        normal_risk(mean, deviation, periods=periods)


@pytest.mark.parametrize(
    ("returns", "said"),
    [
        ([0.01] * 19 + [nan], "row 19 is nan"),
        ([[0.01] * 20], "one series"),
        (["x"] * 20, "convert them to float"),
        ([], "too few"),
    ],
)
def test_returns_that_are_none_are_refused(returns: Any, said: str) -> None:
    with pytest.raises(InvalidValueError, match=said):
        historical_risk(returns)
    with pytest.raises(InvalidValueError, match=said):
        fitted_normal_risk(returns)


def test_a_portfolios_returns_are_the_weighted_ones() -> None:
    found = portfolio_returns([[0.1, 0.2], [-0.1, 0.0]], [0.5, 0.25])
    assert found.tolist() == pytest.approx([0.1, -0.05])
    with pytest.raises(InvalidValueError, match="3 weights do not fit 2 symbols"):
        portfolio_returns([[0.1, 0.2]], [0.5, 0.25, 0.25])
