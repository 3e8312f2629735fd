"""Cuts a sweep into chunks that share their work, each small enough to be lost.

Sets of RSI_CROSS with the same indicator share it, and within a chunk every level is looked for
once. All others share the indicators they declare: sets that declare the same stand together.
No chunk depends on another, so neither do its bits on who computes it, where, or in what order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from traderbot.domain.strategies.rsi_cross import RsiCrossStrategy
from traderbot.domain.strategies.signal_strategy import SignalStrategy
from traderbot.domain.strategies.strategy import BaseStrategy
from traderbot.infrastructure.compute.backtests.grid import ParameterSet

_LEVELS = ("oversold", "overbought")
_MOST_SETS = 512  # in a chunk of RSI_CROSS
_FEW_SETS = 32  # in one of strategies over columns
_SLOW_SETS = 4  # in one of strategies that are asked bar by bar: a Ctrl-C waits for it
_LIST_BYTES = 16_000_000  # for the bars at which levels are crossed


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Some sets of a sweep, by their numbers. `pairs` are the levels of RSI_CROSS."""

    numbers: tuple[int, ...]
    sets: tuple[ParameterSet, ...]
    pairs: tuple[tuple[float, float], ...] | None = None


def plan(kind: type[BaseStrategy], sets: Sequence[ParameterSet], bars: int) -> list[Chunk]:
    """Return all sets in chunks.

    Raises:
        InvalidParameterError: the strategy cannot be made with one of the sets.
    """
    if kind is RsiCrossStrategy:
        return list(_by_indicator(sets, bars))
    return list(_by_features(kind, sets))


def _by_indicator(sets: Sequence[ParameterSet], bars: int) -> Iterator[Chunk]:
    groups: dict[tuple[tuple[str, Any], ...], list[tuple[float, float, int]]] = {}
    seen: dict[tuple[Any, Any], tuple[float, float]] = {}
    for number, chosen in enumerate(sets):
        rest = tuple(sorted((k, v) for k, v in chosen.items() if k not in _LEVELS))
        group = groups.get(rest)
        if group is None:
            RsiCrossStrategy(**dict(rest))  # each value is checked once
            group = groups[rest] = []
        given = chosen.get("oversold", 30.0), chosen.get("overbought", 70.0)
        if given not in seen:
            made = RsiCrossStrategy(**{k: chosen[k] for k in _LEVELS if k in chosen})
            seen[given] = made.oversold, made.overbought
        group.append((*seen[given], number))
    levels = max(2, _LIST_BYTES // (2 * bars + 8))
    for members in groups.values():
        for part in _parts(sorted(members), levels):
            numbers = tuple(number for _, _, number in part)
            yield Chunk(
                numbers=numbers,
                sets=tuple(sets[number] for number in numbers),
                pairs=tuple((low, high) for low, high, _ in part),
            )


def _parts(
    members: Iterable[tuple[float, float, int]], levels: int
) -> Iterator[list[tuple[float, float, int]]]:
    """Cut where a chunk would have too many sets, or too many different levels."""
    part: list[tuple[float, float, int]] = []
    lows: set[float] = set()
    highs: set[float] = set()
    for low, high, number in members:
        more = len(lows | {low}) + len(highs | {high})
        if part and (len(part) == _MOST_SETS or more > levels):
            yield part
            part, lows, highs = [], set(), set()
        part.append((low, high, number))
        lows.add(low)
        highs.add(high)
    if part:
        yield part


def _by_features(kind: type[BaseStrategy], sets: Sequence[ParameterSet]) -> Iterator[Chunk]:
    keys = []
    for number, chosen in enumerate(sets):
        made = kind(**chosen)
        features = made.features.values() if isinstance(made, SignalStrategy) else ()
        keys.append((sorted(repr(each.source) for each in features), number))
    order = [number for _, number in sorted(keys)]
    most = _FEW_SETS if issubclass(kind, SignalStrategy) else _SLOW_SETS
    for begin in range(0, len(order), most):
        numbers = tuple(order[begin : begin + most])
        yield Chunk(numbers=numbers, sets=tuple(sets[number] for number in numbers))
