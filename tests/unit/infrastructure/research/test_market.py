"""A strategy on a span: what came before warms it up, what comes after is not there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from traderbot.domain.market.bars import Bar
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.strategies.errors import UnknownStrategyError
from traderbot.domain.strategies.rsi_cross import RsiCrossStrategy
from traderbot.domain.strategies.sentiment import SentimentStrategy
from traderbot.infrastructure.compute.backtests.running import backtest
from traderbot.infrastructure.compute.backtests.terms import Terms
from traderbot.infrastructure.compute.columns import Columns
from traderbot.infrastructure.market_data.sample_bars import sample_bars
from traderbot.infrastructure.research.desk import ResearchDesk
from traderbot.infrastructure.research.market import Market

TERMS = Terms(cash=Decimal(10_000), share=Decimal("0.9"))
SHARE = {"share": "0.9", "cash": "10000"}


@pytest.fixture(scope="module")
def bars() -> Sequence[Bar]:
    return sample_bars("IBM")[:1500]


@pytest.fixture(scope="module")
def columns(bars: Sequence[Bar]) -> Columns:
    return Columns.of_bars(bars)


def nothing(done: int, of: int) -> None:
    """Nobody looks."""


def test_all_bars_are_played_as_the_kernel_plays_them(columns: Columns) -> None:
    played = Market(RsiCrossStrategy, columns, TERMS).run({"rsi_period": 7})
    plain = backtest(RsiCrossStrategy(rsi_period=7), columns, TERMS)
    assert played.sample.equity.tolist() == plain.equity.tolist()
    assert played.trades["profit"].tolist() == plain.trade_table()["profit"].tolist()
    grown = float(TERMS.cash) * np.prod(1 + played.returns)
    assert grown == pytest.approx(float(plain.final_equity))


def test_nothing_after_a_span_is_known_in_it(columns: Columns) -> None:
    other = columns.part(0, 1000)
    wild = Columns(
        columns.at,
        *(
            np.concatenate((getattr(columns, name)[:1000], getattr(columns, name)[1000:] * 3))
            for name in ("open", "high", "low", "close", "volume")
        ),
    )
    for span in ((0, 1000), (300, 1000)):
        told = [
            Market(RsiCrossStrategy, market, TERMS).play({"rsi_period": 9}, span)
            for market in (columns, other, wild)
        ]
        assert told[0][0] == told[1][0] == told[2][0]
        assert told[0][1].tolist() == told[1][1].tolist() == told[2][1].tolist()


def test_the_bars_before_a_span_warm_it_up(columns: Columns) -> None:
    market = Market(RsiCrossStrategy, columns, TERMS)
    cold = Market(RsiCrossStrategy, columns.part(700, 1200), TERMS)
    warm, fresh = market.run({"rsi_period": 30}, (700, 1200)), cold.run({"rsi_period": 30})
    assert warm.returns.size == fresh.returns.size == 500
    assert warm.returns[31:].size  # the first bars may differ: the cold one does not trade in them
    assert not fresh.returns[:31].any()


def test_a_set_is_the_same_whatever_was_asked_before(columns: Columns) -> None:
    market = Market(RsiCrossStrategy, columns, TERMS)
    first = market.play({"rsi_period": 5, "oversold": 30.0}, (100, 900))
    for period in range(3, 20):
        market.play({"rsi_period": period}, (0, 500))
    again = market.play({"oversold": 30.0, "rsi_period": 5}, (100, 900))
    assert first[0] == again[0]
    assert first[1].tolist() == again[1].tolist()


def test_buys_that_the_cash_does_not_cover_are_told(columns: Columns) -> None:
    found = Market(RsiCrossStrategy, columns, Terms(cash=Decimal(10), quantity=Decimal(5)))
    figures, returns = found.play({}, (0, len(columns)))
    assert (figures["refused"] or 0) > 0
    assert figures["trade_count"] == 0
    assert not returns.any()


def test_what_cannot_be_played_is_refused(columns: Columns) -> None:
    with pytest.raises(InvalidValueError, match="no statistic 'shape'"):
        Market(RsiCrossStrategy, columns, TERMS, figures=("shape",))
    with pytest.raises(InvalidValueError, match="no bars"):
        Market(RsiCrossStrategy, columns.part(0, 0), TERMS)


def test_a_strategy_that_wants_further_series_is_refused(columns: Columns) -> None:
    market = Market(SentimentStrategy, columns, TERMS)
    with pytest.raises(InvalidValueError, match="further series"):
        market.run({})


def ask(method: str, bars: Sequence[Bar]) -> dict[str, Any]:
    desk = ResearchDesk()
    grid = {"rsi_period": "5..14", "oversold": "25,30,35"}
    match method:
        case "walk-forward":
            found = desk.walk_forward(
                "RSI_CROSS", bars, grid=grid, terms=SHARE, train=600, test=200, gap=5,
                anchored=False, figure="sharpe", progress=nothing,
            )  # fmt: skip
        case "monte-carlo":
            found = desk.monte_carlo(
                "RSI_CROSS", bars, parameters={"rsi_period": "7"}, terms=SHARE, runs=50, seed=3,
                block=None, progress=nothing,
            )  # fmt: skip
        case "significance":
            found = desk.significance(
                "RSI_CROSS", bars, parameters={"rsi_period": "7"}, terms=SHARE, runs=50, seed=3
            )
        case _:
            found = desk.overfitting(
                "RSI_CROSS", bars, grid=grid, terms=SHARE, slices=8, progress=nothing
            )
    return dict(found)


METHODS = ("walk-forward", "monte-carlo", "significance", "overfitting")


@pytest.mark.parametrize("method", METHODS)
def test_every_answer_is_json_and_the_same_twice(method: str, bars: Sequence[Bar]) -> None:
    found = ask(method, bars)
    assert json.dumps(found, allow_nan=False) == json.dumps(ask(method, bars), allow_nan=False)
    assert found["spec"] == "traderbot.research/1"
    assert found["method"] == method
    assert "trials" in found


def test_trials_are_counted_where_the_method_makes_them(bars: Sequence[Bar]) -> None:
    walked = ask("walk-forward", bars)
    assert walked["trials"] == 30 * len(walked["windows"]) == 150
    assert ask("overfitting", bars)["trials"] == 30
    assert ask("significance", bars)["trials"] is None


def test_windows_are_judged_right_after_their_gap(bars: Sequence[Bar]) -> None:
    windows = ask("walk-forward", bars)["windows"]
    assert windows[0]["train"] == (bars[0].at.isoformat(), bars[599].at.isoformat())
    assert windows[0]["test"] == (bars[605].at.isoformat(), bars[804].at.isoformat())
    assert windows[-1]["test"][1] == bars[-1].at.isoformat()


def test_what_cannot_be_asked_is_refused(bars: Sequence[Bar]) -> None:
    desk = ResearchDesk()
    with pytest.raises(UnknownStrategyError):
        desk.significance("NOPE", bars, parameters={}, terms=SHARE, runs=5, seed=1)
    with pytest.raises(InvalidValueError, match="no trade was closed"):
        desk.monte_carlo(
            "RSI_CROSS", bars[:40], parameters={}, terms=SHARE, runs=5, seed=1, block=None,
            progress=nothing,
        )  # fmt: skip
    with pytest.raises(InvalidValueError, match="one trial"):
        desk.overfitting(
            "RSI_CROSS", bars, grid={"rsi_period": "5"}, terms=SHARE, slices=4, progress=nothing
        )
    with pytest.raises(InvalidValueError, match="sets at most"):
        desk.overfitting(
            "RSI_CROSS", bars, grid={"oversold": "1..40:0.001"}, terms=SHARE, slices=4,
            progress=nothing,
        )  # fmt: skip
