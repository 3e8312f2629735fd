from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from typing import Any

import pytest

from tests.reference import indicators as reference
from tests.reference.series import CASES, Case, Columns, case_name, coarse, extreme, gappy, walk
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.strategies.errors import InvalidParameterError
from traderbot.domain.strategies.indicators import averages
from traderbot.domain.strategies.indicators.catalogue import INDICATORS, indicator
from traderbot.domain.strategies.indicators.indicator import Indicator
from traderbot.domain.strategies.indicators.live import LiveIndicator

every_case = pytest.mark.parametrize("case", CASES, ids=case_name)
every_indicator = pytest.mark.parametrize("name", INDICATORS)


@every_case
@pytest.mark.parametrize("series", [walk, coarse])
def test_a_definition_says_what_its_formula_says(case: Case, series: Any) -> None:
    made = indicator(case[0], **case[1])
    columns = series(240)
    found = fed(LiveIndicator(made), rows_of(made, columns))
    expected = getattr(reference, case[0])(*inputs_of(made, columns), **parameters_of(case))
    for k, line in enumerate(expected):
        for i, value in enumerate(line):
            if value is None:
                assert math.isnan(found[i][k])
            else:
                assert math.isclose(found[i][k], value, rel_tol=1e-9, abs_tol=1e-9), (k, i)


@every_case
def test_every_output_is_known_after_the_warm_up_and_not_before(case: Case) -> None:
    made = indicator(case[0], **case[1])
    found = fed(LiveIndicator(made), rows_of(made, walk(made.warm_up + 3)))
    assert not any(map(math.isnan, found[made.warm_up - 1]))
    assert all(any(map(math.isnan, outputs)) for outputs in found[: made.warm_up - 1])


@every_case
def test_a_gap_has_no_result_and_changes_nothing(case: Case) -> None:
    made = indicator(case[0], **case[1])
    rows = rows_of(made, gappy(400))
    whole = [row for row in rows if not any(map(math.isnan, row))]
    found = fed(LiveIndicator(made), rows)
    without = iter(fed(LiveIndicator(made), whole))
    for row, outputs in zip(rows, found, strict=True):
        if any(map(math.isnan, row)):
            assert all(map(math.isnan, outputs))
        else:
            assert bits(outputs) == bits(next(without))


@every_case
def test_it_goes_on_from_a_snapshot_as_if_it_had_never_stopped(case: Case) -> None:
    made = indicator(case[0], **case[1])
    rows = rows_of(made, coarse(300))
    at_once = fed(LiveIndicator(made), rows)
    for stop in (0, 1, 2, made.warm_up, 151):
        first = LiveIndicator(made)
        begun = fed(first, rows[:stop])
        second = LiveIndicator(made, first.snapshot())
        assert list(map(bits, begun + fed(second, rows[stop:]))) == list(map(bits, at_once))


@every_case
def test_nothing_in_the_allowed_range_raises_or_is_infinite_unless_a_ratio_is(case: Case) -> None:
    made = indicator(case[0], **case[1])
    ratios = {"roc", "cci"}
    for outputs in fed(LiveIndicator(made), rows_of(made, extreme(600))):
        assert made.name in ratios or not any(map(math.isinf, outputs))


FLAT = {
    "roc": 0.0,
    "standard_deviation": 0.0,
    "zscore": 0.0,
    "rsi": 50.0,
    "stoch_rsi": (50.0, 50.0),
    "cci": 0.0,
    "williams_r": -50.0,
    "atr": 0.0,
    "adx": 0.0,
    "dmi": (0.0, 0.0),
    "mfi": 50.0,
    "obv": 0.0,
    "bollinger": (0.1, 0.1, 0.1),
    "donchian": (0.1, 0.1, 0.1),
    "macd": (0.0, 0.0, 0.0),
}


@pytest.mark.parametrize(("name", "expected"), FLAT.items())
def test_a_market_that_stands_still_is_neutral(
    name: str, expected: float | tuple[float, ...]
) -> None:
    made = indicator(name)
    bar = {"high": 0.1, "low": 0.1, "close": 0.1, "volume": 0.0}
    live = LiveIndicator(made)
    for _ in range(200):
        found = live.update(*(bar[each] for each in made.inputs))
    assert found == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("name", ["standard_deviation", "zscore"])
def test_a_window_of_equal_values_deviates_by_exactly_nothing_whatever_was_before(
    name: str,
) -> None:
    live = LiveIndicator(indicator(name, period=5))
    for value in [1e9, -3.7, 1e-9, 0.1, 0.1, 0.1, 0.1, 0.1]:
        found = live.update(value)
    assert found == 0.0


def test_without_volume_the_vwap_is_the_typical_price() -> None:
    live = LiveIndicator(indicator("vwap"))
    assert live.update(12.0, 9.0, 9.0, 0.0, 1.0) == 10.0
    assert live.update(12.0, 12.0, 12.0, 5.0, 1.0) == 12.0


def test_a_new_session_begins_the_vwap_anew() -> None:
    live = LiveIndicator(indicator("vwap"))
    live.update(12.0, 12.0, 12.0, 1_000.0, 1.0)
    assert live.update(6.0, 6.0, 6.0, 1.0, 2.0) == 6.0


def test_sums_are_made_afresh_so_that_errors_do_not_gather() -> None:
    # A sum that only ever slides keeps what 1e15 lost to rounding for good.
    live = LiveIndicator(averages.sma(4))
    for i in range(1_100):
        found = live.update(1e15 if i < 4 else 0.1)
    assert found == 0.1


@pytest.mark.parametrize("value", [math.inf, -math.inf, 1e100, -1e300])
def test_a_value_no_price_can_have_is_refused_and_changes_nothing(value: float) -> None:
    live = LiveIndicator(averages.ema(2))
    live.update(1.0)
    before = live.snapshot()
    with pytest.raises(InvalidValueError, match="below 1e100"):
        live.update(value)
    assert bits(live.snapshot()) == bits(before)


def test_too_few_values_are_refused() -> None:
    with pytest.raises(InvalidValueError, match="atr takes high, low, close: 3 values, not 1"):
        LiveIndicator(indicator("atr")).update(1.0)


def test_a_snapshot_of_something_else_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="not a snapshot"):
        LiveIndicator(indicator("rsi"), LiveIndicator(indicator("ema")).snapshot())


def test_a_copy_goes_its_own_way() -> None:
    first = LiveIndicator(averages.ema(2))
    first.update(1.0)
    second = first.copy()
    second.update(5.0)
    assert first.update(3.0) == 2.0


@every_indicator
def test_a_period_that_is_no_number_of_bars_is_refused(name: str) -> None:
    for each, parameter in inspect.signature(INDICATORS[name]).parameters.items():
        bad = [0, -1, 100_001, 2.5, True, "14"] if isinstance(parameter.default, int) else ["no"]
        for value in bad:
            with pytest.raises(InvalidParameterError, match=each):
                indicator(name, **{each: value})


@pytest.mark.parametrize("value", [-0.1, 1_001, math.nan, math.inf, "2", True])
def test_bands_of_no_width_are_refused(value: Any) -> None:
    with pytest.raises(InvalidParameterError, match="multiplier"):
        averages.bollinger(20, value)


def test_a_fast_average_is_faster_than_a_slow_one() -> None:
    with pytest.raises(InvalidParameterError, match=r"below slow \(12\), not 12"):
        averages.macd(12, 12)


def test_an_unknown_name_gets_a_guess() -> None:
    with pytest.raises(InvalidParameterError, match="did you mean bollinger"):
        indicator("bolinger")
    with pytest.raises(InvalidParameterError, match="did you mean period"):
        indicator("rsi", perod=3)


def inputs_of(made: Indicator, columns: Columns) -> list[Sequence[float]]:
    return [columns[name] for name in made.inputs]


def rows_of(made: Indicator, columns: Columns) -> list[tuple[float, ...]]:
    return list(zip(*inputs_of(made, columns), strict=True))


def fed(live: LiveIndicator, rows: Sequence[tuple[float, ...]]) -> list[tuple[float, ...]]:
    found = [live.update(*row) for row in rows]
    return [each if isinstance(each, tuple) else (each,) for each in found]


def bits(values: Sequence[float]) -> list[str]:
    return [float(value).hex() for value in values]


def parameters_of(case: Case) -> dict[str, Any]:
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(INDICATORS[case[0]]).parameters.items()
    }
    return {**defaults, **case[1]}
