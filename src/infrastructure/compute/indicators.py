"""Indicators over arrays: arrays in, arrays of the same length out.

A value that is not known yet is NaN. A bar with a NaN in any of its columns is a gap: its result is
NaN, and it changes nothing, as if it had not been there. `docs/indicators.md` has every definition.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.strategies.indicators import averages, momentum, ranges, volume
from traderbot.domain.strategies.indicators.catalogue import INDICATORS, indicator
from traderbot.domain.strategies.indicators.indicator import Indicator
from traderbot.domain.strategies.indicators.live import LiveIndicator
from traderbot.domain.strategies.indicators.momentum import Smoothing
from traderbot.infrastructure.compute.arrays import FloatArray, Numbers, series, table
from traderbot.infrastructure.compute.kernels.running import run

Outputs = FloatArray | tuple[FloatArray, ...]
# A value for all sets, or one for each.
Choice = float | str | Sequence[float] | Sequence[str] | npt.NDArray[np.integer]


class Bands(NamedTuple):
    """Three lines, in the unit of the prices."""

    upper: FloatArray
    middle: FloatArray
    lower: FloatArray


class Macd(NamedTuple):
    """The line, its average, and the line less its average."""

    macd: FloatArray
    signal: FloatArray
    histogram: FloatArray


class StochRsi(NamedTuple):
    """From 0 to 100."""

    k: FloatArray
    d: FloatArray


class Dmi(NamedTuple):
    """Movement upwards and downwards in percent of the true range."""

    plus: FloatArray
    minus: FloatArray


class Supertrend(NamedTuple):
    """A line below a rising (1) and above a falling (-1) market."""

    line: FloatArray
    trend: FloatArray


def sma(close: Numbers, period: int = 20) -> FloatArray:
    """Return the simple moving average.

    Raises (this and every other function here):
        InvalidValueError: a column is empty, too short, of another length or shape than it should
            be, or holds something else than real numbers below 1e100 and NaN.
        InvalidParameterError: a parameter is out of its bounds.
    """
    return _one(_made(averages.sma, period), close)


def ema(close: Numbers, period: int = 20) -> FloatArray:
    """Return the exponential moving average, begun with a simple one."""
    return _one(_made(averages.ema, period), close)


def wma(close: Numbers, period: int = 20) -> FloatArray:
    """Return the linearly weighted moving average."""
    return _one(_made(averages.wma, period), close)


def macd(close: Numbers, fast: int = 12, slow: int = 26, signal: int = 9) -> Macd:
    """Return EMA(fast) - EMA(slow), an EMA of it, and their difference."""
    return Macd(*_several(_made(averages.macd, fast, slow, signal), close))


def roc(close: Numbers, period: int = 10) -> FloatArray:
    """Return the rate of change over `period` bars, in percent."""
    return _one(_made(averages.roc, period), close)


def standard_deviation(close: Numbers, period: int = 20) -> FloatArray:
    """Return the standard deviation, of the whole population."""
    return _one(_made(averages.standard_deviation, period), close)


def zscore(close: Numbers, period: int = 20) -> FloatArray:
    """Return how many standard deviations each value is from the mean."""
    return _one(_made(averages.zscore, period), close)


def bollinger(close: Numbers, period: int = 20, multiplier: float = 2.0) -> Bands:
    """Return the mean, and `multiplier` standard deviations above and below it."""
    return Bands(*_several(_made(averages.bollinger, period, multiplier), close))


def rsi(close: Numbers, period: int = 14, smoothing: Smoothing = "simple") -> FloatArray:
    """Return the Relative Strength Index, 0 to 100; of simple averages, or of Wilder's."""
    return _one(_made(momentum.rsi, period, smoothing), close)


def stoch_rsi(
    close: Numbers,
    period: int = 14,
    stoch_period: int = 14,
    k: int = 3,
    d: int = 3,
    *,
    smoothing: Smoothing = "simple",
) -> StochRsi:
    """Return where the RSI is in its own recent range, 0 to 100, and an average of that."""
    return StochRsi(
        *_several(_made(momentum.stoch_rsi, period, stoch_period, k, d, smoothing), close)
    )


def cci(high: Numbers, low: Numbers, close: Numbers, period: int = 20) -> FloatArray:
    """Return the Commodity Channel Index."""
    return _one(_made(momentum.cci, period), high, low, close)


def williams_r(high: Numbers, low: Numbers, close: Numbers, period: int = 14) -> FloatArray:
    """Return Williams' %R, -100 to 0."""
    return _one(_made(momentum.williams_r, period), high, low, close)


def atr(high: Numbers, low: Numbers, close: Numbers, period: int = 14) -> FloatArray:
    """Return the Average True Range."""
    return _one(_made(ranges.atr, period), high, low, close)


def adx(high: Numbers, low: Numbers, close: Numbers, period: int = 14) -> FloatArray:
    """Return the Average Directional Index, 0 to 100."""
    return _one(_made(ranges.adx, period), high, low, close)


def dmi(high: Numbers, low: Numbers, close: Numbers, period: int = 14) -> Dmi:
    """Return the directional indicators, +DI and -DI."""
    return Dmi(*_several(_made(ranges.dmi, period), high, low, close))


def keltner(
    high: Numbers,
    low: Numbers,
    close: Numbers,
    period: int = 20,
    *,
    atr_period: int = 10,
    multiplier: float = 2.0,
) -> Bands:
    """Return an EMA, and `multiplier` ATRs above and below it."""
    return Bands(*_several(_made(ranges.keltner, period, atr_period, multiplier), high, low, close))


def dynamic_bands(
    high: Numbers,
    low: Numbers,
    close: Numbers,
    period: int = 20,
    *,
    atr_period: int = 14,
    baseline: int = 50,
    multiplier: float = 2.0,
) -> Bands:
    """Return Keltner's bands, wider when the market is wilder than usual, narrower when calmer."""
    made = _made(ranges.dynamic_bands, period, atr_period, baseline, multiplier)
    return Bands(*_several(made, high, low, close))


def donchian(high: Numbers, low: Numbers, period: int = 20) -> Bands:
    """Return the highest high, the lowest low, and what is between."""
    return Bands(*_several(_made(ranges.donchian, period), high, low))


def supertrend(
    high: Numbers, low: Numbers, close: Numbers, period: int = 10, multiplier: float = 3.0
) -> Supertrend:
    """Return the supertrend's line and its direction."""
    return Supertrend(*_several(_made(ranges.supertrend, period, multiplier), high, low, close))


def vwap(
    high: Numbers,
    low: Numbers,
    close: Numbers,
    volume: Numbers,
    session: npt.ArrayLike | None = None,
) -> FloatArray:
    """Return the volume-weighted average price since the session began.

    Args:
        high: of each bar.
        low: of each bar.
        close: of each bar.
        volume: of each bar.
        session: the number of each bar's session, or datetime64 instants, whose UTC day is the
            session; without it all bars are one.
    """
    return _one(_VWAP, high, low, close, volume, _sessions(session, close))


def rolling_vwap(
    high: Numbers, low: Numbers, close: Numbers, volume: Numbers, period: int = 20
) -> FloatArray:
    """Return the volume-weighted average price of the last `period` bars."""
    return _one(_made(_rolling_vwap, period), high, low, close, volume)


def obv(close: Numbers, volume: Numbers) -> FloatArray:
    """Return the On-Balance Volume."""
    return _one(_OBV, close, volume)


def mfi(
    high: Numbers, low: Numbers, close: Numbers, volume: Numbers, period: int = 14
) -> FloatArray:
    """Return the Money Flow Index, 0 to 100."""
    return _one(_made(_mfi, period), high, low, close, volume)


_VWAP, _OBV = volume.vwap(), volume.obv()
_rolling_vwap, _mfi = volume.rolling_vwap, volume.mfi  # `volume` is a column above


def matrix(name: str, *columns: Numbers, **parameters: float | str) -> Outputs:
    """Return an indicator of many symbols: tables of shape (symbols, bars) in, the same out.

    The rows are shared among the cores. An indicator of several outputs gives a tuple of tables.

    Args:
        name: as in `INDICATORS`.
        *columns: what the indicator takes, in its order.
        **parameters: the indicator's own; what is left out keeps its default.
    """
    made = indicator(name, **parameters)
    given = _named(made, columns)
    tables = [table(column, values) for column, values in given]
    return _unpacked(_run([made], tables))


def sweep(name: str, *columns: Numbers, **parameters: Choice) -> Outputs:
    """Return an indicator of one series with many sets of parameters, one row a set.

    A parameter is one value for all sets, or as many values as there are sets.
    """
    lists = {
        key: np.asarray(value).tolist()
        for key, value in parameters.items()
        if isinstance(value, Sequence | np.ndarray) and not isinstance(value, str)
    }
    sets = {len(values) for values in lists.values()}
    if len(sets) != 1 or not min(sets):
        raise InvalidValueError(
            "a sweep takes at least one parameter with a value for each set, all equally many; "
            f"there are {({key: len(values) for key, values in lists.items()}) or 'none'}"
        )
    made = [
        indicator(name, **{**parameters, **{key: values[i] for key, values in lists.items()}})
        for i in range(sets.pop())
    ]
    if len({each.step for each in made}) > 1:
        raise InvalidValueError("a sweep takes one smoothing; make one sweep for each")
    given = _named(made[0], columns)
    return _unpacked(_run(made, [series(column, values)[None] for column, values in given]))


def live(name: str, **parameters: float | str) -> LiveIndicator:
    """Return an indicator that takes one bar at a time, in plain Python; the same bits."""
    return LiveIndicator(indicator(name, **parameters))


def _made(make: Callable[..., Indicator], *parameters: Any) -> Indicator:  # noqa: ANN401 - as `make`
    """Return an indicator; one that was asked for a moment ago is not made again."""
    try:
        return _kept(make, *parameters)
    except TypeError:  # a parameter that cannot be kept, and is to be refused by its own name
        return make(*parameters)


@lru_cache(maxsize=32, typed=True)
def _kept(make: Callable[..., Indicator], *parameters: Any) -> Indicator:  # noqa: ANN401 - as `make`
    return make(*parameters)


def _one(made: Indicator, *columns: Numbers) -> FloatArray:
    return _several(made, *columns)[0]


def _several(made: Indicator, *columns: Numbers) -> tuple[FloatArray, ...]:
    given = _named(made, columns)
    found = _run([made], [series(column, values)[None] for column, values in given])
    return tuple(each[0] for each in found)


def _run(made: Sequence[Indicator], columns: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
    first = made[0]
    if any(each.shape != columns[0].shape for each in columns):
        shapes = zip(first.inputs, columns, strict=True)
        told = ", ".join(f"{name} {_shape(each)}" for name, each in shapes)
        raise InvalidValueError(f"all columns are to be of one length: {told}")
    bars = columns[0].shape[1]
    longest = first if len(made) == 1 else max(made, key=lambda each: each.warm_up)
    if bars < longest.warm_up:
        raise InvalidValueError(
            f"{first.name} needs {longest.warm_up} bars with these parameters, there are {bars}"
        )
    return run(made, columns)


def _named(made: Indicator, columns: Sequence[Numbers]) -> list[tuple[str, Numbers]]:
    if len(columns) != len(made.inputs):
        raise InvalidValueError(
            f"{made.name} takes {', '.join(made.inputs)}: "
            f"{len(made.inputs)} columns, not {len(columns)}"
        )
    return list(zip(made.inputs, columns, strict=True))


def _sessions(session: npt.ArrayLike | None, like: Numbers) -> Numbers:
    if session is None:
        return np.zeros(np.shape(like))
    found = np.asarray(session)
    return found.astype("datetime64[D]").astype(np.int64) if found.dtype.kind == "M" else found


def _shape(column: FloatArray) -> str:
    return str(column.shape[1]) if column.shape[0] == 1 else str(column.shape)


def _unpacked(outputs: tuple[FloatArray, ...]) -> Outputs:
    return outputs[0] if len(outputs) == 1 else outputs


__all__ = [
    "INDICATORS",
    "Bands",
    "Dmi",
    "LiveIndicator",
    "Macd",
    "StochRsi",
    "Supertrend",
    "adx",
    "atr",
    "bollinger",
    "cci",
    "dmi",
    "donchian",
    "dynamic_bands",
    "ema",
    "keltner",
    "live",
    "macd",
    "matrix",
    "mfi",
    "obv",
    "roc",
    "rolling_vwap",
    "rsi",
    "sma",
    "standard_deviation",
    "stoch_rsi",
    "supertrend",
    "sweep",
    "vwap",
    "williams_r",
    "wma",
    "zscore",
]
