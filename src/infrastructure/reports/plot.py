"""One chart as SVG that is as wide as its page: lines stretch, letters do not.

The plot is two pictures side by side: the chart, whose inner picture stretches from 0 to 1000
across, and the scale at its right, of fixed width. Nothing in it needs a script.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from traderbot.infrastructure.compute.arrays import FloatArray
from traderbot.infrastructure.reports.axes import calendar_marks, round_values
from traderbot.infrastructure.reports.report_input import Instants
from traderbot.infrastructure.reports.texts import escaped
from traderbot.infrastructure.reports.thinning import Bars, thinned

ACROSS = 1000.0
_COLUMNS = 700
_TOP, _BOTTOM = 10, 24  # pixels above the highest value, and for the names of the dates
_MARKS, _LINES = 7, 4


@dataclass(slots=True, kw_only=True)
class Plot:
    """A chart being drawn: bars across, values up.

    Attributes:
        name: which chart, for the script that shows values under the pointer.
        title: what it shows, for people who do not see it.
        at: the bars.
        low, high: the values at the bottom and the top.
        height: in pixels.
        labels: the value at a line, as text.
    """

    name: str
    title: str
    at: Instants
    low: float
    high: float
    height: int
    inner: list[str] = field(default_factory=list)
    outer: list[str] = field(default_factory=list)

    def across(self, bar: float) -> float:
        """Return where a bar is, from 0 to 1."""
        return bar / max(self.at.size - 1, 1)

    def up(self, value: float) -> float:
        """Return where a value is, in pixels from the top."""
        room = self.height - _TOP - _BOTTOM
        return _TOP + room * (self.high - value) / ((self.high - self.low) or 1.0)

    def line(self, values: FloatArray, kind: str) -> None:
        """Draw a line through all values."""
        bars = thinned(values, _COLUMNS)
        self.inner.append(f'<path class="line {kind}" d="{self._path(bars, values)}"/>')

    def area(self, values: FloatArray, base: float, kind: str) -> None:
        """Fill what is between the values and the base."""
        bars = thinned(values, _COLUMNS)
        ground = f"{self.up(base):.1f}"
        first, last = (f"{self.across(int(bar)) * ACROSS:.1f}" for bar in (bars[0], bars[-1]))
        shape = f"M{first} {ground}L{self._path(bars, values)[1:]}L{last} {ground}Z"
        self.inner.append(f'<path class="area {kind}" d="{shape}"/>')

    def strokes(self, ends: Sequence[tuple[int, float, int, float]], kind: str) -> None:
        """Draw separate straight lines, each from a bar and a value to another."""
        steps = [
            f"M{self.across(begin) * ACROSS:.1f} {self.up(low):.1f}"
            f"L{self.across(end) * ACROSS:.1f} {self.up(high):.1f}"
            for begin, low, end, high in ends
        ]
        if steps:
            self.inner.append(f'<path class="line {kind}" d="{"".join(steps)}"/>')

    def sign(self, bar: int, value: float, kind: str) -> None:
        """Put a sign at a bar and a value; signs do not stretch."""
        self.outer.append(
            f'<use href="#{kind}" class="{kind}" x="{self.across(bar) * 100:.2f}%" '
            f'y="{self.up(value):.1f}"/>'
        )

    def level(self, value: float, kind: str) -> None:
        """Draw a line across at one value."""
        y = f"{self.up(value):.1f}"
        self.outer.append(f'<line class="{kind}" x1="0" x2="100%" y1="{y}" y2="{y}"/>')

    def drawn(self, labels: Sequence[tuple[float, str]] = ()) -> str:
        """Return the chart. Labels are values and their texts; the names of dates are added."""
        lines, texts = [], []
        for value, text in labels:
            y = f"{self.up(value):.1f}"
            lines.append(f'<line x1="0" x2="100%" y1="{y}" y2="{y}"/>')
            texts.append(f'<text x="8" y="{y}" dy=".32em">{escaped(text)}</text>')
        for bar, text in calendar_marks(self.at, _MARKS):
            place = self.across(bar)
            if place < 0.95:  # noqa: PLR2004  # a name further right would be cut
                lines.append(
                    f'<text x="{place * 100:.2f}%" y="{self.height - 6}">{escaped(text)}</text>'
                )
        return (
            f'<div class="plot" data-plot="{self.name}">'
            f'<svg class="picture" height="{self.height}" role="img" '
            f'aria-label="{escaped(self.title)}"><g class="grid">{"".join(lines)}</g>'
            f'<svg width="100%" height="{self.height}" viewBox="0 0 {ACROSS:.0f} {self.height}" '
            f'preserveAspectRatio="none">{"".join(self.inner)}</svg>{"".join(self.outer)}'
            f'<line class="cross" x1="0" x2="0" y1="0" y2="{self.height - _BOTTOM}"/></svg>'
            f'<svg class="scale" height="{self.height}" aria-hidden="true">{"".join(texts)}</svg>'
            '<div class="read"></div></div>'
        )

    def _path(self, bars: Bars, values: FloatArray) -> str:
        points = [
            f"{self.across(bar) * ACROSS:.1f} {self.up(value):.1f}"
            for bar, value in zip(bars.tolist(), values[bars].tolist(), strict=True)
        ]
        if len(points) == 1:
            points.append(f"{ACROSS:.1f} {self.up(float(values[bars[0]])):.1f}")
        return f"M{'L'.join(points)}"


def bounds(*curves: FloatArray) -> tuple[float, float]:
    """Return the lowest and the highest value, a little apart if they are one."""
    low = float(min(np.min(curve) for curve in curves))
    high = float(max(np.max(curve) for curve in curves))
    if low == high:
        spread = abs(low) * 0.01 or 1.0
        return low - spread, high + spread
    return low, high


def scale_of(low: float, high: float) -> list[float]:
    """Return the values that get a line across."""
    return round_values(low, high, _LINES)
