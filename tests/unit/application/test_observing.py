"""What is recorded of a bar is what the strategy said of it, before and after a restart."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.builders import BOT_RUN_ID, NOON, USER_ID
from tests.runs import CONTEXT, wave
from traderbot.application.observing import Observer
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.values import Price, Quantity, symbol
from traderbot.domain.strategies.errors import StrategyAnswerError
from traderbot.domain.strategies.rsi_cross import RsiCrossStrategy
from traderbot.domain.strategies.sentiment import SentimentStrategy
from traderbot.domain.strategies.strategy import BaseStrategy
from traderbot.domain.strategies.watching import row_of


def bars() -> list[Bar]:
    made = []
    for place, row in enumerate(wave(60)):
        open_, high, low, close = (Price(f"{value:.2f}") for value in row[1:5])
        made.append(
            Bar(
                symbol=symbol("IBM"),
                timeframe=Timeframe.H1,
                at=NOON + timedelta(hours=place),
                open=open_,
                high=max(high, open_, close),
                low=min(low, open_, close),
                close=close,
                volume=Quantity("10"),
            )
        )
    return made


def observer(strategy: BaseStrategy) -> Observer:
    return Observer(BOT_RUN_ID, USER_ID, "1h", strategy)


def test_an_observation_is_what_the_strategy_said() -> None:
    strategy = RsiCrossStrategy(3, 45, 55, "wilder")
    seen, watcher = observer(strategy), strategy.watch("IBM", CONTEXT)
    for bar in bars():
        found = seen.look(bar)
        result, explanation = watcher.look(row_of(bar))
        assert (found.signal, found.reason) == (result["signal"], result["reason"])
        assert float(found.confidence) == result["confidence"]
        assert {name: float(text) for name, text in found.indicators.items()} == (
            explanation.indicators
        )
        assert found.rules == explanation.rules
        seen.keep(bar)
        watcher.keep(row_of(bar))


@pytest.mark.parametrize("restart", [1, 17, 59])
def test_one_that_is_fed_its_bars_again_goes_on_as_if_nothing_had_happened(restart: int) -> None:
    whole = observer(RsiCrossStrategy(3, 45, 55, "wilder"))
    again = observer(RsiCrossStrategy(3, 45, 55, "wilder"))
    for place, bar in enumerate(bars()):
        if place >= restart:
            assert again.look(bar) == whole.look(bar)
        whole.keep(bar)
        again.keep(bar)


def test_a_mood_may_be_heard_before_the_first_bar_and_after() -> None:
    seen = observer(SentimentStrategy())
    seen.hear("sentiment", 0, (-0.5, 0.9))
    first, second = bars()[:2]
    assert seen.look(first).indicators["sentiment"] == "-0.5"
    seen.keep(first)
    seen.hear("sentiment", 1, (0.25, 0.9))
    assert seen.look(second).indicators["sentiment"] == "0.25"


class Babbles(BaseStrategy):
    def execute(self, ticker_data: Any, context: Any) -> Any:
        del ticker_data, context
        return {"signal": "BUY", "confidence": float("nan"), "reason": "why not"}


def test_nonsense_is_recorded_by_nobody() -> None:
    with pytest.raises(StrategyAnswerError, match="the confidence is nan"):
        observer(Babbles()).look(bars()[0])
