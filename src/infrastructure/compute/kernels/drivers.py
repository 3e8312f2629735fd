"""Drives one scalar step over many bars, for many symbols or many parameters.

Each function here makes, of a step that takes so many columns, a loop over rows and bars. It runs
as it stands on nested lists, and compiled on arrays; there is no other loop around the definitions.

The loop takes the memories (one of each row, brought up to date), the columns (one row each, or one
row that all share), and the outputs as [row][output][bar]. A bar with a NaN is a gap: its outputs
are NaN, and its step is not made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from traderbot.domain.strategies.indicators.indicator import Step

# Nested lists, or arrays of one dimension less: what they have in common has no better name.
Cells = Any
Drive = Callable[..., None]

_NAN = float("nan")


def drive_1(step: Step) -> Drive:
    """Return the loop of a step that takes one column."""

    def drive(memories: Cells, a: Cells, out: Cells) -> None:
        for row in range(len(memories)):
            s = memories[row]
            x = a[row % len(a)]
            o = out[row]
            for i in range(len(x)):
                known = x[i] == x[i]
                if known:
                    step(s, x[i])
                for k in range(len(o)):
                    o[k][i] = s[k] if known else _NAN

    return drive


def drive_2(step: Step) -> Drive:
    """Return the loop of a step that takes two columns."""

    def drive(memories: Cells, a: Cells, b: Cells, out: Cells) -> None:
        for row in range(len(memories)):
            s = memories[row]
            x, y = a[row % len(a)], b[row % len(b)]
            o = out[row]
            for i in range(len(x)):
                known = x[i] == x[i] and y[i] == y[i]
                if known:
                    step(s, x[i], y[i])
                for k in range(len(o)):
                    o[k][i] = s[k] if known else _NAN

    return drive


def drive_3(step: Step) -> Drive:
    """Return the loop of a step that takes three columns."""

    def drive(memories: Cells, a: Cells, b: Cells, c: Cells, out: Cells) -> None:
        for row in range(len(memories)):
            s = memories[row]
            x, y, z = a[row % len(a)], b[row % len(b)], c[row % len(c)]
            o = out[row]
            for i in range(len(x)):
                known = x[i] == x[i] and y[i] == y[i] and z[i] == z[i]
                if known:
                    step(s, x[i], y[i], z[i])
                for k in range(len(o)):
                    o[k][i] = s[k] if known else _NAN

    return drive


def drive_4(step: Step) -> Drive:
    """Return the loop of a step that takes four columns."""

    def drive(  # noqa: PLR0917 - the columns in the order of the step
        memories: Cells, a: Cells, b: Cells, c: Cells, d: Cells, out: Cells
    ) -> None:
        for row in range(len(memories)):
            s = memories[row]
            x, y, z, v = a[row % len(a)], b[row % len(b)], c[row % len(c)], d[row % len(d)]
            o = out[row]
            for i in range(len(x)):
                known = x[i] == x[i] and y[i] == y[i] and z[i] == z[i] and v[i] == v[i]
                if known:
                    step(s, x[i], y[i], z[i], v[i])
                for k in range(len(o)):
                    o[k][i] = s[k] if known else _NAN

    return drive


def drive_5(step: Step) -> Drive:
    """Return the loop of a step that takes five columns."""

    def drive(  # noqa: PLR0917 - the columns in the order of the step
        memories: Cells, a: Cells, b: Cells, c: Cells, d: Cells, e: Cells, out: Cells
    ) -> None:
        for row in range(len(memories)):
            s = memories[row]
            x, y, z, v = a[row % len(a)], b[row % len(b)], c[row % len(c)], d[row % len(d)]
            w = e[row % len(e)]
            o = out[row]
            for i in range(len(x)):
                known = x[i] == x[i] and y[i] == y[i] and z[i] == z[i]
                known = known and v[i] == v[i] and w[i] == w[i]
                if known:
                    step(s, x[i], y[i], z[i], v[i], w[i])
                for k in range(len(o)):
                    o[k][i] = s[k] if known else _NAN

    return drive


_DRIVES: Sequence[Callable[[Step], Drive]] = (drive_1, drive_2, drive_3, drive_4, drive_5)


def drive_of(step: Step, columns: int) -> Drive:
    """Return the loop of a step that takes so many columns."""
    return _DRIVES[columns - 1](step)
