"""Every indicator once more, slow and obvious: each value from the whole series, no state at all.

Sums are exact (`fsum`), averages are written as the weighted sums they are, windows are slices. A
value that is not known yet is None.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import fsum, sqrt

Series = Sequence[float]
Line = list[float | None]


def sma(close: Series, period: int) -> tuple[Line]:
    return (_windows(close, period, _mean),)


def ema(close: Series, period: int) -> tuple[Line]:
    return (_smoothed(close, period, 2 / (period + 1)),)


def wma(close: Series, period: int) -> tuple[Line]:
    def weighted(window: Series) -> float:
        return fsum((k + 1) * x for k, x in enumerate(window)) * 2 / (period * (period + 1))

    return (_windows(close, period, weighted),)


def macd(close: Series, fast: int, slow: int, signal: int) -> tuple[Line, Line, Line]:
    line = _minus(ema(close, fast)[0], ema(close, slow)[0])
    known = [value for value in line if value is not None]
    average = _later(_smoothed(known, signal, 2 / (signal + 1)), len(line))
    return line, average, _minus(line, average)


def roc(close: Series, period: int) -> tuple[Line]:
    def change(window: Series) -> float:
        return 100 * (window[-1] - window[0]) / window[0] if window[0] else 0.0

    return (_windows(close, period + 1, change),)


def standard_deviation(close: Series, period: int) -> tuple[Line]:
    return (_windows(close, period, _deviation),)


def zscore(close: Series, period: int) -> tuple[Line]:
    def score(window: Series) -> float:
        return (window[-1] - _mean(window)) / _deviation(window) if _moves(window) else 0.0

    return (_windows(close, period, score),)


def bollinger(close: Series, period: int, multiplier: float) -> tuple[Line, Line, Line]:
    middle = _windows(close, period, _mean)
    width = _scaled(_windows(close, period, _deviation), multiplier)
    return _plus(middle, width), middle, _minus(middle, width)


def rsi(close: Series, period: int, smoothing: str, seeding: str = "mean") -> tuple[Line]:
    changes = _changes(close)
    gains, losses = [max(x, 0.0) for x in changes], [max(-x, 0.0) for x in changes]
    if smoothing == "simple":
        gain, loss = _windows(gains, period, _mean), _windows(losses, period, _mean)
    else:
        seeds = period if seeding == "mean" else 1
        gain, loss = (_smoothed(each, seeds, 1 / period) for each in (gains, losses))
    return (_later(_both(gain, loss, lambda g, v: _share(g, g + v, 50.0)), len(close)),)


def stoch_rsi(  # noqa: PLR0917 - as the definition
    close: Series, period: int, stoch_period: int, k: int, d: int, smoothing: str
) -> tuple[Line, Line]:
    strength = [value for value in rsi(close, period, smoothing)[0] if value is not None]

    def place(window: Series) -> float:
        low, high = min(window), max(window)
        return _share(window[-1] - low, high - low, 50.0) if high - low > 1e-9 else 50.0

    raw = [value for value in _windows(strength, stoch_period, place) if value is not None]
    first = [value for value in _windows(raw, k, _mean) if value is not None]
    second = _windows(first, d, _mean)
    return _later(list(first), len(close)), _later(second, len(close))


def cci(high: Series, low: Series, close: Series, period: int) -> tuple[Line]:
    def index(window: Series) -> float:
        distance = fsum(abs(x - _mean(window)) for x in window) / period
        return (window[-1] - _mean(window)) / (0.015 * distance) if _moves(window) else 0.0

    return (_windows(_typical(high, low, close), period, index),)


def williams_r(high: Series, low: Series, close: Series, period: int) -> tuple[Line]:
    top, bottom = _windows(high, period, max), _windows(low, period, min)
    return (
        [
            None if h is None or b is None else -_share(h - c, h - b, 50.0)
            for h, b, c in zip(top, bottom, close, strict=True)
        ],
    )


def atr(high: Series, low: Series, close: Series, period: int) -> tuple[Line]:
    spans = [
        max(h - v, abs(h - before), abs(v - before))
        for h, v, before in zip(high[1:], low[1:], close, strict=False)
    ]
    return (_later(_smoothed(spans, period, 1 / period), len(close)),)


def adx(high: Series, low: Series, close: Series, period: int) -> tuple[Line]:
    plus, minus = _movements(high, low, period)
    index = _both(plus, minus, lambda p, m: _share(abs(p - m), p + m, 0.0))
    known = [value for value in index if value is not None]
    return (_later(_smoothed(known, period, 1 / period), len(close)),)


def dmi(high: Series, low: Series, close: Series, period: int) -> tuple[Line, Line]:
    span = atr(high, low, close, period)[0][1:]
    lines = [
        _later(_both(each, span, lambda m, s: _share(m, s, 0.0)), len(close))
        for each in _movements(high, low, period)
    ]
    return lines[0], lines[1]


def keltner(  # noqa: PLR0917 - as the definition
    high: Series, low: Series, close: Series, period: int, atr_period: int, multiplier: float
) -> tuple[Line, Line, Line]:
    middle = ema(close, period)[0]
    width = _scaled(atr(high, low, close, atr_period)[0], multiplier)
    return _plus(middle, width), middle, _minus(middle, width)


def dynamic_bands(  # noqa: PLR0917 - as the definition
    high: Series,
    low: Series,
    close: Series,
    period: int,
    atr_period: int,
    baseline: int,
    multiplier: float,
) -> tuple[Line, Line, Line]:
    span = atr(high, low, close, atr_period)[0]
    known = [value for value in span if value is not None]
    usual = _later(_windows(known, baseline, _mean), len(close))
    calm = _both(span, usual, lambda a, b: min(max(a / b, 0.5), 2.0) if b else 1.0)
    width = _both(_scaled(span, multiplier), calm, lambda a, b: a * b)
    middle = ema(close, period)[0]
    return _plus(middle, width), middle, _minus(middle, width)


def donchian(high: Series, low: Series, period: int) -> tuple[Line, Line, Line]:
    top, bottom = _windows(high, period, max), _windows(low, period, min)
    return top, _scaled(_plus(top, bottom), 0.5), bottom


def supertrend(
    high: Series, low: Series, close: Series, period: int, multiplier: float
) -> tuple[Line, Line]:
    lines: list[tuple[float | None, float | None]] = []
    upper = lower = trend = None
    spans = atr(high, low, close, period)[0]
    for i, span in enumerate(spans):
        if span is None:
            lines.append((None, None))
            continue
        middle = (high[i] + low[i]) / 2
        basic_upper, basic_lower = middle + multiplier * span, middle - multiplier * span
        if upper is None or lower is None or trend is None:
            upper, lower, trend = basic_upper, basic_lower, 1.0
        else:
            upper = basic_upper if close[i - 1] > upper else min(basic_upper, upper)
            lower = basic_lower if close[i - 1] < lower else max(basic_lower, lower)
            if trend > 0 and close[i] < lower:
                trend = -1.0
            elif trend < 0 and close[i] > upper:
                trend = 1.0
        lines.append((lower if trend > 0 else upper, trend))
    return [line for line, _ in lines], [trend for _, trend in lines]


def vwap(high: Series, low: Series, close: Series, volume: Series, session: Series) -> tuple[Line]:
    price = _typical(high, low, close)
    result: Line = []
    for i in range(len(close)):
        first = i
        while first > 0 and session[first - 1] == session[i]:
            first -= 1
        result.append(_weighted(price[first : i + 1], volume[first : i + 1]))
    return (result,)


def rolling_vwap(
    high: Series, low: Series, close: Series, volume: Series, period: int
) -> tuple[Line]:
    price = _typical(high, low, close)
    known = [
        _weighted(price[i - period + 1 : i + 1], volume[i - period + 1 : i + 1])
        for i in range(period - 1, len(close))
    ]
    return (_later(list(known), len(close)),)


def obv(close: Series, volume: Series) -> tuple[Line]:
    flows = [volume[0]] + [
        v if change > 0 else -v if change < 0 else 0.0
        for change, v in zip(_changes(close), volume[1:], strict=True)
    ]
    return ([fsum(flows[: i + 1]) for i in range(len(flows))],)


def mfi(high: Series, low: Series, close: Series, volume: Series, period: int) -> tuple[Line]:
    price = _typical(high, low, close)
    moves = list(zip(_changes(price), price[1:], volume[1:], strict=True))
    up = _windows([p * v if c > 0 else 0.0 for c, p, v in moves], period, fsum)
    down = _windows([p * v if c < 0 else 0.0 for c, p, v in moves], period, fsum)
    return (_later(_both(up, down, lambda a, b: _share(a, a + b, 50.0)), len(close)),)


def _windows(values: Series, period: int, of: Callable[[Series], float]) -> Line:
    known = [of(values[i - period : i]) for i in range(period, len(values) + 1)]
    return _later(list(known), len(values))


def _smoothed(values: Series, period: int, new: float) -> Line:
    """Return first * (1 - new)^k + the later values, each with its own weight."""
    if len(values) < period:
        return [None] * len(values)
    first, later = _mean(values[:period]), values[period:]
    known: Line = [first]
    for k in range(1, len(later) + 1):
        parts = (new * (1 - new) ** (k - 1 - j) * later[j] for j in range(k))
        known.append(fsum([first * (1 - new) ** k, *parts]))
    return _later(known, len(values))


def _movements(high: Series, low: Series, period: int) -> tuple[Line, Line]:
    ups, downs = _changes(high), [-x for x in _changes(low)]
    plus = [u if u > d and u > 0 else 0.0 for u, d in zip(ups, downs, strict=True)]
    minus = [d if d > u and d > 0 else 0.0 for u, d in zip(ups, downs, strict=True)]
    return _smoothed(plus, period, 1 / period), _smoothed(minus, period, 1 / period)


def _typical(high: Series, low: Series, close: Series) -> list[float]:
    # Rounded as the definition rounds it: whether it rose or fell depends on its last bit.
    return [(h + v + c) / 3 for h, v, c in zip(high, low, close, strict=True)]


def _weighted(values: Series, weights: Series) -> float:
    whole = fsum(weights)
    return (
        fsum(v * w for v, w in zip(values, weights, strict=True)) / whole if whole else values[-1]
    )


def _changes(values: Series) -> list[float]:
    return [later - earlier for earlier, later in pairwise(values)]


def _share(part: float, whole: float, otherwise: float) -> float:
    return 100 * part / whole if whole else otherwise


def _mean(values: Series) -> float:
    return fsum(values) / len(values)


def _deviation(values: Series) -> float:
    mean = _mean(values)
    return sqrt(fsum((x - mean) ** 2 for x in values) / len(values)) if _moves(values) else 0.0


def _moves(values: Series) -> bool:
    return min(values) != max(values)


def _later(known: Line, bars: int) -> Line:
    return [None] * (bars - len(known)) + known


def _both(a: Line, b: Line, of: Callable[[float, float], float]) -> Line:
    return [None if x is None or y is None else of(x, y) for x, y in zip(a, b, strict=True)]


def _plus(a: Line, b: Line) -> Line:
    return _both(a, b, lambda x, y: x + y)


def _minus(a: Line, b: Line) -> Line:
    return _both(a, b, lambda x, y: x - y)


def _scaled(a: Line, factor: float) -> Line:
    return [None if x is None else x * factor for x in a]
