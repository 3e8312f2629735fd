"""Every statistic against a second source, its edges, and the laws it obeys."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import empyrical  # type: ignore[import-untyped]
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from tests.reference import run_statistics as reference
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.compute.statistics.catalogue import GROUPS, STATISTICS, statistics_of
from traderbot.infrastructure.compute.statistics.sample import DAY, Sample, sample
from traderbot.infrastructure.compute.statistics.trade_table import (
    TRADE,
    no_trades,
    trade_table,
    trades_of,
)

WEEKDAYS = np.array([DAY * day for day in range(3000) if day % 7 < 5])


def a_walk(seed: int, bars: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return 10_000 * np.cumprod(1 + random.standard_t(4, bars) * 0.01)


def some_trades(seed: int, bars: int, count: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    table = np.zeros(count, dtype=TRADE)
    table["entry_bar"] = random.integers(0, bars - 20, count)
    table["exit_bar"] = table["entry_bar"] + random.integers(0, 19, count)
    table["side"] = random.choice([-1, 1], count)
    table["quantity"] = random.integers(1, 50, count)
    table["entry_price"] = random.uniform(90, 110, count)
    table["exit_price"] = random.uniform(90, 110, count)
    table["fees"] = random.uniform(0, 3, count)
    table["profit"] = random.normal(1, 80, count)
    return table


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("bars", [300, 1001])
def test_the_equity_says_what_pandas_and_scipy_say(seed: int, bars: int) -> None:
    equity, at = a_walk(seed, bars), WEEKDAYS[:bars]
    agree(
        statistics_of(sample(equity, at, risk_free=0.02)),
        reference.of_equity(equity, at, risk_free=0.02),
    )


@pytest.mark.parametrize("seed", range(8))
def test_the_trades_say_what_pandas_says(seed: int) -> None:
    equity, at = a_walk(seed, 400), WEEKDAYS[:400]
    trades = some_trades(seed, 400, 60)
    agree(statistics_of(sample(equity, at, trades)), reference.of_trades(trades, equity, at))


@pytest.mark.parametrize("seed", range(8))
def test_the_comparison_says_what_a_regression_says(seed: int) -> None:
    benchmark, at = a_walk(seed, 500), WEEKDAYS[:500]
    own = 0.5 * benchmark + 0.5 * a_walk(seed + 100, 500)
    found = statistics_of(sample(own, at, benchmark=benchmark, periods_per_year=252))
    agree(found, reference.of_benchmark(own, benchmark, 252))


def test_every_statistic_is_checked_by_a_second_source() -> None:
    equity, at = a_walk(1, 300), WEEKDAYS[:300]
    checked = {
        *reference.of_equity(equity, at),
        *reference.of_trades(some_trades(1, 300, 60), equity, at),
        *reference.of_benchmark(equity, a_walk(2, 300), 252),
    }
    by_hand = {"average_leverage", "adverse_excursion", "favourable_excursion"}
    assert checked | by_hand == set(STATISTICS)


@pytest.mark.parametrize("seed", range(4))
def test_empyrical_says_the_same_where_it_has_the_same_definition(seed: int) -> None:
    equity = a_walk(seed, 500)
    r = equity[1:] / equity[:-1] - 1
    b = (bench := a_walk(seed + 9, 500))[1:] / bench[:-1] - 1
    found = statistics_of(sample(equity, WEEKDAYS[:500], benchmark=bench, periods_per_year=252))
    # Its years are bars / 252 as ours; its first drawdown begins at the first bar, as ours.
    theirs = {
        "cagr": empyrical.annual_return(r),
        "volatility": empyrical.annual_volatility(r),
        "sharpe": empyrical.sharpe_ratio(r),
        "sortino": empyrical.sortino_ratio(r),
        "downside_deviation": empyrical.downside_risk(r),
        "max_drawdown": -empyrical.max_drawdown(r),
        "calmar": empyrical.calmar_ratio(r),
        "omega": empyrical.omega_ratio(r),
        "beta": empyrical.beta(r, b),
        "information_ratio": empyrical.excess_sharpe(r, b) * math.sqrt(252),
    }
    agree(found, {name: float(value) for name, value in theirs.items()})


def test_leverage_and_excursions_are_averages() -> None:
    trades = np.zeros(2, dtype=[*TRADE.descr, ("mae", "<f8"), ("mfe", "<f8")])
    trades["side"], trades["quantity"] = 1, 1
    trades["exit_bar"], trades["mae"], trades["mfe"] = 1, [1.0, 4.0], [2.0, 2.5]
    found = statistics_of(
        sample([100.0, 200.0], WEEKDAYS[:2], trades, position_value=[50.0, -300.0])
    )
    assert found["average_leverage"] == 1.0
    assert found["exposure"] == 1.0
    assert (found["adverse_excursion"], found["favourable_excursion"]) == (2.5, 2.25)


@pytest.mark.parametrize(
    "equity",
    [
        [100.0],
        [100.0, 100.0],
        [100.0] * 50,
        [100.0, 50.0, 0.0],
        [100.0, -5.0, 30.0],
        [0.0, 0.0],
        [1e-29, 1e29],
        list(100.0 * 1.01 ** np.arange(60)),
        list(100.0 * 0.99 ** np.arange(60)),
    ],
)
def test_what_is_not_defined_is_none_and_never_nan(equity: list[float]) -> None:
    trades = trade_table([(0, 0, 1, 1.0, 100.0, 100.0, 0.0, 0.0)])
    found = statistics_of(sample(equity, WEEKDAYS[: len(equity)], trades, benchmark=None))
    json.dumps(found, allow_nan=False)
    assert set(found) == set(STATISTICS)


def test_a_curve_that_grows_evenly_has_no_sharpe_ratio_instead_of_a_gigantic_one() -> None:
    found = statistics_of(sample(100.0 * 1.01 ** np.arange(60), WEEKDAYS[:60]))
    assert found["sharpe"] is None
    assert found["volatility"] == 0.0
    assert found["max_drawdown"] == 0.0
    assert found["average_drawdown"] is None


def test_a_run_that_lost_everything_has_profits_and_no_ratios() -> None:
    found = statistics_of(sample([100.0, 50.0, -10.0], WEEKDAYS[:3]))
    assert found["profit"] == -110.0
    assert found["total_return"] == -1.1
    none = ("cagr", "sharpe", "max_drawdown", "ulcer_index", "value_at_risk", "omega")
    assert [found[name] for name in none] == [None] * len(none)


@given(some.lists(some.floats(0.5, 2.0), min_size=2, max_size=60), some.sampled_from([2.0, 8.0]))
def test_another_unit_of_money_changes_no_ratio(factors: list[float], unit: float) -> None:
    equity = np.cumprod(np.array(factors))
    at = WEEKDAYS[: equity.size]
    one, other = statistics_of(sample(equity, at)), statistics_of(sample(equity * unit, at))
    money = {name for name, figure in STATISTICS.items() if figure.unit == "money"}
    assert {k: v for k, v in one.items() if k not in money} == {
        k: v for k, v in other.items() if k not in money
    }


@given(some.permutations(range(6)))
def test_the_order_of_the_rows_of_trades_does_not_matter(order: list[int]) -> None:
    equity, trades = a_walk(3, 100), some_trades(5, 100, 6)
    trades["entry_bar"], trades["exit_bar"] = np.arange(6), np.arange(30, 36)
    at = WEEKDAYS[:100]
    assert statistics_of(sample(equity, at, trades[order])) == statistics_of(
        sample(equity, at, trades)
    )


def test_bars_a_year_are_counted_or_given() -> None:
    at = WEEKDAYS[:1000]
    counted = sample(np.ones(1000), at).periods_per_year
    assert counted is not None
    assert round(counted) == 261
    assert sample(np.ones(1000), at, periods_per_year=252).years == 999 / 252


def test_every_statistic_explains_itself() -> None:
    for one in STATISTICS.values():
        assert one.meaning.endswith(".")
        assert all((one.title, one.formula, one.source, one.undefined)), one.name
    assert len(STATISTICS) == sum(len(group.statistics) for group in GROUPS)
    assert len(STATISTICS) >= 40
    assert len({one.title for one in STATISTICS.values()}) == len(STATISTICS)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"equity": [1.0, math.nan, 1.0]}, "equity row 1 is nan"),
        ({"equity": []}, "empty"),
        ({"equity": [[1.0]]}, "one series"),
        ({"at": [1, 3, 2]}, "at row 2 is not after"),
        ({"at": [1.0, 2.0, 3.0]}, "int64"),
        ({"at": [1, 2]}, "one instant per bar"),
        ({"periods_per_year": 0.0}, "periods_per_year"),
        ({"risk_free": math.nan}, "risk_free"),
        ({"benchmark": [1.0, 0.0, 2.0]}, "benchmark row 1"),
        ({"benchmark": [1.0, 2.0]}, "2 values for 3 bars"),
        ({"position_value": [math.inf, 0, 0]}, "position_value row 0"),
    ],
)
def test_what_is_no_run_is_refused_with_row_and_column(change: dict[str, Any], said: str) -> None:
    given_: dict[str, Any] = {"equity": [1.0, 2.0, 3.0], "at": [1, 2, 3]} | change
    with pytest.raises(InvalidValueError, match=said):
        sample(**given_)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("entry_bar", -1),
        ("entry_bar", 9),
        ("exit_bar", 10),
        ("side", 0),
        ("quantity", 0.0),
        ("quantity", math.nan),
        ("profit", math.inf),
        ("entry_price", math.nan),
    ],
)
def test_an_impossible_trade_is_refused_with_row_and_column(column: str, value: float) -> None:
    table = trade_table(
        [(0, 3, 1, 1.0, 10.0, 11.0, 1.0, 0.0), (1, 4, 1, 1.0, 10.0, 11.0, 1.0, 0.0)]
    )
    table[column][1] = value
    with pytest.raises(InvalidValueError, match=r"trades row 1, column"):
        trades_of(table, 10)


def test_a_table_with_too_few_columns_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="missing: exit_bar"):
        trades_of(np.zeros(1, dtype=[("entry_bar", "<i8")]), 10)
    with pytest.raises(InvalidValueError, match="a trade is a tuple"):
        trade_table([(1, 2, 3)])
    assert trades_of(no_trades(), 1).size == 0


def test_a_sample_is_the_same_on_equal_input_to_the_bit() -> None:
    def of() -> Sample:
        return sample(a_walk(1, 900), WEEKDAYS[:900], some_trades(1, 900, 40))

    assert json.dumps(statistics_of(of())) == json.dumps(statistics_of(of()))


def agree(found: dict[str, float | None], expected: Mapping[str, float | None]) -> None:
    for name, value in expected.items():
        if value is None:
            assert found[name] is None, name
        else:
            assert found[name] == pytest.approx(value, rel=1e-9, abs=1e-12), name
