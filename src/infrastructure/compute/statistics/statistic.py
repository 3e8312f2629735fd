"""What a statistic is: a function of one run, with a name, a unit, a formula and a source."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from inspect import cleandoc
from math import isfinite

from traderbot.infrastructure.compute.statistics.sample import Sample

Compute = Callable[[Sample], float | None]

_FORMULA = re.compile(r"^Formula:\n((?:    .*\n?)+)", re.MULTILINE)
_SOURCE = re.compile(r"^Source:\n((?:    .*\n?)+)", re.MULTILINE)


class Unit(StrEnum):
    """What the number counts."""

    SHARE = "share"  # 0.05 is 5 %
    RATIO = "ratio"
    MONEY = "money"  # in the run's quote currency
    COUNT = "count"
    DAYS = "days"  # of 24 hours
    PER_YEAR = "per year"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistic:
    """One figure that a run is told by. Called with a sample, it returns the figure.

    Attributes:
        name: as in JSON; stable.
        title: as people call it.
        unit: what the number counts.
        undefined: when there is no such figure; the answer is then None, never NaN.
        meaning: one sentence.
        formula: written out.
        source: where it is from.
    """

    name: str
    title: str
    unit: Unit
    undefined: str
    meaning: str
    formula: str
    source: str
    compute: Compute

    def __call__(self, sample: Sample) -> float | None:
        """Return the figure, or None where it is not defined or too large for a float64."""
        found = self.compute(sample)
        return found if found is not None and isfinite(found) else None


def statistic(
    title: str, unit: Unit, *, undefined: str = "never"
) -> Callable[[Compute], Statistic]:
    """Make a statistic of a function whose docstring has a sentence, a formula and a source."""

    def made(compute: Compute) -> Statistic:
        text = cleandoc(compute.__doc__ or "")
        return Statistic(
            name=compute.__name__,
            title=title,
            unit=unit,
            undefined=undefined,
            meaning=text.split("\n\n", maxsplit=1)[0].replace("\n", " ").removeprefix("Return "),
            formula=_section(_FORMULA, text),
            source=_section(_SOURCE, text),
            compute=compute,
        )

    return made


def _section(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return " ".join(found[1].split()) if found else ""
