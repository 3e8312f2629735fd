"""TA-Lib and talipp as second opinions: equal where the definitions are, close where they meet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import talib
from talipp import indicators as talipp  # type: ignore[import-untyped]
from talipp.ohlcv import OHLCV  # type: ignore[import-untyped]

from tests.reference.series import walk
from traderbot import indicators as ours
from traderbot.infrastructure.compute.arrays import FloatArray

BARS = walk(1_500, seed=7)
C, H, L, V = (np.array(BARS[name]) for name in ("close", "high", "low", "volume"))
LATER = 1_000  # of an average that was begun otherwise, less than 1e-12 is left here

Lines = Sequence[FloatArray]

# Equal from the first value on.
SAME: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "sma": (lambda: ours.sma(C, 20), lambda: talib.SMA(C, 20)),
    "ema": (lambda: ours.ema(C, 20), lambda: talib.EMA(C, 20)),
    "wma": (lambda: ours.wma(C, 20), lambda: talib.WMA(C, 20)),
    "roc": (lambda: ours.roc(C, 10), lambda: talib.ROC(C, 10)),
    "standard deviation": (lambda: ours.standard_deviation(C, 20), lambda: talib.STDDEV(C, 20)),
    "bollinger": (lambda: ours.bollinger(C, 20, 2.5), lambda: talib.BBANDS(C, 20, 2.5, 2.5)),
    "rsi, wilder": (lambda: ours.rsi(C, 14, "wilder"), lambda: talib.RSI(C, 14)),
    "cci": (lambda: ours.cci(H, L, C, 20), lambda: talib.CCI(H, L, C, 20)),
    "williams_r": (lambda: ours.williams_r(H, L, C, 14), lambda: talib.WILLR(H, L, C, 14)),
    "atr": (lambda: ours.atr(H, L, C, 14), lambda: talib.ATR(H, L, C, 14)),
    "donchian": (
        lambda: ours.donchian(H, L, 20)[::2],
        lambda: (talib.MAX(H, 20), talib.MIN(L, 20)),
    ),
    "obv": (lambda: ours.obv(C, V), lambda: talib.OBV(C, V)),
    "mfi": (lambda: ours.mfi(H, L, C, V, 14), lambda: talib.MFI(H, L, C, V, 14)),
}
# Begun otherwise, and equal later.
IN_THE_END: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "macd": (lambda: ours.macd(C), lambda: talib.MACD(C, 12, 26, 9)),
    "adx": (lambda: ours.adx(H, L, C, 14), lambda: talib.ADX(H, L, C, 14)),
    "dmi": (
        lambda: ours.dmi(H, L, C, 14),
        lambda: (talib.PLUS_DI(H, L, C, 14), talib.MINUS_DI(H, L, C, 14)),
    ),
    "stoch_rsi": (
        lambda: ours.stoch_rsi(C, 14, 14, 1, 3, smoothing="wilder"),
        lambda: talib.STOCHRSI(C, 14, 14, 3),
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_it_is_what_ta_lib_gives_from_the_first_value_on(name: str) -> None:
    mine, theirs = (lines_of(compute()) for compute in SAME[name])
    for found, expected in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", IN_THE_END)
def test_it_comes_to_what_ta_lib_gives(name: str) -> None:
    mine, theirs = (lines_of(compute()) for compute in IN_THE_END[name])
    for found, expected in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(found[LATER:], expected[LATER:], rtol=1e-8, atol=1e-8)


def test_macd_and_its_signal_are_what_talipp_gives() -> None:
    for value, line, signal in zip(
        talipp.MACD(12, 26, 9, C.tolist()), *ours.macd(C)[:2], strict=True
    ):
        assert (value.macd if value else None) == known(line)
        assert (value.signal if value else None) == known(signal)


def test_keltner_comes_to_what_talipp_gives() -> None:
    theirs = talipp.KeltnerChannels(20, 10, 2, 2, input_values=bars(V))
    mine = ours.keltner(H, L, C)
    for value, upper, lower in list(zip(theirs, mine.upper, mine.lower, strict=True))[LATER:]:
        assert value.ub == pytest.approx(upper, rel=1e-9)
        assert value.lb == pytest.approx(lower, rel=1e-9)


def test_stoch_rsi_is_what_talipp_gives() -> None:
    theirs = talipp.StochRSI(14, 14, 3, 3, C.tolist())
    mine = ours.stoch_rsi(C, smoothing="wilder")
    for value, k, d in zip(theirs, *mine, strict=True):
        assert (value.k if value else None) == known(k)
        assert (value.d if value else None) == known(d)


def test_supertrend_comes_to_what_talipp_gives() -> None:
    theirs = talipp.SuperTrend(10, 3, bars(V))
    mine = ours.supertrend(H, L, C)
    for value, line in list(zip(theirs, mine.line, strict=True))[300:]:
        assert value.value == pytest.approx(line, rel=1e-9)


def test_the_vwap_of_one_session_is_what_talipp_gives() -> None:
    volume = V + 1.0
    for value, found in zip(talipp.VWAP(bars(volume)), ours.vwap(H, L, C, volume), strict=True):
        assert value == pytest.approx(found, rel=1e-12)


def test_the_simple_rsi_is_not_wilders() -> None:
    assert abs(ours.rsi(C, 14) - talib.RSI(C, 14))[LATER:].max() > 1.0


def bars(volume: FloatArray) -> list[OHLCV]:
    rows = zip(C, H, L, C, volume, strict=True)
    return [OHLCV(*map(float, row)) for row in rows]


def lines_of(found: Any) -> Lines:
    return found if isinstance(found, tuple) else (found,)


def known(value: float) -> Any:
    return None if np.isnan(value) else pytest.approx(float(value), rel=1e-8, abs=1e-8)
