from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from tests.reference.series import CASES, SERIES, Case, Columns, case_name
from traderbot.domain.strategies.indicators.catalogue import indicator
from traderbot.domain.strategies.indicators.indicator import Indicator
from traderbot.domain.strategies.indicators.live import LiveIndicator
from traderbot.infrastructure.compute.arrays import FloatArray
from traderbot.infrastructure.compute.kernels import compiled, running
from traderbot.infrastructure.compute.kernels.blocks.catalogue import BLOCKS
from traderbot.infrastructure.compute.kernels.drivers import drive_of

every_case = pytest.mark.parametrize("case", CASES, ids=case_name)

# Longer than four stretches of 1,024 bars after any warm-up.
BARS = 4_300
LENGTHS = (0, 1, 2, 3, 4, 500, 512, 513, 1_023, 1_024, 1_025, BARS)


@every_case
@pytest.mark.parametrize("series", SERIES)
def test_compiled_and_plain_python_give_the_bits_of_bar_by_bar(case: Case, series: str) -> None:
    made = indicator(case[0], **case[1])
    columns = SERIES[series](1_200)
    expected = live(made, columns)
    assert same(in_python(made, columns), expected)
    assert same(compiled_loop(made, columns), expected)
    assert same(as_chosen(made, columns), expected)


@pytest.mark.parametrize(
    "case", [each for each in CASES if indicator(each[0], **each[1]).step in BLOCKS], ids=case_name
)
@pytest.mark.parametrize("series", ["walk", "coarse", "extreme"])
def test_the_faster_arrangements_give_the_same_bits_at_every_length(
    case: Case, series: str
) -> None:
    made = indicator(case[0], **case[1])
    loop = running._blocks(made.step, len(made.inputs))
    assert loop is not None
    columns = SERIES[series](BARS)
    expected = live(made, columns)
    for length in LENGTHS:
        bars = max(length, made.warm_up) if length > 4 else made.warm_up + length
        part = {name: values[:bars] for name, values in columns.items()}
        out = np.empty((1, len(made.outputs), bars))
        assert loop(np.array([made.start()]), *tables(made, part), out)
        assert same(out[0], expected[:, :bars]), bars


@pytest.mark.parametrize("step", BLOCKS, ids=lambda step: step.__name__)
def test_the_faster_arrangements_notice_every_gap(step: Callable[..., None]) -> None:
    made = next(each for case in CASES if (each := indicator(case[0], **case[1])).step is step)
    loop = running._blocks(step, len(made.inputs))
    assert loop is not None
    for wrong in (math.nan, math.inf, -math.inf, 1e100):
        for column in range(len(made.inputs)):
            for place in (0, 1, 511, 512, 513, 1_099):
                given = tables(made, SERIES["walk"](1_100))
                given[column][0, place] = wrong
                out = np.empty((1, len(made.outputs), 1_100))
                assert not loop(np.array([made.start()]), *given, out)


@every_case
def test_a_matrix_gives_each_row_the_bits_of_its_own_series(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "_SHARED", 1)  # more threads than one, whatever the size
    monkeypatch.setattr(running, "_CORES", 3)
    made = indicator(case[0], **case[1])
    rows = [SERIES[name](700) for name in ("walk", "coarse", "gappy", "extreme")]
    for some in (rows, [rows[0], rows[1]]):
        stacked = [np.array([row[name] for row in some]) for name in made.inputs]
        found = running.run([made], stacked)
        for i, row in enumerate(some):
            assert same(np.array([line[i] for line in found]), live(made, row))


@every_case
def test_a_sweep_gives_each_set_the_bits_of_its_own_run(case: Case) -> None:
    name, parameters = case
    if "period" not in parameters and name in {"obv", "vwap", "macd"}:
        sets = [indicator(name, **parameters)] * 2
    else:
        sets = [indicator(name, **{**parameters, "period": period}) for period in (2, 9, 30)]
    columns = SERIES["walk"](600)
    found = running.run(sets, tables(sets[0], columns))
    for i, made in enumerate(sets):
        assert same(np.array([line[i] for line in found]), live(made, columns))


def test_no_multiplication_is_fused_with_an_addition() -> None:
    for name in ("macd", "supertrend"):
        made = indicator(name)
        loop: Any = BLOCKS.get(made.step) or drive_of(made.step, len(made.inputs))
        result = "boolean" if made.step in BLOCKS else "void"
        signature = f"{result}({'float64[:,::1],' * (len(made.inputs) + 1)} float64[:,:,::1])"
        kernel: Any = compiled._compile(loop, signature, None)
        (assembly,) = kernel.inspect_asm().values()
        assert "mul" in assembly
        assert "fmadd" not in assembly
        assert "fmsub" not in assembly
        assert "fnmadd" not in assembly


def live(made: Indicator, columns: Columns) -> FloatArray:
    one = LiveIndicator(made)
    rows = zip(*(columns[name] for name in made.inputs), strict=True)
    found = [one.update(*row) for row in rows]
    return np.array([each if isinstance(each, tuple) else (each,) for each in found]).T


def in_python(made: Indicator, columns: Columns) -> FloatArray:
    given = tables(made, columns)
    out = np.empty((1, len(made.outputs), given[0].shape[1]))
    running._in_python(made.step, [made.start()], given, out)
    return np.array(out[0])


def compiled_loop(made: Indicator, columns: Columns) -> FloatArray:
    given = tables(made, columns)
    out = np.empty((1, len(made.outputs), given[0].shape[1]))
    running._compiled(made.step, len(given))(np.array([made.start()]), *given, out)
    return np.array(out[0])


def as_chosen(made: Indicator, columns: Columns) -> FloatArray:
    return np.array([line[0] for line in running.run([made], tables(made, columns))])


def tables(made: Indicator, columns: Columns) -> Sequence[FloatArray]:
    return [np.array([columns[name]]) for name in made.inputs]


def same(found: FloatArray, expected: FloatArray) -> bool:
    """Whether all bits are equal; NaN is NaN, whatever else is in it."""
    unknown = np.isnan(expected)
    if found.shape != expected.shape or not np.array_equal(np.isnan(found), unknown):
        return False
    left, right = np.where(unknown, 0.0, found), np.where(unknown, 0.0, expected)
    return np.array_equal(left.view(np.int64), right.view(np.int64))
