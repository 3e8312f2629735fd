"""The eyes of a strategy over columns: each indicator's state, and the values of the last bars."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.strategies.answers import (
    Explanation,
    Signal,
    StrategyContext,
    StrategyResult,
    sound,
)
from traderbot.domain.strategies.errors import StrategyAnswerError
from traderbot.domain.strategies.features import AnyColumn, Feature, Features, session_of
from traderbot.domain.strategies.further import BAR_COLUMNS, Further, Wanted
from traderbot.domain.strategies.indicators.live import LARGEST, LiveIndicator
from traderbot.domain.strategies.watching import Row, Seen

_UNKNOWN = math.nan
_COLUMNS = Row._fields
_SIGNALS: Mapping[int, Signal] = {1: "BUY", -1: "SELL", 0: "HOLD"}
Values = dict[str, Any]


class Signalling(Protocol):
    """What can be asked about columns."""

    features: Mapping[str, Feature]
    also: tuple[Wanted, ...]
    lookback: int

    @property
    def warm_up(self) -> int:
        """Before so many bars the answer is HOLD."""
        ...

    def column(self, values: Iterable[Any]) -> AnyColumn:
        """Return the last values as a column."""
        ...

    def asked(self, features: Features) -> AnyColumn:
        """Return +1, -1 or 0 for each bar."""
        ...

    def confidence(self, signal: Signal, features: Features) -> float:
        """Return how sure it is."""
        ...

    def reason(self, signal: Signal, features: Features) -> str:
        """Return why."""
        ...

    def waiting(self, bars: int, features: Features) -> str:
        """Return what is missing."""
        ...

    def rules(self, features: Features) -> Mapping[str, bool]:
        """Return whether each rule held."""
        ...

    def values(self, features: Features) -> Mapping[str, float]:
        """Return what was seen."""
        ...


class SignalWatcher:
    """Watches for a strategy over columns, in constant memory."""

    def __init__(self, strategy: Signalling, symbol: str, context: StrategyContext) -> None:
        """Begin before the first bar of a run."""
        del symbol  # the answer is the same for everybody
        self._strategy = strategy
        self._warm_up = strategy.warm_up
        self._also = strategy.also
        self._lookback = strategy.lookback
        self._further = Further(strategy.also, context["timeframe"])
        self._own: list[_Track] = []
        self._others: list[_FurtherTrack] = []
        self._open_tracks()
        self._history: deque[Values] = deque(maxlen=max(1, strategy.lookback))
        self._bars = 0
        self._next: tuple[Row, Values, list[LiveIndicator]] | None = None

    def look(self, row: Row) -> Seen:
        """Return the answer for a bar and the reasons for it."""
        return self._seen(self._features(self._values(row)), self._bars + 1)

    def signal(self, row: Row) -> Signal:
        """Return the signal only."""
        return self._signal(self._features(self._values(row)), self._bars + 1)

    def keep(self, row: Row) -> None:
        """Make the state after this bar the state."""
        values = self._values(row)
        assert self._next is not None  # noqa: S101 - set a line above
        for track, live in zip(self._own, self._next[2], strict=True):
            track.live = live
        self._next = None
        for wanted in self._also:  # all but the last known row went into the indicators
            self._further.forget(wanted.name, self._further.known(wanted.name, row.at) - 1)
        self._history.append(values)
        self._bars += 1

    def hear(self, name: str, known_at: int, values: Sequence[float]) -> None:
        """Take in a row of a further series."""
        self._next = None
        self._further.hear(name, known_at, values)

    def seen(self) -> Seen:
        """Return what is said of the bar kept last."""
        return self._seen(_Live(self._history, self._strategy.column), self._bars)

    def _seen(self, features: Features, bars: int) -> Seen:
        strategy = self._strategy
        signal = self._signal(features, bars)
        enough = bars >= self._warm_up
        result: StrategyResult = {
            "signal": signal,
            "confidence": float(strategy.confidence(signal, features)),
            "reason": (
                strategy.reason(signal, features) if enough else strategy.waiting(bars, features)
            ),
        }
        rules = strategy.rules(features) if enough else {}
        return Seen(
            sound(result),
            Explanation(
                indicators=strategy.values(features), rules={"enough_bars": enough, **rules}
            ),
        )

    def _signal(self, features: Features, bars: int) -> Signal:
        if bars < self._warm_up:
            return "HOLD"
        signs = self._strategy.asked(features)
        try:
            sign = signs[-1]
            found = _SIGNALS[sign]
        except (TypeError, IndexError, KeyError) as error:
            raise StrategyAnswerError(
                f"signals returned {signs!r:.80}; it is to return +1, -1 or 0 for each bar"
            ) from error
        return found

    def _features(self, values: Values) -> Features:
        return _Live([*self._history, values][-self._lookback :], self._strategy.column)

    def _values(self, row: Row) -> Values:
        """Return the values of the bar after the kept ones, and remember the states behind them."""
        known = self._next
        if known is not None and (known[0] is row or known[0] == row):
            return known[1]
        self._check(row)
        values: Values = dict(zip(_COLUMNS, row, strict=True))
        values["session"] = session_of(row.at)
        states = []
        for track in self._own:
            live = track.live.copy()
            found = live.update(*(values[name] for name in track.inputs))
            states.append(live)
            for name, place in track.names:
                values[name] = found[place] if isinstance(found, tuple) else found
        for wanted in self._also:
            self._tell_further(wanted, row, values)
        self._next = row, values, states
        return values

    def _tell_further(self, wanted: Wanted, row: Row, values: Values) -> None:
        name = wanted.name
        known = self._further.known(name, row.at)
        last = self._further.row(name, known - 1) if known else [_UNKNOWN] * len(wanted.columns)
        for column, value in zip(wanted.columns, last, strict=True):
            values[f"{name}.{column}"] = value
        for track in self._others:
            if track.of == name:
                values.update(track.after(self._further, known))

    def _check(self, row: Row) -> None:
        least, most = min(row[1:]), max(row[1:])
        # NaN is neither the least nor the most of numbers, but makes their sum NaN.
        if least > -LARGEST and most < LARGEST and not math.isnan(sum(row[1:])):
            return
        for name in ("close", *Row._fields[1:]):
            value = getattr(row, name)
            if not -LARGEST < value < LARGEST:
                raise InvalidValueError(
                    f"{name}s[{self._bars}] is {value}: a {name} is a finite number"
                )

    def _open_tracks(self) -> None:
        by_source: dict[tuple[object, ...], list[tuple[str, Feature]]] = {}
        for name, feature in self._strategy.features.items():
            by_source.setdefault(feature.source, []).append((name, feature))
        for group in by_source.values():
            feature = group[0][1]
            names = tuple((name, each.place) for name, each in group)
            if feature.of:
                self._others.append(_FurtherTrack(feature, names))
            else:
                self._own.append(_Track(feature, names))


class _Track:
    """An indicator of the run's own bars."""

    __slots__ = ("inputs", "live", "names")

    def __init__(self, feature: Feature, names: tuple[tuple[str, int], ...]) -> None:
        self.live = LiveIndicator(feature.made())
        self.inputs = self.live.indicator.inputs
        self.names = names


class _FurtherTrack:
    """An indicator of a further series. What is known is never unknown again, so it only grows."""

    def __init__(self, feature: Feature, names: tuple[tuple[str, int], ...]) -> None:
        self.of = feature.of
        self._live = LiveIndicator(feature.made())
        self._places = [BAR_COLUMNS.index(name) for name in self._live.indicator.inputs]
        self._names = names
        self._taken = 0
        self._values = dict.fromkeys((name for name, _ in names), _UNKNOWN)

    def after(self, further: Further, known: int) -> Mapping[str, float]:
        """Return its values with so many rows of the series."""
        for place in range(self._taken, known):
            row = further.row(self.of, place)
            found = self._live.update(*(row[k] for k in self._places))
            for name, output in self._names:
                self._values[name] = found[output] if isinstance(found, tuple) else found
        self._taken = max(known, self._taken)
        return self._values


class _Live(Mapping[str, AnyColumn]):
    """The last bars by the names of their values; a column is made when it is asked for."""

    __slots__ = ("_bars", "_column")

    def __init__(
        self, bars: Sequence[Values], column: Callable[[Iterable[Any]], AnyColumn]
    ) -> None:
        self._bars = bars
        self._column = column

    def __getitem__(self, name: str) -> AnyColumn:
        return self._column([bar[name] for bar in self._bars])  # KeyError: no such column

    def __iter__(self) -> Iterator[str]:
        return iter(self._bars[-1] if self._bars else ())

    def __len__(self) -> int:
        return len(self._bars[-1]) if self._bars else 0
