"""Runs an indicator over arrays: compiled if numba is there, in plain Python if not; equal bits."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from traderbot.domain.strategies.indicators.indicator import Indicator, Step
from traderbot.domain.strategies.indicators.memory import UNKNOWN
from traderbot.infrastructure.compute.arrays import FloatArray, check
from traderbot.infrastructure.compute.kernels.drivers import drive_of

# Loading or compiling a kernel takes longer than this many steps in plain Python.
_SMALL = 5_000
_ready: set[Step] = set()  # what is compiled already
# Below it a second thread costs more than it does.
_SHARED = 200_000
_CORES = os.cpu_count() or 1
_LONG_MEMORY = 1_000  # cells; what is longer is not kept

Loop = Callable[..., Any]

_HERE = __name__.rpartition(".")[0]


def run(indicators: Sequence[Indicator], columns: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
    """Return each output as a table with a row for every row of the columns or every indicator.

    Args:
        indicators: one, or one a row, all with the same step.
        columns: what the step takes, each of shape (rows or 1, bars), contiguous.

    Raises:
        InvalidValueError: a value is infinite, or not below 1e100.
    """
    first = indicators[0]
    if len(indicators) == 1 and first.step in _ready and all(len(each) == 1 for each in columns):
        found = _one_series(first, columns)
        if found is not None:
            return found
    rows = max(len(indicators), *(len(column) for column in columns))
    out = np.empty((rows, len(first.outputs), columns[0].shape[1]))
    if not _worth_compiling(first.step, rows * out.shape[2]):
        _check(first, columns)
        _in_python(first.step, _starts(indicators, rows), columns, out)
    elif not _without_gaps(first.step, _starts(indicators, rows), columns, out):
        _check(first, columns)
        loop = _compiled(first.step, len(columns))
        _shared(loop, _table(_starts(indicators, rows)), columns, out)
    return tuple(out.swapaxes(0, 1))


def _one_series(
    indicator: Indicator, columns: Sequence[FloatArray]
) -> tuple[FloatArray, ...] | None:
    """Take the shortest way: one series without gaps, and everything compiled. None if it is not.

    A call of a thousand bars is mostly the way to the loop.
    """
    loop = _blocks(indicator.step, len(columns))
    if loop is None:
        return None
    out = np.empty((1, len(indicator.outputs), columns[0].shape[1]))
    memory = indicator.memory
    if len(memory) > _LONG_MEMORY:
        table = np.array([indicator.start()])
    else:
        table = _before_the_first(len(indicator.outputs), memory).copy()
    return tuple(out.swapaxes(0, 1)) if loop(table, *columns, out) else None


@lru_cache(maxsize=128)
def _before_the_first(outputs: int, memory: tuple[float, ...]) -> FloatArray:
    return np.array([[UNKNOWN] * outputs + list(memory)])


def warm(indicator: Indicator) -> None:
    """Load what an indicator needs, compiling it where nothing is in the cache folder."""
    columns = len(indicator.inputs)
    if compiler() is not None:
        _blocks(indicator.step, columns)
        _compiled(indicator.step, columns)


def is_compiled() -> bool:
    """Whether numba is there; asking loads it."""
    return compiler() is not None


def _worth_compiling(step: Step, bars: int) -> bool:
    return step in _ready or (bars > _SMALL and compiler() is not None)


@cache
def compiler() -> ModuleType | None:
    """Return what compiles, or None where numba is not there; then all is slower, and the same."""
    # Not at the top: numba takes longer to import than everything else together.
    try:
        return import_module(f"{_HERE}.compiled")
    except ImportError:
        return None


def _in_python(
    step: Step, memories: list[list[float]], columns: Sequence[FloatArray], out: FloatArray
) -> None:
    filled = out.tolist()
    drive_of(step, len(columns))(memories, *(column.tolist() for column in columns), filled)
    out[:] = filled


def _without_gaps(
    step: Step, memories: list[list[float]], columns: Sequence[FloatArray], out: FloatArray
) -> bool:
    """Take the faster arrangement, if there is one; return whether it could be taken."""
    loop = _blocks(step, len(columns))
    return loop is not None and all(_shared(loop, _table(memories), columns, out))


@cache
def _compiled(step: Step, columns: int) -> Loop:
    return _compile(step, drive_of(step, columns), columns, "void")


@cache
def _blocks(step: Step, columns: int) -> Loop | None:
    loop = import_module(f"{_HERE}.blocks.catalogue").BLOCKS.get(step)
    return None if loop is None else _compile(step, loop, columns, "boolean")


def _compile(step: Step, loop: Loop, columns: int, result: str) -> Loop:
    found = compiler()
    assert found is not None  # noqa: S101 - asked before anything is worth compiling
    made: Loop = found.compiled(loop, columns, result)
    _ready.add(step)
    return made


def _shared(
    loop: Loop, memories: FloatArray, columns: Sequence[FloatArray], out: FloatArray
) -> list[Any]:
    """Give each thread some of the rows. No row depends on another, so neither do their bits."""
    rows = len(memories)
    threads = min(rows, _CORES)
    if threads == 1 or out.size < _SHARED:
        return [loop(memories, *columns, out)]
    edges = [rows * k // threads for k in range(threads + 1)]

    def part(low: int, high: int) -> Any:  # noqa: ANN401 - as the loop
        some = (each if len(each) == 1 else each[low:high] for each in columns)
        return loop(memories[low:high], *some, out[low:high])

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(part, edges[:-1], edges[1:]))


def _check(indicator: Indicator, columns: Sequence[FloatArray]) -> None:
    for name, column in zip(indicator.inputs, columns, strict=True):
        check(name, column)


def _starts(indicators: Sequence[Indicator], rows: int) -> list[list[float]]:
    if len(indicators) == rows:
        return [each.start() for each in indicators]
    return [indicators[0].start() for _ in range(rows)]


def _table(memories: list[list[float]]) -> FloatArray:
    if len(memories) == 1:
        return np.array(memories)
    longest = max(map(len, memories))
    return np.array([memory + [0.0] * (longest - len(memory)) for memory in memories])
