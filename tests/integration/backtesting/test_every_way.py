"""The document's RSI_CROSS on every shipped symbol: the same trades, whichever way it is asked."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.integration.backtesting.live import bodies, run_live
from traderbot.backtesting import (
    UNLIMITED,
    BacktestResult,
    BacktestSpec,
    FillModel,
    Sizing,
    SizingRule,
    Tape,
    Trader,
    run,
    write_log,
)
from traderbot.domain.strategies.answers import StrategyContext
from traderbot.domain.strategies.strategy import BaseStrategy
from traderbot.domain.strategies.watching import Watcher
from traderbot.infrastructure.market_data.sample_bars import sample_bars, sample_names
from traderbot.strategies import RsiCrossStrategy


class BarByBar(BaseStrategy):
    """RSI_CROSS, asked at every bar as a bot is: nothing is computed for all bars at once."""

    name = "RSI_CROSS"

    def __init__(self) -> None:
        self._asked = RsiCrossStrategy()

    def parameters(self) -> dict[str, str]:
        return dict(self._asked.parameters())

    def watch(self, symbol: str, context: StrategyContext) -> Watcher:
        return self._asked.watch(symbol, context)


def spec(name: str, strategy: BaseStrategy, **more: Any) -> BacktestSpec:
    sizing = Sizing(rule=SizingRule.FIXED, amount=Decimal(10))
    trader = Trader(strategy=strategy, tape=Tape.of_bars(sample_bars(name)), sizing=sizing)
    return BacktestSpec(traders=(trader,), limits=UNLIMITED, **more)


def money(result: BacktestResult) -> tuple[object, ...]:
    return result.traded, result.trades, list(result.equity_exact)


@pytest.mark.parametrize("name", sample_names())
def test_all_at_once_and_bar_by_bar_are_the_same(name: str) -> None:
    at_once, one_by_one = run(spec(name, RsiCrossStrategy())), run(spec(name, BarByBar()))
    assert at_once.trades
    assert money(at_once) == money(one_by_one)


@pytest.mark.parametrize("name", sample_names())
def test_the_engine_with_another_model_that_changes_nothing_is_the_same(name: str) -> None:
    # Ten shares are never more than a hundredth of a day's volume, but the short way cannot know.
    through_the_engine = spec(
        name, RsiCrossStrategy(), model=FillModel(participation=Decimal("0.01"))
    )
    plain, whole = run(spec(name, RsiCrossStrategy())), run(through_the_engine)
    assert whole.played.room.deeds
    assert money(plain) == money(whole)


def test_a_paper_bot_and_its_log_are_the_same(tmp_path: Path) -> None:
    given = spec("IBM", RsiCrossStrategy())
    (trader,) = given.traders
    given = replace(given, traders=(replace(trader, tape=Tape.of_bars(sample_bars("IBM")[:900])),))
    result = run(given)
    run_live(given, tmp_path / "live.db")
    with sqlite3.connect(tmp_path / "live.db") as connection:
        rows = connection.execute("SELECT side, quantity, price FROM trades ORDER BY at").fetchall()
    booked = [(side, Decimal(quantity), Decimal(price)) for side, quantity, price in rows]
    assert booked == [(it.side.value, it.quantity, it.price) for it in result.traded]
    write_log(result, tmp_path / "made.db")
    assert bodies(tmp_path / "made.db") == bodies(tmp_path / "live.db")
