"""Monte-Carlo, significance, overfitting and the Sharpe ratios that know of trials."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from tests.reference import research as reference
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.compute.statistics.sharpe_evidence import (
    deflated_sharpe,
    deviation_of,
    error_of,
    expected_best_sharpe,
    probabilistic_sharpe,
)
from traderbot.infrastructure.compute.statistics.trade_table import TradeTable, trade_table
from traderbot.infrastructure.research.chance import permutation
from traderbot.infrastructure.research.monte_carlo import (
    block_bootstrap,
    resampled,
    trade_order,
)
from traderbot.infrastructure.research.overfitting import overfitting
from traderbot.infrastructure.research.significance import _placed, entry_significance


def test_the_deflated_sharpe_ratio_is_that_of_the_paper() -> None:
    # Bailey and Lopez de Prado (2014): 100 trials, variance 1/2 a year, five years of days, ratio
    # 2.5 a year, skewness -3, kurtosis 10; the paper finds 0.1132 and 0.9004.
    best = expected_best_sharpe(100, math.sqrt(0.5 / 250))
    assert best == pytest.approx(0.1132, abs=5e-5)
    sharpe = 2.5 / math.sqrt(250)
    error = error_of(sharpe, bars=1250, skew=-3.0, kurtosis=10.0)
    assert stats.norm.cdf((sharpe - best) / error) == pytest.approx(0.9004, abs=5e-5)


def test_with_one_trial_nothing_is_deflated() -> None:
    returns = np.random.default_rng(1).normal(0.001, 0.01, 500)
    assert expected_best_sharpe(1, 5.0) == 0.0
    assert deflated_sharpe(returns, trials=1, deviation_of_trials=1.0) == probabilistic_sharpe(
        returns
    )


def test_the_best_of_worthless_trials_is_about_as_good_as_expected() -> None:
    random = np.random.default_rng(2)
    best = []
    for _ in range(300):
        sharpes = random.normal(0, 0.05, 50)
        best.append(sharpes.max())
    assert np.mean(best) == pytest.approx(expected_best_sharpe(50, 0.05), rel=0.03)
    assert deviation_of([1.0, 2.0, 4.0]) == pytest.approx(np.std([1, 2, 4], ddof=1))
    assert deviation_of([3.0]) == 0.0


def test_returns_that_do_not_vary_have_no_probabilistic_sharpe_ratio() -> None:
    assert probabilistic_sharpe([0.01] * 50) is None
    with pytest.raises(InvalidValueError, match="benchmark"):
        probabilistic_sharpe([0.01, 0.02], math.inf)
    with pytest.raises(InvalidValueError, match="1 trial"):
        expected_best_sharpe(0, 1.0)


def test_trades_in_another_order_end_where_they_did_and_fall_as_counted() -> None:
    profits = np.random.default_rng(3).normal(5, 60, 40)
    found = trade_order(profits, cash=1000.0, runs=200, seed=4)
    assert found.final.lowest == pytest.approx(found.final.highest)
    falls = sorted(
        reference.deepest_fall(1000.0, profits[permutation(40, 4, run)].tolist(), by_product=False)
        for run in range(200)
    )
    assert found.drawdown.lowest == pytest.approx(falls[0])
    assert found.drawdown.highest == pytest.approx(falls[-1])
    assert found.drawdown.high == pytest.approx(falls[190])
    assert found.ruined == 0.0
    assert found == trade_order(profits, cash=1000.0, runs=200, seed=4)
    assert found != trade_order(profits, cash=1000.0, runs=200, seed=5)


def test_trades_drawn_with_replacement_end_elsewhere_and_may_be_ruined() -> None:
    profits = [300.0, -400.0, 250.0, -200.0]
    found = trade_order(profits, cash=500.0, runs=500, seed=1, replace=True)
    assert found.final.lowest < found.final.highest
    assert 0 < found.ruined < 1
    assert found.drawdown.highest == 1.0


def test_blocks_follow_each_other_and_have_the_wanted_length() -> None:
    order = resampled(10_000, 20.0, 1, 1)
    breaks = int(np.count_nonzero((order[1:] - order[:-1]) % 10_000 != 1))
    assert 10_000 / (breaks + 1) == pytest.approx(20, rel=0.15)
    assert resampled(50, 1e9, 1, 1).tolist() == [
        (resampled(50, 1e9, 1, 1)[0] + place) % 50 for place in range(50)
    ]


def test_bars_in_blocks_come_to_what_step_by_step_finds() -> None:
    returns = np.random.default_rng(5).normal(0.001, 0.02, 120)
    found = block_bootstrap(returns, cash=100.0, block=8, runs=50, seed=9)
    falls = [
        reference.deepest_fall(100.0, returns[resampled(120, 8, 9, run)].tolist(), by_product=True)
        for run in range(50)
    ]
    assert (found.drawdown.lowest, found.drawdown.highest) == pytest.approx(
        (min(falls), max(falls))
    )
    assert found.final.observed == pytest.approx(100 * np.prod(1 + returns))
    assert found.seed == 9


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: trade_order([], cash=1.0), "too few"),
        (lambda: trade_order([1.0], cash=0.0), "cash"),
        (lambda: trade_order([1.0], cash=1.0, runs=0), "runs"),
        (lambda: block_bootstrap([0.1, -1.0], block=2), "row 1 loses all"),
        (lambda: block_bootstrap([0.1], block=0.5), "a block"),
        (lambda: block_bootstrap([0.1, math.nan], block=2), "row 1 is nan"),
    ],
)
def test_what_cannot_be_drawn_is_refused(call: Any, said: str) -> None:
    with pytest.raises(InvalidValueError, match=said):
        call()


def some_entries(bars: int, held: int, count: int, seed: int) -> TradeTable:
    random = np.random.default_rng(seed)
    begins = np.sort(random.choice(bars // held - 1, count, replace=False)) * held
    return trade_table([(b, b + held, 1, 1.0, 1.0, 1.0, 0.0, 0.0) for b in begins.tolist()])


def test_random_entries_lie_anywhere_equally_often_and_never_over_each_other() -> None:
    lengths = np.array([2, 1])
    found = Counter(
        tuple(_placed(lengths, 7, 1, run, overlapping=False).tolist()) for run in range(10_000)
    )
    possible = {(a, b) for a in range(7) for b in range(7) if a + 2 <= b and b + 1 <= 6}
    assert set(found) == possible
    assert stats.chisquare(list(found.values())).pvalue > 0.001


def test_entries_that_know_the_future_are_significant() -> None:
    random = np.random.default_rng(6)
    moves = random.normal(0, 0.01, 1000)
    prices = 100 * np.cumprod(1 + moves)
    rises = [b for b in range(0, 990, 10) if prices[b + 5] / prices[b] > 1.02]
    trades = trade_table([(b, b + 5, 1, 1.0, 1.0, 1.0, 0.0, 0.0) for b in rises])
    found = entry_significance(prices, trades, runs=400, seed=1)
    assert found.p_value == 1 / 401
    assert found.mean_return.observed > found.mean_return.highest
    shorted = trades.copy()
    shorted["side"] = -1
    assert entry_significance(prices, shorted, runs=400, seed=1).p_value == 1.0


def test_entries_at_random_are_as_significant_as_chance_says() -> None:
    p_values = []
    for seed in range(120):
        prices = 100 * np.cumprod(1 + np.random.default_rng(seed).normal(0, 0.01, 400))
        trades = some_entries(400, 8, 15, seed)
        p_values.append(entry_significance(prices, trades, runs=99, seed=seed).p_value)
    assert stats.kstest(p_values, "uniform").pvalue > 0.001


def test_to_hold_long_in_a_rising_market_is_no_skill() -> None:
    prices = 100 * 1.001 ** np.arange(500)
    found = entry_significance(prices, some_entries(500, 10, 20, 1), runs=200, seed=1)
    assert found.p_value > 0.2


def test_trades_over_each_other_are_compared_with_such() -> None:
    prices = 100 * np.cumprod(1 + np.random.default_rng(1).normal(0, 0.01, 200))
    trades = trade_table(
        [(0, 50, 1, 1.0, 1.0, 1.0, 0.0, 0.0), (10, 199, 1, 1.0, 1.0, 1.0, 0.0, 0.0)]
    )
    found = entry_significance(prices, trades, runs=50, seed=1)
    assert found.overlapping
    assert 0 < found.p_value <= 1


def test_entries_without_a_price_or_a_trade_are_refused() -> None:
    with pytest.raises(InvalidValueError, match="row 1"):
        entry_significance([1.0, 0.0, 1.0], some_entries(50, 5, 2, 1))
    with pytest.raises(InvalidValueError, match="no closed trade"):
        entry_significance([1.0, 2.0], trade_table([]))


@pytest.mark.parametrize("slices", [2, 4, 6, 8])
def test_overfitting_is_what_way_by_way_finds(slices: int) -> None:
    returns = np.random.default_rng(slices).normal(0, 0.01, (203, 12))
    found = overfitting(returns, slices=slices)
    probability, loss = reference.overfitting(returns, slices)
    assert found.probability == pytest.approx(probability)
    assert found.loss == pytest.approx(loss)
    assert found.combinations == math.comb(slices, slices // 2)


def test_the_best_of_noise_is_overfitted_about_every_second_time() -> None:
    random = np.random.default_rng(8)
    found = [
        overfitting(random.normal(0, 0.01, (160, 20)), slices=8).probability for _ in range(40)
    ]
    assert np.mean(found) == pytest.approx(0.5, abs=0.1)


def test_a_trial_that_is_truly_better_is_not_overfitted() -> None:
    returns = np.random.default_rng(9).normal(0, 0.01, (800, 20))
    returns[:, 7] += 0.01
    found = overfitting(returns, slices=10)
    assert found.probability == 0.0
    assert found.middle_rank == pytest.approx(20 / 21)
    assert found.loss == 0.0


def test_trials_that_do_not_move_are_neither_good_nor_a_crash() -> None:
    returns = np.zeros((40, 3))
    returns[:, 1] = 0.001
    found = overfitting(returns, slices=4)
    assert found.slope is None
    assert 0 <= found.probability <= 1


@pytest.mark.parametrize(
    ("shape", "slices", "said"),
    [((50, 1), 4, "one trial"), ((50, 3), 5, "even"), ((5, 3), 4, "slices"), ((50, 3), 22, "even")],
)
def test_what_cannot_be_compared_is_refused(shape: tuple[int, int], slices: int, said: str) -> None:
    with pytest.raises(InvalidValueError, match=said):
        overfitting(np.zeros(shape), slices=slices)
