"""What a strategy says of every bar of a series, all at once; the same as bar after bar."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.strategies.answers import SIGNALS, StrategyContext
from traderbot.domain.strategies.errors import StrategyAnswerError
from traderbot.domain.strategies.features import Feature
from traderbot.domain.strategies.further import Wanted, lasts
from traderbot.domain.strategies.signal_strategy import SignalStrategy
from traderbot.domain.strategies.strategy import BaseStrategy
from traderbot.infrastructure.compute.arrays import LARGEST, FloatArray
from traderbot.infrastructure.compute.columns import PRICES, Columns, IntArray
from traderbot.infrastructure.compute.kernels.running import run

Signs = npt.NDArray[np.int8]
# The outputs of an indicator, by the source of the feature; sets of a sweep may share one.
Computed = dict[tuple[object, ...], tuple[FloatArray, ...]]

_SIGN = {"BUY": 1, "SELL": -1, "HOLD": 0}
_DAY = 86_400_000_000_000
assert set(_SIGN) == set(SIGNALS)  # noqa: S101 - two lists of the same three words


@dataclass(frozen=True, slots=True, eq=False)
class FurtherColumns:
    """The rows of a further series, in the order they became known.

    Attributes:
        known_at: nanoseconds since 1970, UTC, never falling.
        columns: by name: those of bars, or score and confidence.
    """

    known_at: IntArray
    columns: Mapping[str, FloatArray]


def signals_of(
    strategy: BaseStrategy,
    bars: Columns,
    *,
    timeframe: str = "1d",
    symbol: str = "",
    also: Mapping[str, FurtherColumns] | None = None,
    computed: Computed | None = None,
) -> Signs:
    """Return +1 for buy, -1 for sell and 0 for hold, for each bar.

    Args:
        strategy: one over columns is asked once; any other is asked at every bar.
        bars: oldest first.
        timeframe: how long a bar lasts, which says when a further series was known.
        symbol: told to strategies that are asked at every bar.
        also: the further series the strategy wants, by their names; a missing mood stays unknown.
        computed: indicators of these very bars, to be shared between strategies; it is filled.

    Raises:
        StrategyAnswerError: the strategy gave something that is no answer.
        InvalidValueError: a value of the bars is not a finite number (it names column and row), or
            further bars the strategy wants are missing.
    """
    _check(bars)
    for wanted in strategy.also:
        if wanted.kind == "bars" and wanted.name not in (also or {}):
            raise InvalidValueError(
                f"{strategy.name or type(strategy).__name__} wants the further series "
                f"{wanted.name!r}, and there is none here"
            )
    if type(strategy).watch is SignalStrategy.watch and isinstance(strategy, SignalStrategy):
        features = features_of(strategy, bars, timeframe=timeframe, also=also, computed=computed)
        return signs_of(strategy, features, len(bars))
    return _bar_by_bar(strategy, bars, timeframe, symbol, also or {})


def signs_of(strategy: SignalStrategy, features: Mapping[str, Any], bars: int) -> Signs:
    """Return what a strategy says of these features, looked at and held during its warm-up."""
    if bars < strategy.warm_up:
        return np.zeros(bars, dtype=np.int8)  # as live, where it is not even asked
    with np.errstate(all="ignore"):  # as live: what is divided by zero compares as false
        given = strategy.asked(features)
    found = np.asarray(given)
    if found.shape != (bars,):
        raise StrategyAnswerError(
            f"signals returned {_told(given)}; it is to return one value for each of {bars} bars"
        )
    wrong = ~np.isin(found, (-1, 0, 1))
    if wrong.any():
        place = int(np.flatnonzero(wrong)[0])
        raise StrategyAnswerError(
            f"signals returned {found[place]!r:.60} for bar {place}; it is +1, -1 or 0"
        )
    signs = found.astype(np.int8)
    signs[: max(0, strategy.warm_up - 1)] = 0
    return signs


def features_of(
    strategy: SignalStrategy,
    bars: Columns,
    *,
    timeframe: str = "1d",
    also: Mapping[str, FurtherColumns] | None = None,
    computed: Computed | None = None,
) -> Mapping[str, Any]:
    """Return every column the strategy may look at, by name."""
    return _Features(strategy, bars, timeframe, also or {}, {} if computed is None else computed)


class _Features(Mapping[str, Any]):
    """Columns by name, each computed when it is asked for."""

    def __init__(
        self,
        strategy: SignalStrategy,
        bars: Columns,
        timeframe: str,
        also: Mapping[str, FurtherColumns],
        computed: Computed,
    ) -> None:
        self._strategy = strategy
        self._bars = bars
        self._also = also
        self._computed = computed
        self._closes_at = bars.at + lasts(timeframe) if strategy.also else bars.at
        self._wanted: dict[str, Wanted] = {each.name: each for each in strategy.also}

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - floats, or instants
        # Others share it: a strategy that writes into a column is told, and spoils nothing.
        found = self._found(name).view()
        found.flags.writeable = False
        return found

    def _found(self, name: str) -> Any:  # noqa: ANN401 - as above
        feature = self._strategy.features.get(name)
        if feature is not None:
            return self._indicator(feature)
        if name in PRICES:
            return getattr(self._bars, name)
        if name == "at":
            return self._bars.at
        if name == "session":
            return _session(self._bars)
        of, _, column = name.partition(".")
        if of in self._wanted and column in self._wanted[of].columns:
            further = self._also.get(of)
            return self._as_of(further, None if further is None else further.columns[column])
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        yield from ("at", *PRICES, "session", *self._strategy.features)
        for each in self._strategy.also:
            yield from (f"{each.name}.{column}" for column in each.columns)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _indicator(self, feature: Feature) -> FloatArray:
        if feature.source not in self._computed:
            self._computed[feature.source] = self._outputs(feature)
        found = self._computed[feature.source][feature.place]
        return self._as_of(self._also.get(feature.of), found) if feature.of else found

    def _outputs(self, feature: Feature) -> tuple[FloatArray, ...]:
        made = feature.made()
        if not feature.of:
            columns = [
                _session(self._bars) if name == "session" else getattr(self._bars, name)
                for name in made.inputs
            ]
        elif feature.of in self._also:
            columns = [self._also[feature.of].columns[name] for name in made.inputs]
        else:
            return (np.full(0, np.nan),) * len(made.outputs)
        if not len(columns[0]):
            return (np.full(0, np.nan),) * len(made.outputs)
        return tuple(each[0] for each in run([made], [column[None] for column in columns]))

    def _as_of(self, further: FurtherColumns | None, values: FloatArray | None) -> FloatArray:
        """Return the last value known when each of the run's bars closed."""
        if further is None or values is None or not len(values):
            return np.full(len(self._bars), np.nan)
        places = np.searchsorted(further.known_at, self._closes_at, side="right") - 1
        return np.where(places >= 0, values[np.maximum(places, 0)], np.nan)


def _bar_by_bar(
    strategy: BaseStrategy,
    bars: Columns,
    timeframe: str,
    symbol: str,
    also: Mapping[str, FurtherColumns],
) -> Signs:
    context = StrategyContext(timeframe=timeframe, user_id="", bot_run_id="")
    watcher = strategy.watch(symbol, context)
    for wanted in strategy.also:
        further = also.get(wanted.name)
        if further is not None:
            columns = [further.columns[name].tolist() for name in wanted.columns]
            rows = zip(*columns, strict=True)
            for known_at, values in zip(further.known_at.tolist(), rows, strict=True):
                watcher.hear(wanted.name, known_at, values)
    signs = np.zeros(len(bars), dtype=np.int8)
    for place, row in enumerate(bars.rows()):
        signs[place] = _SIGN[watcher.signal(row)]
        watcher.keep(row)
    return signs


def _session(bars: Columns) -> FloatArray:
    return (bars.at // _DAY).astype(np.float64)


def _check(bars: Columns) -> None:
    for name in PRICES:
        column = getattr(bars, name)
        wrong = ~(np.abs(column) < LARGEST)
        if wrong.any():
            place = int(np.flatnonzero(wrong)[0])
            raise InvalidValueError(
                f"{name}s[{place}] is {float(column[place])}: a {name} is a finite number"
            )


def _told(given: object) -> str:
    shape = getattr(given, "shape", None)
    return f"an array of shape {shape}" if shape is not None else f"{given!r:.60}"
