"""What an indicator is: which columns of a bar it reads, what it remembers, and one step."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from traderbot.domain.strategies.errors import InvalidParameterError
from traderbot.domain.strategies.indicators.memory import UNKNOWN, Memory

MAX_PERIOD = 100_000
_MAX_MULTIPLIER = 1_000.0

# Takes the memory and one value for each input; writes the outputs into the first cells.
Step = Callable[..., None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicator:
    """One indicator with its parameters, before the first bar.

    Attributes:
        name: what it is listed as.
        inputs: the columns of a bar, in the order the step takes them.
        outputs: what the first cells of the memory hold after a step.
        warm_up: with how many bars every output is known.
        step: the definition; a function of a module, so that kernels can be made of it.
        memory: the cells after the outputs, as they are before the first bar.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    warm_up: int
    step: Step
    memory: tuple[float, ...] = field(repr=False)

    def start(self) -> Memory:
        """Return the memory before the first bar."""
        return [UNKNOWN] * len(self.outputs) + list(self.memory)


def period_of(name: str, value: int, least: int = 1) -> int:
    """Return `value` if it can be a number of bars.

    Raises:
        InvalidParameterError: no whole number, or not from `least` to 100,000.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidParameterError(name, f"a whole number of bars, not {value!r:.60}")
    if not least <= value <= MAX_PERIOD:
        raise InvalidParameterError(name, f"from {least} to {MAX_PERIOD:,} bars, not {value}")
    return value


def multiplier_of(name: str, value: float) -> float:
    """Return `value` if bands can be that many deviations or ranges wide.

    Raises:
        InvalidParameterError: no number, or not from 0 to 1,000.
    """
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise InvalidParameterError(name, f"a number, not {value!r:.60}")
    if not (math.isfinite(value) and 0.0 <= value <= _MAX_MULTIPLIER):
        raise InvalidParameterError(name, f"from 0 to {_MAX_MULTIPLIER:,.0f}, not {value}")
    return float(value)
