from __future__ import annotations

from dataclasses import FrozenInstanceError
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import NOON, later
from traderbot.domain import Sentiment
from traderbot.domain.market.sentiment import Mood, newest_mood
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import symbol

scores = st.decimals(-1, 1, places=6)
confidences = st.decimals(0, 1, places=6)


@given(scores, confidences)
def test_it_keeps_both_numbers_exactly(score: Decimal, confidence: Decimal) -> None:
    sentiment = Sentiment(score, confidence)
    assert (sentiment.score, sentiment.confidence) == (score, confidence)


def test_both_ends_of_both_ranges_are_allowed() -> None:
    assert Sentiment(-1, 0) == Sentiment("-1.0", "0.00")
    assert Sentiment(1, 1) == Sentiment("1", Decimal("1.000"))


@pytest.mark.parametrize(
    ("score", "confidence", "named"),
    [
        ("1.000001", "0", "score is from -1 to 1, not 1.000001"),
        ("-1.000001", "0", "score is from -1 to 1"),
        ("0", "1.000001", "confidence is from 0 to 1"),
        ("0", "-0.1", "confidence is from 0 to 1, not -0.1"),
        ("NaN", "0", "not a plain decimal"),
        (Decimal("NaN"), "0", "not a finite number"),
    ],
)
def test_a_number_out_of_range_is_refused_by_name(
    score: Decimal | str, confidence: str, named: str
) -> None:
    with pytest.raises(InvalidValueError, match=named):
        Sentiment(score, confidence)


@pytest.mark.parametrize(("score", "confidence"), [(0.5, "0"), ("0", 0.5), (True, "0")])
def test_floats_are_refused(score: object, confidence: object) -> None:
    with pytest.raises(InvalidValueError, match=r"never (float|bool)"):
        Sentiment(score, confidence)  # type: ignore[arg-type]


def test_it_cannot_be_changed() -> None:
    sentiment = Sentiment(0, 1)
    with pytest.raises(FrozenInstanceError):
        sentiment.score = Decimal(1)  # type: ignore[misc]


def test_it_reads_as_its_numbers() -> None:
    assert str(Sentiment("-0.25", "0.9")) == "-0.25 (confidence 0.9)"


def a_mood(score: str = "0.5", *, at: int = 0, known: int = 10, code: str = "AAPL") -> Mood:
    return Mood(
        symbol=symbol(code),
        sentiment=Sentiment(score, "1"),
        at=later(at),
        known_at=later(known),
    )


def test_a_mood_is_seen_from_when_it_was_known_and_not_from_when_it_was() -> None:
    moods = [a_mood("0.1"), a_mood("0.2", at=5, known=30)]
    assert newest_mood(moods, symbol("AAPL"), later(9)) is None
    assert newest_mood(moods, symbol("AAPL"), later(29)) == moods[0]
    assert newest_mood(moods, symbol("AAPL"), later(30)) == moods[1]
    assert newest_mood(moods, symbol("IBM"), later(30)) is None


def test_a_corrected_mood_counts_and_old_news_does_not() -> None:
    moods = [a_mood("0.1", at=5), a_mood("0.2", at=5, known=20), a_mood("0.3", at=4, known=40)]
    assert newest_mood(moods, symbol("AAPL"), later(60)) == moods[1]


def test_a_mood_is_not_known_before_it_is() -> None:
    with pytest.raises(InvalidValueError, match="was not known"):
        a_mood(at=10, known=9)
    with pytest.raises(InvalidValueError, match="aware UTC"):
        Mood(
            symbol=symbol("AAPL"),
            sentiment=Sentiment(0, 0),
            at=NOON.replace(tzinfo=None),
            known_at=NOON,
        )
