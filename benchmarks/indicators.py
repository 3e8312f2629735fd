"""Indicators beside TA-Lib and vector-ta: one series, a matrix, one live bar, a fresh process.

Ours are the functions a user calls, with everything they check and allocate; so are the others'.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np
import talib

from benchmarks.harness import Claim, Contestant, print_rates, ratio, take_turns
from traderbot import indicators as ours
from traderbot.indicators import live, matrix

_BARS = 100_000
_CALLS = 60
# EMA, SMA, RSI, ATR, Bollinger, MACD, ADX, VWAP: what a bot that looks at everything would hold.
_PANEL = ("ema", "sma", "rsi", "atr", "bollinger", "macd", "adx", "vwap")

_LIVE_SCRIPT = """
from traderbot.domain.strategies.indicators.momentum import rsi
from traderbot.domain.strategies.indicators.live import LiveIndicator
LiveIndicator(rsi(14)).update(100.0)
"""


def measure(rounds: int = 5) -> list[Claim]:
    """Measure, print the rates, return the claims."""
    peer: Any = import_module("vector_ta")
    bars = _bars(_BARS)
    claims = _series(bars, peer, rounds)
    claims += _matrix(rounds)
    claims += _live(bars, peer, rounds)
    claims.append(_first_bar(rounds))
    return claims


def _series(bars: dict[str, Any], peer: Any, rounds: int) -> list[Claim]:  # noqa: ANN401
    h, v, c = bars["high"], bars["low"], bars["close"]
    pairs: Sequence[tuple[str, str, float, Callable[[], object], Callable[[], object]]] = (
        ("EMA 20", "TA-Lib", 2.0, lambda: ours.ema(c, 20), lambda: talib.EMA(c, 20)),
        ("RSI 14", "TA-Lib", 1.5, lambda: ours.rsi(c, 14, "wilder"), lambda: talib.RSI(c, 14)),
        ("MACD", "TA-Lib", 1.6, lambda: ours.macd(c), lambda: talib.MACD(c, 12, 26, 9)),
        (
            "StochRSI 14/14/1/3",
            "TA-Lib",
            1.4,
            lambda: ours.stoch_rsi(c, 14, 14, 1, 3, smoothing="wilder"),
            lambda: talib.STOCHRSI(c, 14, 14, 3),
        ),
        ("ATR 14", "TA-Lib", 1.4, lambda: ours.atr(h, v, c, 14), lambda: talib.ATR(h, v, c, 14)),
        ("SMA 20", "vector-ta", 2.0, lambda: ours.sma(c, 20), lambda: peer.sma(c, 20)),
        ("ADX 14", "vector-ta", 2.5, lambda: ours.adx(h, v, c), lambda: peer.adx(h, v, c, 14)),
        (
            "Bollinger 20 x 2",
            "vector-ta",
            1.5,
            lambda: ours.bollinger(c, 20, 2.0),
            lambda: peer.bollinger_bands(c, 20, 2.0, 2.0),
        ),
    )
    claims = []
    for what, name, promised, mine, theirs in pairs:
        us, them = _calls("traderbot", mine, _CALLS), _calls(name, theirs, _CALLS)
        take_turns([us, them], rounds)
        print_rates(f"{what}, one series of 100,000 bars", [us, them], "calls/s")
        claims.append(Claim(f"{what}, 100,000 bars, against {name}", promised, ratio(us, them)))
    return claims


def _matrix(rounds: int) -> list[Claim]:
    closes = np.stack([_bars(5_000, seed)["close"] for seed in range(500)])

    def theirs() -> Any:  # noqa: ANN401 - an array of a library without types
        out = np.empty_like(closes)
        for row, into in zip(closes, out, strict=True):
            into[:] = talib.RSI(row, 14)
        return out

    us = _calls("traderbot", lambda: matrix("rsi", closes, period=14, smoothing="wilder"), 10)
    them = _calls("TA-Lib, row by row", theirs, 10)
    np.testing.assert_allclose(
        matrix("rsi", closes, period=14, smoothing="wilder"), theirs(), rtol=1e-9, atol=1e-9
    )
    take_turns([us, them], rounds)
    print_rates("RSI 14 of 500 symbols x 5,000 bars", [us, them], "matrices/s")
    return [Claim("RSI 14 of 500 x 5,000 against TA-Lib, row by row", 4.5, ratio(us, them))]


def _live(bars: dict[str, Any], peer: Any, rounds: int) -> list[Claim]:  # noqa: ANN401
    some = 5_000
    columns = {name: column[:some].tolist() for name, column in bars.items()}

    def mine(n: int) -> float:
        panel = [live(name) for name in _PANEL]
        inputs = [
            list(zip(*(columns[each] for each in one.indicator.inputs), strict=True))
            for one in panel
        ]
        steps = [one.update for one in panel]
        rows = list(zip(*inputs, strict=True))[:n]
        start = time.perf_counter()
        for row in rows:
            for step, values in zip(steps, row, strict=True):
                step(*values)
        return time.perf_counter() - start

    def theirs(n: int) -> float:
        ema, sma, rsi = peer.EmaStream(20), peer.SmaStream(20), peer.RsiStream(14)
        bands, macd = peer.BollingerBandsStream(20, 2.0, 2.0), peer.MacdStream(12, 26, 9, "ema")
        atr, adx = peer.AtrStream(14), peer.AdxStream(14)
        rows = list(zip(columns["high"], columns["low"], columns["close"], strict=True))[:n]
        start = time.perf_counter()
        for high, low, close in rows:
            ema.update(close)
            sma.update(close)
            rsi.update(close)
            bands.update(close)
            macd.update(close)
            atr.update(high, low, close)
            adx.update(high, low, close)
        return time.perf_counter() - start

    us = Contestant("traderbot, plain Python, eight indicators", mine, some)
    them = Contestant("vector-ta, seven streams (it has no VWAP)", theirs, some)
    take_turns([us, them], rounds)
    print_rates("one live bar", [us, them], "bars/s")
    return [
        Claim("one live bar, eight indicators, against vector-ta's seven", 2.0, ratio(us, them))
    ]


def _first_bar(rounds: int) -> Claim:
    def process(n: int) -> float:
        start = time.perf_counter()
        for _ in range(n):
            subprocess.run([sys.executable, "-c", _LIVE_SCRIPT], check=True)
        return time.perf_counter() - start

    us = Contestant("a process that starts, takes one live bar and ends", process, 5)
    take_turns([us], rounds)
    print_rates("the first live bar", [us], "processes/s")
    return Claim(
        "the first live bar of a fresh process", 100, 1_000 / max(us.rates), "ms", at_most=True
    )


def _calls(name: str, call: Callable[[], object], operations: int) -> Contestant:
    def run(n: int) -> float:
        start = time.perf_counter()
        for _ in range(n):
            call()
        return time.perf_counter() - start

    return Contestant(name, run, operations)


def _bars(bars: int, seed: int = 0) -> dict[str, Any]:
    """Return bars that wander on a grid of cents; the same for a seed on every machine."""
    chance = np.random.default_rng(seed)
    close = np.round(100.0 * np.exp(np.cumsum(chance.normal(0.0, 1e-3, bars))), 2)
    before = np.roll(close, 1)
    before[0] = close[0]
    return {
        "high": np.maximum(before, close) + np.round(chance.random(bars) / 10.0, 2),
        "low": np.minimum(before, close) - np.round(chance.random(bars) / 10.0, 2),
        "close": close,
        "volume": chance.integers(1, 1_000, bars).astype(np.float64),
        "session": (np.arange(bars) // 390).astype(np.float64),
    }
