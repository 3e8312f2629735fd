"""What a strategy is shown: its window, further series as far as they were known, and no more."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from tests.runs import CONTEXT, HOUR, run_of, wave
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.strategies.ema_cross import EmaCrossStrategy
from traderbot.domain.strategies.errors import StrategyAnswerError
from traderbot.domain.strategies.further import Wanted
from traderbot.domain.strategies.sentiment import SentimentStrategy
from traderbot.domain.strategies.strategy import BaseStrategy, StrategyResult, TickerData

ROWS = wave(100)


class Notes(BaseStrategy):
    """Writes down what it is shown."""

    window = 3

    def __init__(self) -> None:
        self.shown: list[TickerData] = []

    def execute(self, ticker_data: TickerData, context: Any) -> StrategyResult:
        del context
        self.shown.append(ticker_data)
        for each in ("opens", "closes"):
            ticker_data[each].clear()
        return {"signal": "HOLD", "confidence": 0.5, "reason": "noted"}


def test_it_is_shown_its_window_however_it_treats_the_lists() -> None:
    strategy = Notes()
    watcher = strategy.watch("IBM", CONTEXT)
    for row in ROWS:
        watcher.look(row)
        watcher.keep(row)
    last = strategy.shown[-1]
    assert last["symbol"] == "IBM"
    assert last["highs"] == [row.high for row in ROWS[-3:]]
    assert last.get("ats") == [row.at for row in ROWS[-3:]]
    assert strategy.shown[0]["lows"] == [ROWS[0].low]
    assert "also" not in last


class Weeks(Notes):
    window = 2
    also = (Wanted("slow", timeframe="4h"), Wanted("mood", kind="sentiment"))


def test_a_further_series_is_shown_as_far_as_it_was_known() -> None:
    strategy = Weeks()
    watcher = strategy.watch("IBM", CONTEXT)
    watcher.hear("slow", 4 * HOUR, (1.0, 2.0, 0.5, 1.5, 10.0))
    watcher.hear("slow", 8 * HOUR, (3.0, 4.0, 2.5, 3.5, 20.0))
    watcher.hear("mood", 5 * HOUR + 1, (-0.5, 0.9))
    for row in ROWS[:8]:
        watcher.look(row)
        watcher.keep(row)
    closes = [each["also"]["slow"]["close"] for each in strategy.shown]
    assert closes == [[], [], [], [1.5], [1.5], [1.5], [1.5], [1.5, 3.5]]
    scores = [each["also"]["mood"]["score"] for each in strategy.shown]
    assert scores == [[], [], [], [], [], [-0.5], [-0.5], [-0.5]]


def test_without_a_timeframe_that_exists_nothing_can_be_known() -> None:
    with pytest.raises(InvalidValueError, match="no timeframe is '2h'; there are: 1m, 5m"):
        Weeks().watch("IBM", CONTEXT | {"timeframe": "2h"})


class Mute(BaseStrategy):
    def execute(self, ticker_data: TickerData, context: Any) -> StrategyResult:
        del ticker_data, context
        return {"signal": "HODL"}  # type: ignore[typeddict-item]


def test_an_answer_that_is_none_is_refused() -> None:
    watcher = Mute().watch("IBM", CONTEXT)
    with pytest.raises(StrategyAnswerError, match="the keys signal; they are to be"):
        watcher.look(ROWS[0])
    with pytest.raises(StrategyAnswerError):
        watcher.signal(ROWS[0])


@pytest.mark.parametrize(
    "make", [EmaCrossStrategy, SentimentStrategy, Weeks], ids=["columns", "mood", "lists"]
)
def test_a_long_run_takes_no_more_memory_than_a_short_one(make: Any) -> None:
    strategy = make()
    wanted = [each.name for each in strategy.also]
    watcher = strategy.watch("IBM", CONTEXT)
    rows = run_of([100.0 + k % 7 for k in range(6_000)])

    def feed(first: int, end: int) -> int:
        for row in rows[first:end]:
            for name in wanted:
                values = (0.1, 0.9) if name in {"mood", "sentiment"} else (1.0,) * 5
                watcher.hear(name, row.at, values)
            watcher.signal(row)
            watcher.keep(row)
            if isinstance(strategy, Notes):
                strategy.shown.clear()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        early = feed(0, 2_000)
        assert feed(2_000, 6_000) - early < 60_000
    finally:
        tracemalloc.stop()
