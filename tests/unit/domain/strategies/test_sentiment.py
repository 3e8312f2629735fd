"""The mood of the market has a say only when it is known, sure, and against the signal."""

from __future__ import annotations

from typing import Any

import pytest

from tests.runs import CONTEXT, HOUR, SIGN, asked, wave
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.strategies.ema_cross import EmaCrossStrategy
from traderbot.domain.strategies.errors import InvalidParameterError
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.domain.strategies.sentiment import SentimentStrategy

ROWS = wave(200)
INNER = {"fast": "2", "slow": "5"}
PLAIN = asked(EmaCrossStrategy(2, 5).watch("X", CONTEXT), ROWS)


def moody(*moods: tuple[int, float, float], **parameters: Any) -> list[int]:
    watcher = SentimentStrategy("EMA_CROSS", inner=INNER, **parameters).watch("X", CONTEXT)
    for known_at, score, confidence in moods:
        watcher.hear("sentiment", known_at, (score, confidence))
    return asked(watcher, ROWS)


def test_without_a_mood_it_follows_the_strategy_below() -> None:
    assert moody() == PLAIN
    assert {1, -1} <= set(PLAIN)


def test_in_a_bad_mood_nothing_is_bought_but_sold() -> None:
    assert moody((0, -0.9, 1.0)) == [min(sign, 0) for sign in PLAIN]


def test_in_a_good_mood_nothing_is_sold_but_bought() -> None:
    assert moody((0, 0.9, 1.0)) == [max(sign, 0) for sign in PLAIN]


def test_a_mood_that_is_not_sure_has_no_say() -> None:
    assert moody((0, -0.9, 0.4)) == PLAIN
    assert moody((0, -0.9, 0.4), least_confidence=0.4) == [min(sign, 0) for sign in PLAIN]


def test_a_mood_counts_from_the_bar_that_closes_when_it_is_known() -> None:
    buys = [place for place, sign in enumerate(PLAIN) if sign == 1]
    place = buys[len(buys) // 2]
    closes_at = ROWS[place].at + HOUR
    assert moody((closes_at, -0.9, 1.0))[place] == 0
    assert moody((closes_at + 1, -0.9, 1.0))[place] == 1


def test_the_last_known_mood_counts() -> None:
    said = moody((0, -0.9, 1.0), (ROWS[100].at, 0.0, 1.0))
    assert said[:99] == [min(sign, 0) for sign in PLAIN[:99]]
    assert said[100:] == PLAIN[100:]


def test_the_words_name_the_mood_and_what_it_spoke_against() -> None:
    watcher = SentimentStrategy("EMA_CROSS", inner=INNER).watch("X", CONTEXT)
    watcher.hear("sentiment", 0, (-0.9, 1.0))
    place = PLAIN.index(1)
    for row in ROWS[:place]:
        watcher.keep(row)
    seen = watcher.look(ROWS[place])
    assert SIGN[seen.result["signal"]] == 0
    assert seen.result["reason"].startswith(
        "The mood of -0.9 (confidence 1) speaks against a BUY: The fast average rose"
    )
    assert seen.explanation.indicators["sentiment"] == -0.9
    assert seen.explanation.rules["mood_against"] is True


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("mood", (0.0, 1.0), "no further series 'mood' is wanted; there are: "),
        ("sentiment", (0.0,), "takes score, confidence: 2 values, not 1"),
    ],
)
def test_what_nobody_asked_for_is_refused(name: str, values: Any, said: str) -> None:
    watcher = SentimentStrategy().watch("X", CONTEXT)
    with pytest.raises(InvalidValueError, match=said):
        watcher.hear(name, 0, values)


def test_what_was_known_earlier_is_told_first() -> None:
    watcher = SentimentStrategy().watch("X", CONTEXT)
    watcher.hear("sentiment", 5, (0.0, 1.0))
    with pytest.raises(InvalidValueError, match="earlier first"):
        watcher.hear("sentiment", 4, (0.0, 1.0))


class Picky(EmaCrossStrategy):
    """Cannot be made without a word."""

    name = "PICKY"

    def __init__(self, fast: int) -> None:
        super().__init__(fast, fast + 3)


def test_the_strategy_below_may_need_a_parameter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StrategyRegistry, "_strategies", {"PICKY": Picky})
    made = SentimentStrategy.from_parameters({"of": "PICKY", "of.fast": "2", "sell_below": "0.4"})
    assert made.inner.parameters() == {"fast": "2"}
    assert made.sell_below == 0.4
    with pytest.raises(InvalidParameterError, match="fast: has no default"):
        SentimentStrategy.from_parameters({"of": "PICKY"})


def test_its_parameters_hold_those_of_the_strategy_below() -> None:
    parameters = SentimentStrategy("EMA_CROSS", inner=INNER).parameters()
    assert parameters["of"] == "EMA_CROSS"
    assert (parameters["of.fast"], parameters["of.slow"]) == ("2", "5")
