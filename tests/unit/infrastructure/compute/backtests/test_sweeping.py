from __future__ import annotations

import pickle
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.infrastructure.compute.backtests.markets import market
from tests.unit.infrastructure.compute.backtests.sweeping_strategies import EmaPair, EveryNth
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.strategies.errors import InvalidParameterError
from traderbot.domain.strategies.rsi_cross import RsiCrossStrategy
from traderbot.domain.strategies.strategy import BaseStrategy
from traderbot.infrastructure.compute.backtests import planning
from traderbot.infrastructure.compute.backtests.chunks import Work, compute
from traderbot.infrastructure.compute.backtests.grid import Grid, grid_of_texts
from traderbot.infrastructure.compute.backtests.job import job_of
from traderbot.infrastructure.compute.backtests.running import backtest
from traderbot.infrastructure.compute.backtests.sweeping import sweep
from traderbot.infrastructure.compute.backtests.terms import Terms
from traderbot.infrastructure.compute.backtests.trial import ORDERS, Sweep
from traderbot.infrastructure.compute.backtests.trials import TrialStore

TERMS = Terms(cash=Decimal(20_000), share=Decimal("0.9"))
BARS = market(1_500, 11)
RSI_GRID: Grid = {
    "rsi_period": [3, 5, 9],
    "oversold": [25.0, 30.0, 35.0],
    "overbought": [60.0, 70.0],
    "smoothing": ["simple", "wilder"],
    "seeding": ["mean", "first"],
}
EMA_GRID: Grid = {"fast": [3, 5, 8], "slow": [20, 30]}
CASES = [(RsiCrossStrategy, RSI_GRID), (EmaPair, EMA_GRID), (EveryNth, {"every": [2, 3, 5]})]


def assert_equal(one: Sweep, other: Sweep) -> None:
    assert one.digest == other.digest
    for name in ("done", "totals", "sums"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name


@pytest.mark.parametrize(("kind", "grid"), CASES)
def test_a_row_is_what_the_set_gives_on_its_own(kind: type[BaseStrategy], grid: Grid) -> None:
    found = sweep(kind, grid, BARS, TERMS)
    assert found.is_complete
    for trial in found:
        alone = backtest(kind(**trial.parameters), BARS, TERMS)
        assert (trial.final_equity, trial.fills, trial.trades, trial.wins, trial.refused) == (
            *(alone.final_equity, alone.fills, alone.trades, alone.wins, alone.refused),
        )
        assert trial.fees == alone.fees
        assert trial.max_drawdown == alone.max_drawdown
        assert found.sums[trial.number].tobytes() == alone.sums.tobytes()
        profits = alone.trade_table()["profit"]
        assert float(trial.profit) == pytest.approx(profits[profits > 0].sum(), abs=1e-6)
        assert float(trial.loss) == pytest.approx(-profits[profits < 0].sum(), abs=1e-6)
    assert {trial.trades > 0 for trial in found} == {True}


@pytest.mark.parametrize(("kind", "grid"), CASES)
def test_threads_processes_and_small_chunks_give_the_same_bits(
    kind: type[BaseStrategy], grid: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = sweep(kind, grid, BARS, TERMS, workers=1)
    assert_equal(alone, sweep(kind, grid, BARS, TERMS, workers=2, processes=True))
    monkeypatch.setattr(planning, "_MOST_SETS", 3)
    monkeypatch.setattr(planning, "_FEW_SETS", 1)
    monkeypatch.setattr(planning, "_SLOW_SETS", 2)
    assert_equal(alone, sweep(kind, grid, BARS, TERMS, workers=2))
    monkeypatch.setattr(planning, "_LIST_BYTES", 1)
    assert_equal(alone, sweep(kind, grid, BARS, TERMS, workers=2))


class _StoppedError(Exception):
    pass


def test_a_sweep_that_was_stopped_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "_MOST_SETS", 4)
    store = TrialStore(tmp_path / "trials.db")
    whole = sweep(RsiCrossStrategy, RSI_GRID, BARS, TERMS)

    def stop(done: int, sets: int) -> None:
        assert sets == 72
        if done >= 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(RsiCrossStrategy, RSI_GRID, BARS, TERMS, store=store, workers=2, progress=stop)
    (stored,) = store.sweeps()
    assert (stored.digest, stored.sets) == (whole.digest, 72)
    assert 20 <= stored.done < 72

    told: list[int] = []
    resumed = sweep(
        *(RsiCrossStrategy, RSI_GRID, BARS, TERMS),
        store=TrialStore(tmp_path / "trials.db"),
        progress=lambda done, _: told.append(done),
    )
    assert_equal(whole, resumed)
    assert told[0] > stored.done
    assert store.sweeps()[0].done == 72
    again = sweep(RsiCrossStrategy, RSI_GRID, BARS, TERMS, store=store, progress=stop)
    assert_equal(whole, again)  # nothing was left to do


def test_other_data_terms_or_sets_are_another_sweep() -> None:
    grid: Grid = {"rsi_period": [3, 4]}
    one = sweep(RsiCrossStrategy, grid, BARS, TERMS).digest
    others = {
        sweep(RsiCrossStrategy, {"rsi_period": [4, 3]}, BARS, TERMS).digest,
        sweep(RsiCrossStrategy, grid, market(1_500, 12), TERMS).digest,
        sweep(RsiCrossStrategy, grid, BARS, Terms(quantity=Decimal(1))).digest,
        sweep(RsiCrossStrategy, grid, BARS, TERMS, curve=False).digest,
    }
    assert len(others | {one}) == 5
    assert (
        sweep(RsiCrossStrategy, [{"rsi_period": 3}, {"rsi_period": 4}], BARS, TERMS).digest == one
    )


def test_the_best_sets_are_found_by_every_order() -> None:
    found = sweep(RsiCrossStrategy, RSI_GRID, BARS, TERMS)
    trials = list(found)
    assert found.best(1)[0].final_equity == max(each.final_equity for each in trials)
    assert found.best(1, "trades")[0].trades == max(each.trades for each in trials)
    assert found.best(1, "max_drawdown")[0].max_drawdown == min(
        each.max_drawdown or 0.0 for each in trials
    )
    assert found.best(1, "sharpe")[0].sharpe == max(each.sharpe or -1.0 for each in trials)
    for by in ORDERS:
        assert len(found.best(5, by)) == 5
    with pytest.raises(InvalidValueError, match="ordered by final_equity"):
        found.best(1, "luck")


def test_without_the_curve_everything_else_is_the_same() -> None:
    whole = sweep(RsiCrossStrategy, RSI_GRID, BARS, TERMS)
    lean = sweep(RsiCrossStrategy, RSI_GRID, BARS, TERMS, curve=False)
    assert np.array_equal(whole.totals, lean.totals)
    assert np.array_equal(whole.sums[:, 3], lean.sums[:, 3])
    assert lean.trial(0).max_drawdown is None
    with pytest.raises(InvalidValueError, match="curve=True"):
        lean.best(1, "sharpe")


def test_an_overdrawn_set_ends_and_the_others_go_on() -> None:
    grid: Grid = {"rsi_period": [3, 5], "smoothing": ["wilder"]}
    terms = Terms(
        cash=Decimal(10_000), share=Decimal(1), cushion=Decimal(0), reserved_fee_bps=Decimal(0)
    )
    found = sweep(RsiCrossStrategy, grid, BARS, terms)
    for trial in found:
        alone = backtest(RsiCrossStrategy(**trial.parameters), BARS, terms)
        assert trial.overdrawn is (alone.last_bar < len(BARS) - 1)
        assert trial.final_equity == alone.final_equity
    assert any(trial.overdrawn for trial in found)


@pytest.mark.parametrize(
    ("grid", "error", "words"),
    [
        ({}, InvalidValueError, "from 1 to 1,000,000 sets, not 0"),
        ([], InvalidValueError, "not 0"),
        ({"rsi_period": []}, InvalidValueError, "rsi_period takes a list"),
        ({"rsi_period": 5}, InvalidValueError, r'write|written as {"rsi_period": \[value\]}'),
        ({"rsi_period": [5, 1]}, InvalidParameterError, "rsi_period"),
        ({"oversold": [80.0], "overbought": [70.0]}, InvalidParameterError, "oversold"),
        (
            {"rsi_period": list(range(2, 400)), "oversold": [1.0] * 3_000},
            InvalidValueError,
            "1,194",
        ),
    ],
)
def test_a_grid_that_cannot_be_tried_is_refused(
    grid: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        sweep(RsiCrossStrategy, grid, BARS, TERMS)


def test_a_file_of_something_else_is_not_believed(tmp_path: Path) -> None:
    store = TrialStore(tmp_path / "trials.db")
    found = sweep(RsiCrossStrategy, {"rsi_period": [3]}, BARS, TERMS, store=store)
    with store._connected() as connection:
        connection.execute("UPDATE trials SET sums = x'00'")
    with pytest.raises(InvalidValueError, match="delete the file"):
        store.fill(found)


def test_bars_out_of_order_are_refused() -> None:
    bars = market(50)
    bars.at[20] = bars.at[19]
    with pytest.raises(InvalidValueError, match=r"at\[20\] is not after"):
        sweep(RsiCrossStrategy, {"rsi_period": [3]}, bars, TERMS)


def test_a_command_lines_words_are_a_grid() -> None:
    texts = {"rsi_period": "3..5,9", "oversold": "20..25:2.5, 30", "smoothing": "simple,wilder"}
    assert grid_of_texts(RsiCrossStrategy, texts) == {
        "rsi_period": [3, 4, 5, 9],
        "oversold": [20.0, 22.5, 25.0, 30.0],
        "smoothing": ["simple", "wilder"],
    }
    for wrong in ("5..3", "1..9:0", "1..9:-1", "0..999999999:0.001"):
        with pytest.raises(InvalidValueError, match="rsi_period"):
            grid_of_texts(RsiCrossStrategy, {"rsi_period": wrong})
    with pytest.raises(InvalidParameterError, match="rsi_period"):
        grid_of_texts(RsiCrossStrategy, {"rsi_period": "five"})


def test_machines_may_share_the_chunks_and_bring_them_in_any_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "_MOST_SETS", 4)
    store = TrialStore(tmp_path / "trials.db")
    for machine in (1, 0):
        job = job_of(RsiCrossStrategy, RSI_GRID, BARS, TERMS)
        sent: Work = pickle.loads(pickle.dumps(job.work))  # noqa: S301 - our own
        store.begin(job.digest, job.about, len(job.sets))
        for chunk in reversed(job.chunks[machine::2]):
            store.add(job.digest, compute(sent, pickle.loads(pickle.dumps(chunk))))  # noqa: S301

    def never(done: int, sets: int) -> None:
        pytest.fail(f"{done} of {sets} were run again")

    gathered = sweep(RsiCrossStrategy, RSI_GRID, BARS, TERMS, store=store, progress=never)
    assert_equal(sweep(RsiCrossStrategy, RSI_GRID, BARS, TERMS), gathered)
