"""The compiled entrances of this folder: each is loaded when it is needed first."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from traderbot.infrastructure.compute.kernels.running import compiler
from traderbot.infrastructure.compute.kernels.trading import runs

Entry = Callable[..., Any]

# What is only read may be an array nobody may write to.
_GIVEN, _GIVEN_INTS = "Array(float64, 1, 'C', True)", "Array(int64, 1, 'C', True)"
_GIVEN_SIGNS = "Array(int8, 1, 'C', True)"
_INTS, _LOG = "int64[::1]", "int64[:, ::1]"
_FLOATS, _ROWS = "float64[::1]", "float64[:, ::1]"
# opens, closes, at, terms, floats
_BARS = f"{_GIVEN}, {_GIVEN}, {_GIVEN_INTS}, {_GIVEN_INTS}, {_GIVEN}"
_ONE = f"{_LOG}, {_INTS}, {_FLOATS}, {_FLOATS}"  # log, totals, equity, sums
_LISTS = "int32[:, ::1]"

_SIGNATURES: dict[Entry, str] = {
    runs.run_signals: f"int64({_GIVEN_SIGNS}, {_BARS}, {_ONE})",
    runs.run_one_of_grid: f"int64({_GIVEN_SIGNS}, {_BARS}, {_ONE})",
    runs.run_rsi: f"int64({_GIVEN}, {_GIVEN}, int64, {_BARS}, {_ONE})",
    runs.run_strengths: f"int64({_GIVEN}, {_GIVEN}, int64, {_BARS}, {_ONE})",
    runs.run_grid: (
        f"int64({_GIVEN}, {_GIVEN}, {_GIVEN}, {_LISTS}, int64, {_BARS}, "
        f"{_LISTS}, {_LOG}, {_FLOATS}, {_LOG}, {_ROWS})"
    ),
}

ENTRIES = tuple(_SIGNATURES)


@cache
def entry(loop: Entry) -> Entry:
    """Return a loop compiled, or as it stands where there is no compiler; same results."""
    found = compiler()
    if found is None:
        return loop
    made: Entry = found.compiled_as(loop, _SIGNATURES[loop])
    return made
