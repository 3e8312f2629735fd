"""Other histories: real bars in another order, as exact as the real ones."""

from __future__ import annotations

import json
from dataclasses import asdict
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.strategies.rsi_cross import RsiCrossStrategy
from traderbot.infrastructure.compute.backtests.terms import Terms
from traderbot.infrastructure.compute.columns import Columns
from traderbot.infrastructure.market_data.sample_bars import sample_bars
from traderbot.infrastructure.research.market import Market
from traderbot.infrastructure.research.monte_carlo import resampled
from traderbot.infrastructure.research.paths import other_histories, resampled_bars

BARS = Columns.of_bars(sample_bars("IBM")[:400])
MARKET = Market(RsiCrossStrategy, BARS, Terms(cash=Decimal(10_000), share=Decimal("0.9")))


@given(some.integers(0, 10_000), some.integers(0, 100), some.floats(1, 100))
@settings(max_examples=60)
def test_every_history_has_possible_bars(seed: int, run: int, block: float) -> None:
    made = resampled_bars(BARS, block=block, seed=seed, run=run)
    assert len(made) == len(BARS)
    assert (made.low <= np.minimum(made.open, made.close)).all()
    assert (made.high >= np.maximum(made.open, made.close)).all()
    assert (made.low > 0).all()
    assert (np.round(made.close, 2) == made.close).all()  # in cents, as the real ones
    assert made.at.tolist() == BARS.at.tolist()


def test_each_bar_moves_as_a_real_one_did() -> None:
    made = resampled_bars(BARS, block=10, seed=3, run=1)
    order = resampled(len(BARS) - 1, 10, 3, 1) + 1
    moved = BARS.close[order] / BARS.close[order - 1]
    assert made.close[1:] / made.close[:-1] == pytest.approx(moved, rel=5e-4)
    assert made.volume[1:].tolist() == BARS.volume[order].tolist()


def test_in_one_block_from_the_first_bar_the_history_is_the_real_one() -> None:
    run = next(run for run in range(5000) if resampled(len(BARS) - 1, 1e12, 1, run)[0] == 0)
    made = resampled_bars(BARS, block=1e12, seed=1, run=run)
    for name in ("open", "high", "low", "close", "volume"):
        assert getattr(made, name).tolist() == getattr(BARS, name).tolist()


def test_the_strategy_decides_anew_and_the_seed_makes_it_again() -> None:
    found = other_histories(MARKET, {"rsi_period": 5}, block=30, runs=25, seed=4)
    again = other_histories(MARKET, {"rsi_period": 5}, block=30, runs=25, seed=4)
    assert json.dumps(asdict(found)) == json.dumps(asdict(again))
    assert found.final.observed == MARKET.run({"rsi_period": 5}).sample.equity[-1]
    assert found.final.lowest < found.final.highest
    by_hand = [
        MARKET.on(resampled_bars(BARS, block=30, seed=4, run=run))
        .run({"rsi_period": 5})
        .sample.equity[-1]
        for run in range(25)
    ]
    assert (found.final.lowest, found.final.highest) == (min(by_hand), max(by_hand))


def test_what_makes_no_history_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="3 or more"):
        resampled_bars(BARS.part(0, 2), block=5, seed=1, run=1)
    with pytest.raises(InvalidValueError, match="a block"):
        resampled_bars(BARS, block=0.5, seed=1, run=1)
    with pytest.raises(InvalidValueError, match="runs"):
        other_histories(MARKET, {}, block=5, runs=0)
