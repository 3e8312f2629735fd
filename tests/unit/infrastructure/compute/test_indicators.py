from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

import traderbot.indicators
from tests.reference.series import walk
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.strategies.errors import InvalidParameterError
from traderbot.indicators import INDICATORS, live, matrix, sweep
from traderbot.infrastructure.compute.kernels import running

COLUMNS = {name: np.array(values) for name, values in walk(300).items()}
CLOSE = COLUMNS["close"]

# Not in the environment: as if nobody had installed it.
WITHOUT_NUMBA = """
import sys
sys.modules["numba"] = None
import numpy as np
from traderbot.indicators import bollinger, macd, rsi
close = 100 + np.cumsum(np.sin(np.arange(7_000.0) ** 1.5))
for line in (rsi(close), *macd(close), *bollinger(close)):
    print(np.nan_to_num(line).tobytes().hex())
"""
QUIET = """
import sys
import traderbot.indicators
from traderbot.indicators import live, sma
sma(list(range(1, 1_000)), 5)
print(live("sma", period=1).update(3.0), "numba" in sys.modules)
sma(list(range(1, 9_000)), 5)
print("numba" in sys.modules)
"""


@pytest.mark.parametrize("name", INDICATORS)
def test_every_indicator_has_a_function_with_its_outputs(name: str) -> None:
    made = INDICATORS[name]()
    found = getattr(traderbot.indicators, name)(*(COLUMNS[each] for each in made.inputs))
    lines = found if isinstance(found, tuple) else (found,)
    one = live(name)
    rows = zip(*(COLUMNS[each].tolist() for each in made.inputs), strict=True)
    expected = [one.update(*row) for row in rows]
    for k, line in enumerate(lines):
        assert line.shape == CLOSE.shape
        assert line.dtype == np.float64
        assert np.array_equal(
            line,
            [each[k] if isinstance(each, tuple) else each for each in expected],
            equal_nan=True,
        )
    if isinstance(found, tuple):
        assert found._fields == made.outputs  # type: ignore[attr-defined]


def test_lists_whole_numbers_and_narrow_floats_are_taken_as_they_are_meant() -> None:
    expected = [None, 1.5, 2.5, 3.5]
    for given in (
        [1, 2, 3, 4],
        (1.0, 2.0, 3.0, 4.0),
        np.array([1, 2, 3, 4], dtype=np.int32),
        np.array([1, 2, 3, 4], dtype=np.float32),
        np.array([1.0, 9.0, 2.0, 9.0, 3.0, 9.0, 4.0])[::2],
    ):
        assert traderbot.indicators.sma(given, 2)[1:].tolist() == expected[1:]


def test_the_input_stays_as_it_was() -> None:
    given = CLOSE.copy()
    traderbot.indicators.rsi(given)
    assert np.array_equal(given, CLOSE)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda sma: sma([], 2), "close is empty"),
        (lambda sma: sma([1.0], 2), "sma needs 2 bars with these parameters, there are 1"),
        (lambda sma: sma(5.0, 2), r"one series, not an array of shape \(\)"),
        (lambda sma: sma([[1.0, 2.0]], 2), r"shape \(1, 2\); for one row per symbol use `matrix`"),
        (lambda sma: sma([[1.0], [1.0, 2.0]], 2), "close is no array"),
        (lambda sma: sma(["1", "2"], 2), "real numbers, not <U1"),
        (lambda sma: sma([True, False], 2), "real numbers, not bool"),
        (lambda sma: sma([1j, 2j], 2), "real numbers, not complex128"),
        (lambda sma: sma([Decimal(1), Decimal(2)], 2), r"become floats by float\(amount\)"),
        (lambda sma: sma([1.0, None], 2), "real numbers, not object"),
        (lambda sma: sma([1.0, np.inf, 2.0], 2), r"close\[1\] is inf: .* below 1e100"),
        (lambda sma: sma(np.r_[np.ones(9_000), -1e200], 2), r"close\[9000\] is -1e\+200"),
    ],
)
def test_what_is_no_series_of_numbers_is_refused_with_what_to_do(
    wrong: Callable[..., Any], message: str
) -> None:
    with pytest.raises(InvalidValueError, match=message):
        wrong(traderbot.indicators.sma)


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(InvalidValueError, match="of one length: high 300, low 299, close 300"):
        traderbot.indicators.atr(CLOSE, CLOSE[1:], CLOSE)


def test_a_period_out_of_its_bounds_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match="period: from 1 to 100,000 bars, not 0"):
        traderbot.indicators.ema(CLOSE, 0)


def test_a_series_of_gaps_alone_is_unknown_all_along() -> None:
    assert np.isnan(traderbot.indicators.rsi(np.full(9_000, np.nan))).all()


def test_a_session_is_a_number_or_the_day_of_an_instant() -> None:
    prices = np.array([1.0, 3.0, 8.0, 4.0])
    instants = np.array(["2026-01-01T10:00", "2026-01-01T23:59", "2026-01-02T00:00"] * 2)[:4]
    instants[3] = "2026-01-02T12:00"
    for session in (np.array([7, 7, 8, 8]), instants.astype("datetime64[s]")):
        found = traderbot.indicators.vwap(prices, prices, prices, np.ones(4), session)
        assert found.tolist() == [1.0, 2.0, 8.0, 6.0]
    whole = traderbot.indicators.vwap(prices, prices, prices, np.ones(4))
    assert whole.tolist() == [1.0, 2.0, 4.0, 4.0]


def test_a_matrix_has_one_row_for_each_symbol() -> None:
    table = np.stack([CLOSE, CLOSE[::-1]])
    found = matrix("rsi", table, period=10, smoothing="wilder")
    assert isinstance(found, np.ndarray)
    for row, closes in zip(found, table, strict=True):
        expected = traderbot.indicators.rsi(closes, 10, "wilder")
        assert np.array_equal(row, expected, equal_nan=True)
    upper, middle, lower = matrix("bollinger", table)
    assert upper.shape == middle.shape == lower.shape == table.shape
    assert np.array_equal(
        matrix("rsi", np.asfortranarray(table), period=10, smoothing="wilder"),
        found,
        equal_nan=True,
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: matrix("rsi", CLOSE), r"\(symbols, bars\), not of shape \(300,\)"),
        (lambda: matrix("rsi", np.empty((0, 5))), r"close is empty: its shape is \(0, 5\)"),
        (lambda: matrix("atr", CLOSE[None]), "atr takes high, low, close: 3 columns, not 1"),
        (
            lambda: matrix("sma", np.array([[1.0, 2.0], [3.0, np.inf]]), period=1),
            r"close\[1, 1\] is inf",
        ),
        (
            lambda: matrix("obv", np.ones((2, 3)), np.ones((3, 3))),
            r"of one length: close \(2, 3\), volume \(3, 3\)",
        ),
        (lambda: sweep("sma", CLOSE), "a value for each set, all equally many; there are none"),
        (lambda: sweep("sma", CLOSE, period=[]), "a value for each set"),
        (
            lambda: sweep("macd", CLOSE, fast=[2, 3], slow=[5, 6, 7]),
            "'fast': 2, 'slow': 3",
        ),
        (
            lambda: sweep("rsi", CLOSE, period=[2, 3], smoothing=["simple", "wilder"]),
            "one smoothing",
        ),
        (lambda: sweep("sma", CLOSE, period=[2, 301]), "sma needs 301 bars"),
    ],
)
def test_a_matrix_or_a_sweep_that_cannot_be_is_refused(
    wrong: Callable[[], Any], message: str
) -> None:
    with pytest.raises(InvalidValueError, match=message):
        wrong()


def test_a_sweep_has_one_row_for_each_set() -> None:
    found = sweep("rsi", CLOSE, period=range(2, 40))
    assert isinstance(found, np.ndarray)
    for row, period in zip(found, range(2, 40), strict=True):
        assert np.array_equal(row, traderbot.indicators.rsi(CLOSE, period), equal_nan=True)
    upper, _, _ = sweep("bollinger", CLOSE, period=np.array([5, 10]), multiplier=[1.0, 2.5])
    expected = traderbot.indicators.bollinger(CLOSE, 10, 2.5).upper
    assert np.array_equal(upper[1], expected, equal_nan=True)


def test_without_numba_everything_is_there_with_the_same_bits() -> None:
    without = subprocess.run(
        [sys.executable, "-c", WITHOUT_NUMBA], capture_output=True, text=True, check=True
    )
    close = 100 + np.cumsum(np.sin(np.arange(7_000.0) ** 1.5))
    assert running.compiler() is not None
    lines = [
        traderbot.indicators.rsi(close),
        *traderbot.indicators.macd(close),
        *traderbot.indicators.bollinger(close),
    ]
    assert without.stdout.split() == [np.nan_to_num(line).tobytes().hex() for line in lines]


def test_the_compiler_is_not_loaded_before_there_is_much_to_do() -> None:
    done = subprocess.run([sys.executable, "-c", QUIET], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["3.0", "False", "True"]
