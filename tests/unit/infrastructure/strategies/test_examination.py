"""Strategies that cheat are caught, each by its name; honest ones are left in peace."""
# ruff: noqa: ARG002 - a strategy is given more than each one of these looks at

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest

from tests.runs import HOUR, STRATEGIES, wave
from traderbot.domain.strategies.strategy import (
    BaseStrategy,
    Explanation,
    StrategyContext,
    StrategyResult,
    TickerData,
)
from traderbot.infrastructure.compute.columns import Columns
from traderbot.infrastructure.strategies.checking.also import further_of
from traderbot.infrastructure.strategies.checking.examination import Examination, Report
from traderbot.strategies import Feature, SignalStrategy, Wanted, decided, lagged

BARS = Columns.of_rows(wave(160))


def examined(make: Callable[[], BaseStrategy], bars: Columns = BARS) -> Report:
    return Examination(
        make=make,
        bars=bars,
        symbol="X",
        timeframe="1h",
        also=further_of(make().also, bars, "X", "1h"),
        files=(__file__,),
        on_progress=lambda _done, _total: None,
        on_call=lambda: None,
    ).whole()


def kinds(make: Callable[[], BaseStrategy]) -> set[str]:
    return {each.kind for each in examined(make).findings}


class Columnwise(SignalStrategy):
    """Buys and sells by the sign of something."""

    def signals(self, features: Any) -> Any:
        score = self.score(np.asarray(features["close"]), features)
        return (score > 0).astype(int) - (score < 0).astype(int)

    def score(self, close: Any, features: Any) -> Any:
        raise NotImplementedError


class NegativeShift(Columnwise):
    def score(self, close: Any, features: Any) -> Any:
        return np.append(close[1:], close[-1]) - close


class CenteredWindow(Columnwise):
    warm_up = 5

    def score(self, close: Any, features: Any) -> Any:
        return close - np.convolve(close, np.ones(5) / 5, mode="same")


class WholeSeriesNormalised(Columnwise):
    def score(self, close: Any, features: Any) -> Any:
        return (close - close.mean()) / (close.std() + 1e-9)


class UnfinishedBarResampled(Columnwise):
    """Each hour knows the close of its whole four hours."""

    def score(self, close: Any, features: Any) -> Any:
        group = np.asarray(features["at"]) // (4 * HOUR)
        last = np.append(group[1:] != group[:-1], True)
        ends = close[last][np.searchsorted(group[last], group)]
        return ends - close


class LooksBehindTheSlice(Columnwise):
    """A slice of an array still knows the whole."""

    def score(self, close: Any, features: Any) -> Any:
        whole = close
        while whole.base is not None:
            whole = whole.base
        later = np.append(whole[1 : len(close) + 1], np.zeros(len(close)))[: len(close)]
        return later - close


class BackFilled(Columnwise):
    """Fills what is not known yet with what is known later."""

    def score(self, close: Any, features: Any) -> Any:
        gaps = np.where(np.arange(len(close)) % 3 == 2, close, np.nan)
        known = np.flatnonzero(~np.isnan(gaps))
        if not len(known):
            return close * 0.0
        places = np.searchsorted(known, np.arange(len(close))).clip(max=len(known) - 1)
        return gaps[known[places]] - close


class GlobalState(Columnwise):
    """Remembers every bar it ever saw, in the class."""

    seen: ClassVar[dict[int, float]] = {}

    def score(self, close: Any, features: Any) -> Any:
        at = [int(each) for each in features["at"]]
        self.seen.update(zip(at, close.tolist(), strict=True))
        return np.array([self.seen.get(each + HOUR, 0.0) for each in at]) - close


class LongMemory(Columnwise):
    """Needs more bars than it says: live it is shown two."""

    def score(self, close: Any, features: Any) -> Any:
        return close - np.append(np.full(10, np.nan), close)[: len(close)]


@pytest.mark.parametrize(
    ("cheat", "kind"),
    [
        (NegativeShift, "look-ahead"),
        (CenteredWindow, "look-ahead"),
        (WholeSeriesNormalised, "look-ahead"),
        (UnfinishedBarResampled, "look-ahead"),
        (LooksBehindTheSlice, "look-ahead"),
        (BackFilled, "look-ahead"),
        (GlobalState, "look-ahead"),
        (LongMemory, "lookback"),
    ],
)
def test_a_cheat_over_columns_is_caught(cheat: Callable[[], BaseStrategy], kind: str) -> None:
    assert kind in kinds(cheat)


def test_it_is_told_which_bar_and_how_far_ahead() -> None:
    (found,) = (each for each in examined(NegativeShift).findings if each.kind == "look-ahead")
    assert found.bar == 1
    assert found.bars > 100
    assert "1 further bar change its mind" in found.message


class Barwise(BaseStrategy):
    """Buys and sells by the sign of something, bar by bar."""

    window = 5

    def execute(self, ticker_data: TickerData, context: StrategyContext) -> StrategyResult:
        score = self.score(ticker_data, context)
        return {
            "signal": "BUY" if score > 0 else "SELL" if score < 0 else "HOLD",
            "confidence": 0.5,
            "reason": "so it is",
        }

    def score(self, data: TickerData, context: StrategyContext) -> float:
        raise NotImplementedError


class PeeksByContext(Barwise):
    """Finds the future under the id of the run that was shown it before."""

    runs: ClassVar[dict[str, dict[int, float]]] = {}

    def score(self, data: TickerData, context: StrategyContext) -> float:
        known = self.runs.setdefault(context["bot_run_id"], {})
        at, close = data["ats"][-1], data["closes"][-1]
        known[at] = close
        return known.get(at + HOUR, close) - close


class AsksWho(Barwise):
    def score(self, data: TickerData, context: StrategyContext) -> float:
        return data["closes"][-1] - 100.0 if context["user_id"].endswith("0") else 0.0


class Counts(Barwise):
    """Answers by how often it was asked."""

    def __init__(self) -> None:
        self._asked = 0

    def score(self, data: TickerData, context: StrategyContext) -> float:
        self._asked += 1
        return self._asked % 3 - 1.0


class Hoards(Barwise):
    """Keeps bars that it is not shown any more."""

    def __init__(self) -> None:
        self._kept: list[float] = []

    def score(self, data: TickerData, context: StrategyContext) -> float:
        self._kept.append(data["closes"][-1])
        return self._kept[-1] - sum(self._kept) / len(self._kept)


@pytest.mark.parametrize(
    ("cheat", "kind"),
    [
        (PeeksByContext, "state"),
        (AsksWho, "context"),
        (Counts, "state"),
        (Hoards, "state"),
    ],
)
def test_a_cheat_bar_by_bar_is_caught(cheat: Callable[[], BaseStrategy], kind: str) -> None:
    assert kind in kinds(cheat)


@pytest.mark.parametrize("make", STRATEGIES.values(), ids=STRATEGIES)
def test_the_strategies_that_ship_are_honest(make: Callable[[], BaseStrategy]) -> None:
    report = examined(make)
    assert report.findings == []
    assert report.buys > 0
    assert report.sells > 0
    assert report.cut == len(BARS)


class Honest(Columnwise):
    """Reads a longer timeframe, a lagged column and an indicator: all of it known in time."""

    also = (Wanted("slow", timeframe="4h"),)

    def __init__(self) -> None:
        self.features = {"fast": Feature("sma", {"period": 3})}

    def signals(self, features: Any) -> Any:
        return decided(
            features["fast"] > features["slow.close"], lagged(features["close"]) < features["open"]
        )


def test_an_honest_one_with_further_series_is_left_in_peace() -> None:
    assert examined(Honest).findings == []


class Refuses(Columnwise):
    def score(self, close: Any, features: Any) -> Any:
        if len(close) == 40:
            raise RuntimeError("no more")
        return close - 100.0


def test_one_that_raises_is_named_with_its_line() -> None:
    (found,) = examined(Refuses).findings
    assert (found.kind, found.bar) == ("raises", 39)
    assert found.message == "RuntimeError: no more"
    assert found.line is not None
    assert found.line.startswith(f"{__file__}:")


class Answers(BaseStrategy):
    def __init__(self, answer: Any, indicators: Any = None) -> None:
        self.answer = answer
        self.indicators = indicators or {}

    def execute(self, ticker_data: TickerData, context: StrategyContext) -> StrategyResult:
        return self.answer  # type: ignore[no-any-return]

    def explain(self, ticker_data: TickerData) -> Explanation:
        return Explanation(indicators=self.indicators)


_WELL = {"signal": "BUY", "confidence": 0.5, "reason": "why not"}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "returned None"),
        ("BUY", "returned 'BUY'"),
        ({}, "the keys of nothing"),
        ({"signal": "BUY"}, "the keys signal"),
        (_WELL | {"size": 3}, "the keys signal, confidence, reason, size"),
        (_WELL | {"signal": "buy"}, "the signal is 'buy'"),
        (_WELL | {"signal": ["BUY"]}, "the signal is"),
        (_WELL | {"confidence": float("nan")}, "the confidence is nan"),
        (_WELL | {"confidence": 1.5}, "the confidence is 1.5"),
        (_WELL | {"confidence": "high"}, "the confidence is 'high'"),
        (_WELL | {"reason": None}, "the reason is None"),
    ],
)
def test_nonsense_is_named(answer: Any, words: str) -> None:
    (found,) = examined(lambda: Answers(answer)).findings
    assert (found.kind, found.bar) == ("answer", 0)
    assert words in found.message


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "high", None])
def test_an_indicator_that_is_no_number_is_named(value: Any) -> None:
    (found,) = examined(lambda: Answers(_WELL, {"rsi": value})).findings
    assert found.kind == "answer"
    assert "for 'rsi'" in found.message


def test_what_a_later_start_changes_is_told_and_no_fault() -> None:
    report = examined(STRATEGIES["rsi wilder"], Columns.of_rows(wave(300)))
    assert report.findings == []
    assert [each.bars for each in report.later] == [1, 7, 50, 10]
    assert all(each.differing == 0 or each.last is not None for each in report.later)


class Forever(Columnwise):
    """Its answer depends on the very first bar."""

    def __init__(self) -> None:
        self.features = {"obv": Feature("obv")}

    def score(self, close: Any, features: Any) -> Any:
        return np.asarray(features["obv"]) - 20.0


def test_one_that_never_forgets_its_beginning_is_told_so() -> None:
    report = examined(Forever)
    assert report.findings == []
    (later,) = (each for each in report.later if each.bars == 50)
    assert later.differing > 0
    assert later.last is not None
    assert later.last > 60
