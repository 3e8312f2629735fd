from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reference.rsi import document_rsi, exact_rsi, exact_wilder_rsi
from tests.runs import rsi
from traderbot.domain.strategies.errors import InvalidParameterError

prices = st.floats(min_value=0.01, max_value=100_000, allow_nan=False)
histories = st.lists(prices, max_size=60)
# Few different prices make flat stretches, ties and one-sided markets likely.
coarse_histories = st.lists(st.sampled_from([99.0, 100.0, 100.5, 102.0]), max_size=40)
periods = st.integers(min_value=1, max_value=20)

# The worked example of many textbooks: 14 periods, smoothed as Wilder does, rounded to cents.
TEXTBOOK_CLOSES = (
    44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826,
    45.8931, 46.0328, 45.6140, 46.2820, 46.2820, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439,
    46.2122, 46.2521, 45.7137, 46.4515, 45.7835, 45.3548, 44.0288, 44.1783, 44.2181, 44.5672,
    43.4205, 42.6628, 43.1314,
)  # fmt: skip
TEXTBOOK_RSI = (
    70.53, 66.32, 66.55, 69.41, 66.36, 57.97, 62.93, 63.26, 56.06, 62.38,
    54.71, 50.42, 39.99, 41.46, 41.87, 45.46, 37.30, 33.08, 37.77,
)  # fmt: skip


def test_gains_of_two_against_losses_of_one_give_two_thirds() -> None:
    # Changes +1, -0.5, +1, -0.5: rs = 2/1, 100 - 100/3.
    assert rsi([10.0, 11.0, 10.5, 11.5, 11.0], period=4) == pytest.approx(200 / 3, abs=1e-12)


def test_one_gain_against_four_equal_losses_gives_exactly_twenty() -> None:
    assert rsi([100.0, 101.0, 100.0, 99.0, 98.0, 97.0], period=5) == 20.0


def test_only_the_last_changes_count_in_the_simple_average() -> None:
    recent = [100.0, 101.0, 100.0, 99.0, 98.0, 97.0]
    assert rsi([1.0, 500.0, 3.0, *recent], period=5) == rsi(recent, period=5)


def test_wilder_smooths_each_further_change_into_the_average() -> None:
    # First average of +2, -1: gain 1, loss 0.5. Then +3: gain (1 + 3)/2 = 2, loss 0.5/2 = 0.25.
    closes = [10.0, 12.0, 11.0, 14.0]
    assert rsi(closes, period=2, smoothing="wilder") == pytest.approx(100 * 2 / 2.25, abs=1e-12)


def test_wilder_gives_the_textbook_example() -> None:
    found = [
        round(rsi(TEXTBOOK_CLOSES[: 15 + i], 14, "wilder"), 2) for i in range(len(TEXTBOOK_RSI))
    ]
    assert found == list(TEXTBOOK_RSI)


def test_at_the_first_moment_both_smoothings_agree() -> None:
    closes = TEXTBOOK_CLOSES[:15]
    assert rsi(closes, 14, "wilder") == rsi(closes, 14, "simple")


@pytest.mark.parametrize("smoothing", ["simple", "wilder"])
def test_a_market_that_only_rises_is_at_100(smoothing: str) -> None:
    assert rsi([float(i) for i in range(1, 40)], 14, smoothing) == 100.0  # type: ignore[arg-type]


@pytest.mark.parametrize("smoothing", ["simple", "wilder"])
def test_a_market_that_only_falls_is_at_0(smoothing: str) -> None:
    assert rsi([float(i) for i in range(40, 1, -1)], 14, smoothing) == 0.0  # type: ignore[arg-type]


@pytest.mark.parametrize("smoothing", ["simple", "wilder"])
def test_a_market_that_does_not_move_is_neutral(smoothing: str) -> None:
    assert rsi([100.0] * 40, 14, smoothing) == 50.0  # type: ignore[arg-type]


def test_the_published_code_would_call_a_market_that_does_not_move_overbought() -> None:
    assert document_rsi([100.0] * 40) == 100.0


@pytest.mark.parametrize("smoothing", ["simple", "wilder"])
@pytest.mark.parametrize("count", [0, 1, 14])
def test_with_fewer_changes_than_the_period_it_is_neutral(count: int, smoothing: str) -> None:
    rising = [float(i + 1) for i in range(count)]
    assert rsi(rising, 14, smoothing) == 50.0  # type: ignore[arg-type]


def test_with_just_enough_changes_it_speaks() -> None:
    assert rsi([float(i + 1) for i in range(15)], 14) == 100.0


def test_a_period_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match="from 1 to"):
        rsi([1.0, 2.0], period=0)


def test_another_smoothing_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match="one of simple, wilder"):
        rsi([1.0, 2.0], 1, "ema")  # type: ignore[arg-type]


@given(histories | coarse_histories, periods)
def test_it_gives_the_bits_of_the_published_code_unless_nothing_moves(
    closes: list[float], period: int
) -> None:
    if len(closes) > period and len(set(closes[-period - 1 :])) == 1:
        assert rsi(closes, period) == 50.0
    else:
        assert rsi(closes, period).hex() == float(document_rsi(closes, period)).hex()


@given(histories | coarse_histories, periods)
def test_the_simple_average_equals_its_exact_reference(closes: list[float], period: int) -> None:
    assert math.isclose(rsi(closes, period), exact_rsi(closes, period), abs_tol=1e-9)


@given(histories | coarse_histories, periods)
def test_wilders_average_equals_its_exact_reference(closes: list[float], period: int) -> None:
    found = rsi(closes, period, "wilder")
    assert math.isclose(found, exact_wilder_rsi(closes, period), abs_tol=1e-9)


@given(histories, periods, st.sampled_from(["simple", "wilder"]))
def test_it_stays_between_0_and_100(closes: list[float], period: int, smoothing: str) -> None:
    assert 0.0 <= rsi(closes, period, smoothing) <= 100.0  # type: ignore[arg-type]
