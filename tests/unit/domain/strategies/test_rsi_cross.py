from __future__ import annotations

import math
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reference.rsi import document_rsi
from tests.runs import rsi
from traderbot.domain.shared.errors import DomainError
from traderbot.domain.strategies.errors import InvalidParameterError
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.domain.strategies.rsi_cross import (
    RsiCrossStrategy,
    calculate_confidence,
    hold_confidence,
)
from traderbot.domain.strategies.strategy import StrategyContext, StrategyResult, TickerData

CONTEXT = StrategyContext(timeframe="1d", user_id="u", bot_run_id="b")

# Ten changes of one point, three of them up, have an RSI of exactly 30; seven up, exactly 70.
THIRTY = [1, -1, -1, 1, -1, -1, 1, -1, -1, -1]
SEVENTY = [-change for change in THIRTY]

prices = st.floats(min_value=0.01, max_value=100_000)
histories = st.lists(prices, min_size=1, max_size=80)
strategies = st.builds(
    RsiCrossStrategy,
    rsi_period=st.integers(2, 6),
    oversold=st.floats(20, 45),
    overbought=st.floats(55, 80),
    smoothing=st.sampled_from(["simple", "wilder"]),
)


def bars(closes: list[float]) -> TickerData:
    return TickerData(
        symbol="AAPL", opens=closes, highs=closes, lows=closes, closes=closes, volumes=closes
    )


def path(*changes: float) -> list[float]:
    return list(accumulate(changes, initial=1000.0))


def answer(closes: list[float], strategy: RsiCrossStrategy | None = None) -> StrategyResult:
    return (strategy or RsiCrossStrategy()).execute(bars(closes), CONTEXT)


def ten() -> RsiCrossStrategy:
    return RsiCrossStrategy(rsi_period=10)


def test_it_buys_when_rsi_rises_back_across_oversold() -> None:
    # Eleven changes; the first ten have two ups (20), the last ten three (30.43 with +1.02).
    closes = path(-1, 1, 1, -1, -1, -1, -1, -1, -1, -1, 1.02)
    assert rsi(closes[:-1], 10) == pytest.approx(20)
    assert answer(closes, ten()) == {
        "signal": "BUY",
        "confidence": 0.5,
        "reason": "Oversold condition reversing: RSI(10) rose from 20.00 to 30.14, across 30.",
    }


def test_it_sells_when_rsi_falls_back_across_overbought() -> None:
    closes = path(1, -1, -1, 1, 1, 1, 1, 1, 1, 1, -1.02)
    assert answer(closes, ten()) == {
        "signal": "SELL",
        "confidence": 0.5,
        "reason": "Overbought condition reversing: RSI(10) fell from 80.00 to 69.86, across 70.",
    }


def test_reaching_oversold_exactly_from_below_buys() -> None:
    closes = path(-1, -1, 1, -1, -1, 1, -1, -1, -1, -1, 1)
    assert rsi(closes[:-1], 10) < 30.0
    assert rsi(closes, 10) == 30.0
    assert answer(closes, ten())["signal"] == "BUY"


def test_leaving_oversold_exactly_is_no_cross() -> None:
    closes = path(*THIRTY, 5)
    assert rsi(closes[:-1], 10) == 30.0
    assert rsi(closes, 10) > 30.0
    assert answer(closes, ten())["signal"] == "HOLD"


def test_reaching_overbought_exactly_from_above_sells() -> None:
    closes = path(1, 1, -1, 1, 1, -1, 1, 1, 1, 1, -1)
    assert rsi(closes[:-1], 10) > 70.0
    assert rsi(closes, 10) == 70.0
    assert answer(closes, ten())["signal"] == "SELL"


def test_leaving_overbought_exactly_is_no_cross() -> None:
    closes = path(*SEVENTY, -5)
    assert rsi(closes[:-1], 10) == 70.0
    assert rsi(closes, 10) < 70.0
    assert answer(closes, ten())["signal"] == "HOLD"


def test_falling_into_oversold_holds() -> None:
    closes = path(*[1, -1] * 7, *[-1] * 8)
    assert answer(closes)["signal"] == "HOLD"


def test_staying_oversold_holds() -> None:
    assert answer(path(*[-1] * 20))["signal"] == "HOLD"


def test_a_leap_over_both_thresholds_is_a_buy() -> None:
    assert answer(path(*[-1] * 20, 500))["signal"] == "BUY"
    assert answer(path(*[1] * 20, -500))["signal"] == "SELL"


def test_a_leap_has_the_confidence_of_its_distance() -> None:
    closes = path(*[-1] * 20, 39)  # gains 39 against losses of 13
    assert rsi(closes, 14) == 75.0
    assert answer(closes)["confidence"] == 0.9


def test_a_market_that_does_not_move_holds() -> None:
    assert answer([100.0] * 40) == {
        "signal": "HOLD",
        "confidence": 0.5,
        "reason": "No reversal: RSI(14) was 50.00 and is 50.00; thresholds 30 and 70.",
    }


def test_the_first_fall_after_a_halt_is_no_sell() -> None:
    # As published, the halt itself would read 100 and its end a fall across overbought.
    halted = [1000.0] * 20
    assert rsi(halted, 14) == 50.0
    assert document_rsi(halted, 14) == 100.0
    assert answer([*halted, 999.0])["signal"] == "HOLD"


def test_a_rise_that_stops_dead_for_a_whole_period_still_sells() -> None:
    # The last gain leaves the window and 100 becomes the neutral 50: a cross by the definition.
    halted = [*path(*[1] * 5), *[1005.0] * 14]
    assert answer(halted[:-1])["signal"] == "HOLD"
    assert answer(halted)["signal"] == "SELL"


def test_a_fall_that_stops_dead_for_a_whole_period_still_buys() -> None:
    halted = [*path(*[-1] * 5), *[995.0] * 14]
    assert answer(halted[:-1])["signal"] == "HOLD"
    assert answer(halted)["signal"] == "BUY"


def test_a_short_history_holds_and_says_so() -> None:
    assert answer([1.0, 2.0, 3.0]) == {
        "signal": "HOLD",
        "confidence": 0.5,
        "reason": "Too few bars: RSI(14) was 50.00 and is 50.00; "
        "a signal needs 16 closes, there are 3.",
    }


def test_no_history_holds() -> None:
    assert answer([])["signal"] == "HOLD"


def test_the_neutral_start_is_never_one_side_of_a_cross() -> None:
    # With thresholds on one side of 50 the neutral value of a short history would look like one.
    strategy = RsiCrossStrategy(rsi_period=3, oversold=60, overbought=80)
    assert answer([1.0, 2.0, 3.0, 2.8], strategy)["signal"] == "HOLD"


def test_a_signal_can_come_with_exactly_the_warm_up() -> None:
    strategy = RsiCrossStrategy(rsi_period=2)
    closes = [10.0, 9.0, 8.0, 9.5]
    assert len(closes) == strategy.warm_up
    assert answer(closes, strategy)["signal"] == "BUY"


def test_a_value_that_two_places_would_put_across_the_threshold_is_shown_in_full() -> None:
    strategy = RsiCrossStrategy(rsi_period=2, oversold=20, overbought=70)
    closes = [100.0, 101.0, 97.0000001, 98.0]  # was 1/4.9999999 in gains, just above 20
    assert rsi(closes[:-1], 2) > 20.0
    assert f"{rsi(closes[:-1], 2):.2f}" == "20.00"
    assert "was 20.00000039999999 and is 19.99999880000003;" in answer(closes, strategy)["reason"]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e308])
@pytest.mark.parametrize("place", [-1, -2, -16])
def test_a_close_that_is_no_finite_number_is_refused(bad: float, place: int) -> None:
    closes = [100.0] * 20
    closes[place] = bad
    with pytest.raises(DomainError, match=rf"closes\[{20 + place}\] is {bad}".replace("+", r"\+")):
        answer(closes)
    with pytest.raises(DomainError):
        RsiCrossStrategy().explain(bars(closes))


def test_the_explanation_names_what_the_answer_rests_on() -> None:
    closes = path(-1, 1, 1, -1, -1, -1, -1, -1, -1, -1, 1.02)
    seen = ten().explain(bars(closes))
    assert seen.indicators == {"rsi_previous": rsi(closes[:-1], 10), "rsi": rsi(closes, 10)}
    assert seen.rules == {
        "enough_bars": True,
        "crossed_above_oversold": True,
        "crossed_below_overbought": False,
    }


def test_the_confidence_of_a_signal_is_its_distance_over_fifty() -> None:
    assert calculate_confidence(60.0, 30.0, "BUY") == 0.6
    assert calculate_confidence(40.0, 70.0, "SELL") == 0.6


def test_the_confidence_of_a_signal_is_at_least_one_half() -> None:
    assert calculate_confidence(30.0, 30.0, "BUY") == 0.5
    assert calculate_confidence(54.9, 30.0, "BUY") == 0.5
    assert calculate_confidence(55.1, 30.0, "BUY") > 0.5


def test_the_confidence_of_a_signal_is_at_most_one() -> None:
    assert calculate_confidence(100.0, 30.0, "BUY") == 1.0


@pytest.mark.parametrize(("value", "confidence"), [(50, 0.5), (25, 0.4), (75, 0.4), (0, 0.3)])
def test_the_confidence_of_a_hold_falls_towards_the_ends(value: float, confidence: float) -> None:
    assert hold_confidence(value) == pytest.approx(confidence, abs=1e-15)


@given(st.floats(0, 100))
def test_the_confidence_of_a_hold_is_within_its_band(value: float) -> None:
    assert 0.3 <= hold_confidence(value) <= 0.5


@given(histories, st.integers(2, 6))
def test_more_history_than_the_window_changes_nothing(closes: list[float], period: int) -> None:
    strategy = RsiCrossStrategy(period, 45, 55)
    assert strategy.window is not None
    shown = closes[-strategy.window :]
    assert answer(shown, strategy)["signal"] == answer(closes, strategy)["signal"]
    assert strategy.explain(bars(shown)) == strategy.explain(bars(closes))


@given(histories, strategies)
def test_what_is_on_one_bar_was_on_the_next(
    closes: list[float], strategy: RsiCrossStrategy
) -> None:
    before = strategy.explain(bars(closes[:-1])).indicators["rsi"]
    assert strategy.explain(bars(closes)).indicators["rsi_previous"] == before


@given(histories, strategies)
def test_the_signal_follows_from_the_explanation(
    closes: list[float], strategy: RsiCrossStrategy
) -> None:
    result = answer(closes, strategy)
    seen = strategy.explain(bars(closes))
    was, now = seen.indicators["rsi_previous"], seen.indicators["rsi"]
    expected = "HOLD"
    if len(closes) >= strategy.warm_up and was < strategy.oversold <= now:
        expected = "BUY"
    elif len(closes) >= strategy.warm_up and was > strategy.overbought >= now:
        expected = "SELL"
    assert result["signal"] == expected
    lowest, highest = (0.3, 0.5) if expected == "HOLD" else (0.5, 1.0)
    assert lowest <= result["confidence"] <= highest


def test_it_looks_at_two_bars_more_than_its_period() -> None:
    assert (RsiCrossStrategy().warm_up, RsiCrossStrategy().window) == (16, 16)


def test_with_wilders_average_it_looks_at_every_bar_since_the_first() -> None:
    strategy = RsiCrossStrategy(smoothing="wilder")
    assert (strategy.warm_up, strategy.window) == (16, None)
    closes = [100.0 + (7 * k % 11) for k in range(200)]
    seen = strategy.explain(bars(closes)).indicators
    assert seen["rsi"] == rsi(closes, 14, "wilder")
    assert seen["rsi_previous"] == rsi(closes[:-1], 14, "wilder")


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"rsi_period": "1"}, "rsi_period: from 2 to 500, not 1"),
        ({"rsi_period": "501"}, "rsi_period: from 2 to 500"),
        ({"rsi_period": "14.0"}, "rsi_period: not a whole number"),
        ({"rsi_period": "١٤"}, "rsi_period: not a whole number"),
        ({"oversold": "0"}, "oversold: between 0 and 100"),
        ({"overbought": "100"}, "overbought: between 0 and 100"),
        ({"oversold": "70"}, "oversold: below overbought"),
        ({"oversold": "nan"}, "oversold: not a plain decimal"),
        ({"oversold": "3e1"}, "oversold: not a plain decimal"),
        ({"smoothing": "ema"}, "smoothing: one of simple, wilder"),
        ({"smoothing": "Wilder"}, "did you mean wilder"),
        ({"seeding": "last"}, "seeding: one of mean, first"),
        ({"rsi_period": "501"}, "not 501; the nearest is 500"),
        ({"oversold": "-3"}, "not -3.0; the nearest is just inside 0"),
        ({"period": "14"}, "period: no such parameter; did you mean rsi_period"),
    ],
)
def test_a_parameter_out_of_bounds_is_refused_by_name(
    parameters: dict[str, str], named: str
) -> None:
    with pytest.raises(InvalidParameterError, match=named):
        StrategyRegistry.create("RSI_CROSS", parameters)


@pytest.mark.parametrize("bad", [math.nan, math.inf, True, "30", 1e-30])
def test_a_threshold_that_is_no_usable_number_is_refused(bad: float) -> None:
    with pytest.raises(InvalidParameterError, match="oversold"):
        RsiCrossStrategy(oversold=bad)


@pytest.mark.parametrize("bad", [14.0, True, "14"])
def test_a_period_that_is_no_whole_number_is_refused(bad: int) -> None:
    with pytest.raises(InvalidParameterError, match="rsi_period"):
        RsiCrossStrategy(rsi_period=bad)


def test_its_defaults_are_the_published_ones() -> None:
    assert RsiCrossStrategy().parameters() == {
        "rsi_period": "14",
        "oversold": "30",
        "overbought": "70",
        "smoothing": "simple",
        "seeding": "mean",
    }


@given(st.integers(2, 500), st.floats(1, 49), st.floats(51, 99))
def test_its_parameters_as_text_make_it_again(period: int, low: float, high: float) -> None:
    strategy = RsiCrossStrategy(period, low, high, "wilder")
    again = StrategyRegistry.create("RSI_CROSS", strategy.parameters())
    assert vars(again) == vars(strategy)
