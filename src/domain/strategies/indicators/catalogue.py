"""Every indicator, by name."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from traderbot.domain.strategies.errors import InvalidParameterError, hint
from traderbot.domain.strategies.indicators import averages, momentum, ranges, volume
from traderbot.domain.strategies.indicators.indicator import Indicator

_ALL: tuple[Callable[..., Indicator], ...] = (
    averages.sma,
    averages.ema,
    averages.wma,
    averages.macd,
    averages.roc,
    averages.standard_deviation,
    averages.zscore,
    averages.bollinger,
    momentum.rsi,
    momentum.stoch_rsi,
    momentum.cci,
    momentum.williams_r,
    ranges.atr,
    ranges.adx,
    ranges.dmi,
    ranges.keltner,
    ranges.dynamic_bands,
    ranges.donchian,
    ranges.supertrend,
    volume.vwap,
    volume.rolling_vwap,
    volume.obv,
    volume.mfi,
)
INDICATORS: Final = MappingProxyType({make.__name__: make for make in _ALL})


def indicator(name: str, **parameters: object) -> Indicator:
    """Return the indicator of that name with these parameters.

    Raises:
        InvalidParameterError: no such indicator, no such parameter, or one out of its bounds.
    """
    make = INDICATORS.get(name)
    if make is None:
        reason = f"no indicator is called {name!r:.60}{hint(name, INDICATORS)}"
        raise InvalidParameterError("name", reason)
    known = make.__code__.co_varnames[: make.__code__.co_argcount]
    for each in parameters:
        if each not in known:
            raise InvalidParameterError(each, f"{name} has no such parameter{hint(each, known)}")
    return make(**parameters)
