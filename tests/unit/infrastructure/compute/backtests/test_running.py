from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.unit.infrastructure.compute.backtests.markets import HOUR, market
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.strategies.further import Wanted
from traderbot.domain.strategies.rsi_cross import RsiCrossStrategy
from traderbot.infrastructure.compute.backtests import running
from traderbot.infrastructure.compute.backtests.outcome import Outcome
from traderbot.infrastructure.compute.backtests.running import backtest, settle_signals
from traderbot.infrastructure.compute.backtests.terms import NotInKernelError, Terms
from traderbot.infrastructure.compute.columns import Columns
from traderbot.infrastructure.compute.kernels.trading import runs
from traderbot.infrastructure.compute.signals import signals_of

TERMS = Terms(cash=Decimal(100_000), quantity=Decimal(10))
COMPILED = {runs.run_signals, runs.run_rsi, runs.run_strengths}


def assert_equal(one: Outcome, other: Outcome) -> None:
    for name in ("log", "totals", "equity", "sums"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name


@pytest.mark.parametrize("bars", [1, 2, 15, 16, 17, 700, 1_025, 4_097, 4_098, 8_200, 9_000])
@pytest.mark.parametrize(
    "parameters",
    [
        {"smoothing": "simple"},
        {"smoothing": "wilder"},
        {"smoothing": "wilder", "seeding": "first"},
        {"smoothing": "wilder", "rsi_period": 2, "oversold": 45.0, "overbought": 55.0},
        {"smoothing": "simple", "rsi_period": 500, "oversold": 49.0, "overbought": 51.0},
        {"smoothing": "wilder", "rsi_period": 500, "oversold": 49.0, "overbought": 51.0},
    ],
    ids=str,
)
def test_the_fused_loop_gives_the_bits_of_the_column_of_signals(
    bars: int, parameters: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "_used", COMPILED)
    columns, strategy = market(bars, seed=bars), RsiCrossStrategy(**parameters)
    fused = backtest(strategy, columns, TERMS)
    assert_equal(fused, settle_signals(signals_of(strategy, columns), columns, TERMS))
    monkeypatch.setattr(running, "_used", set())
    assert_equal(fused, backtest(strategy, columns, TERMS))


def common_job() -> Columns:
    """The job that was run with the peers: an integer-cent walk of Python's seed 7."""
    chance = random.Random(7)  # noqa: S311 - the walk everybody was given
    rows, opened = [], 10_000
    for k in range(3_000):
        close = opened + chance.randint(-120, 120)
        high = max(opened, close) + chance.randint(0, 40)
        low = min(opened, close) - chance.randint(0, 40)
        cents = (opened, high, low, close)
        rows.append((k * HOUR, *(each / 100 for each in cents), chance.randint(5, 500)))
        opened = close
    at, *rest = (np.array(column) for column in zip(*rows, strict=True))
    return Columns(at, *rest)


@pytest.mark.parametrize(
    ("seeding", "first_trade", "marked"),
    [("mean", (95.43, 103.96), "10010.407"), ("first", (96.17, 103.96), "10002.9996")],
)
def test_the_job_of_the_peers_comes_out_to_the_last_digit(
    seeding: Any, first_trade: tuple[float, float], marked: str
) -> None:
    strategy = RsiCrossStrategy(smoothing="wilder", seeding=seeding)
    terms = Terms(cash=Decimal(10_000), quantity=Decimal(10), slippage_bps=Decimal(0))
    found = backtest(strategy, common_job(), terms, timeframe="1h")
    table = found.trade_table()
    assert (found.trades, found.fills) == (10, 21)
    assert (table["entry_price"][0], table["exit_price"][0]) == first_trade
    assert found.final_equity == Decimal(marked)


def test_the_curve_and_its_sums_are_what_they_say() -> None:
    found = backtest(RsiCrossStrategy(rsi_period=5), market(3_000, 3), TERMS)
    equity = found.equity.tolist()
    peak, deepest = equity[0], 0.0
    for value in equity:
        peak = max(peak, value)
        deepest = max(deepest, (peak - value) / peak)
    returns = [b / a - 1.0 for a, b in pairwise(equity)]
    assert found.max_drawdown == deepest > 0
    assert found.sums[1] == pytest.approx(sum(returns), rel=1e-9)
    assert found.sums[2] == pytest.approx(sum(each * each for each in returns), rel=1e-9)
    assert found.sums[3] == equity[-1] == pytest.approx(float(found.final_equity), rel=1e-15)


def test_prices_with_more_places_than_a_tick_are_exact_too() -> None:
    bars = market(500, 4)
    finer = Columns(
        bars.at, np.round(bars.open + 0.00125, 5), bars.high, bars.low, bars.close, bars.volume
    )
    found = backtest(RsiCrossStrategy(rsi_period=3), finer, TERMS)
    assert found.scaled.places == 5
    assert found.fills > 10


def test_what_is_not_exact_in_64_bits_is_refused_with_the_way_out() -> None:
    strategy, bars = RsiCrossStrategy(rsi_period=3), market(300)
    odd = Columns(bars.at, bars.open / 3.0, bars.high, bars.low, bars.close, bars.volume)
    with pytest.raises(NotInKernelError, match="more than 12 places; run it with the exact engine"):
        backtest(strategy, odd, TERMS)
    for terms, word in (
        (Terms(cash=Decimal(10) ** 19, quantity=Decimal(1)), "64 bits"),
        (Terms(quantity=Decimal(1), fee_bps=Decimal("0.001")), "fee_bps"),
        (Terms(share=Decimal("0.12345678")), "share"),
        (
            Terms(
                share=Decimal("0.5"),
                lot=Decimal("0.00000001"),
                fee_bps=Decimal("0.01"),
                tick=Decimal("0.00000001"),
            ),
            "more than 18 places",
        ),
    ):
        with pytest.raises(NotInKernelError, match=word):
            backtest(strategy, bars, terms)


def test_an_amount_that_does_not_fit_is_refused_at_its_bar_and_never_wraps() -> None:
    bars = market(300)
    signals = np.zeros(300, np.int8)
    signals[10] = 1
    bars.open[11] = 9e13
    terms = Terms(cash=Decimal(10) ** 9, quantity=Decimal(10) ** 6, cushion=Decimal(0))
    with pytest.raises(NotInKernelError, match=r"bar 11 opens at 90000000000000\.0 .* 64 bits"):
        settle_signals(signals, bars, terms)


def test_nonsense_is_refused_with_a_sentence() -> None:
    bars = market(30)
    with pytest.raises(InvalidValueError, match="no bars"):
        backtest(RsiCrossStrategy(), bars.part(0, 0), TERMS)
    with pytest.raises(InvalidValueError, match="29 signals for 30 bars"):
        settle_signals(np.zeros(29, np.int8), bars, TERMS)
    gap = market(30)
    gap.close[7] = np.nan
    with pytest.raises(InvalidValueError, match=r"closes\[7\] is nan"):
        backtest(RsiCrossStrategy(), gap, TERMS)
    for wrong in (
        {},
        {"quantity": Decimal(1), "share": Decimal("0.1")},
        {"quantity": Decimal(0)},
        {"share": Decimal("1.1")},
        {"quantity": Decimal(1), "fee_bps": Decimal(-1)},
        {"quantity": Decimal(1), "cash": Decimal(0)},
    ):
        with pytest.raises(InvalidValueError):
            Terms(**wrong)


def test_a_gap_in_a_long_series_is_refused_on_the_fast_way_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(running, "_used", COMPILED)
    gap = market(3_000)
    gap.close[2_000] = np.nan
    with pytest.raises(InvalidValueError, match=r"closes\[2000\] is nan"):
        backtest(RsiCrossStrategy(smoothing="wilder"), gap, TERMS)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_price_that_is_none_is_named(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_used", COMPILED if compiled else set())
    bars = market(300)
    signals = np.zeros(300, np.int8)
    signals[8] = 1
    for wrong in (np.nan, np.inf, 0.0, -1.0):
        bars.open[9] = wrong
        with pytest.raises(InvalidValueError, match=r"open\[9\] is .*finite number above 0"):
            settle_signals(signals, bars, TERMS)


def test_a_strategy_that_wants_further_series_is_refused() -> None:
    strategy = RsiCrossStrategy()
    strategy.also = (Wanted("daily", timeframe="1d"),)
    with pytest.raises(NotInKernelError, match="further series"):
        backtest(strategy, market(100), TERMS)


WITHOUT_NUMBA = """
import sys
if len(sys.argv) > 1:
    sys.modules["numba"] = None
import hashlib
from decimal import Decimal
from tests.unit.infrastructure.compute.backtests.markets import market
from traderbot.domain.strategies.rsi_cross import RsiCrossStrategy
from traderbot.infrastructure.compute.backtests.sweeping import sweep
from traderbot.infrastructure.compute.backtests.terms import Terms
grid = {"rsi_period": [3, 5], "oversold": [30.0, 40.0], "smoothing": ["simple", "wilder"]}
found = sweep(RsiCrossStrategy, grid, market(1_200), Terms(share=Decimal("0.5")), workers=1)
print(hashlib.sha256(found.totals.tobytes() + found.sums.tobytes()).hexdigest())
"""


def test_without_a_compiler_a_sweep_gives_the_same_bytes() -> None:
    told = {
        subprocess.run(
            [sys.executable, "-c", WITHOUT_NUMBA, *words],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for words in ([], ["without"])
    }
    assert len(told) == 1
