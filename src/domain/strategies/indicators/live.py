"""An indicator that is fed bar by bar: what a live bot holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.strategies.indicators.indicator import Indicator
from traderbot.domain.strategies.indicators.memory import UNKNOWN

LARGEST = 1e100  # below it no square and no product overflows; no price or volume is near it


class LiveIndicator:
    """Takes one bar at a time, and gives the same bits as any other way to compute it.

    A bar with a value that is not a number is a gap: it has no result and changes nothing, as if
    it had not been there.
    """

    __slots__ = ("_inputs", "_memory", "_outputs", "_step", "indicator")

    def __init__(self, indicator: Indicator, memory: Sequence[float] | None = None) -> None:
        """Begin before the first bar, or where a `snapshot` was taken.

        Raises:
            InvalidValueError: the snapshot is longer or shorter than the memory of this indicator.
        """
        self.indicator = indicator
        self._step = indicator.step
        self._inputs = len(indicator.inputs)
        self._outputs = len(indicator.outputs)
        self._memory = indicator.start() if memory is None else list(memory)
        if len(self._memory) != self._outputs + len(indicator.memory):
            raise InvalidValueError(f"not a snapshot of {indicator!r}: start it anew from its bars")

    def update(self, *values: float) -> float | tuple[float, ...]:
        """Take one bar and return the value, or the tuple of values, as of then; NaN if unknown.

        Args:
            *values: one for each of the indicator's inputs, in their order.

        Raises:
            InvalidValueError: too many or too few values, or one beyond 1e100.
        """
        if len(values) != self._inputs:
            wanted = ", ".join(self.indicator.inputs)
            raise InvalidValueError(
                f"{self.indicator.name} takes {wanted}: {self._inputs} values, not {len(values)}"
            )
        for value in values:
            if not -LARGEST < value < LARGEST:
                if value != value:  # noqa: PLR0124 - which is how NaN says that it is one
                    return UNKNOWN if self._outputs == 1 else (UNKNOWN,) * self._outputs
                raise InvalidValueError(f"{value} is no price or volume: below 1e100 is asked for")
        memory = self._memory
        self._step(memory, *values)
        return memory[0] if self._outputs == 1 else tuple(memory[: self._outputs])

    def snapshot(self) -> list[float]:
        """Return all that has to be kept to go on later from here."""
        return list(self._memory)

    def copy(self) -> Self:
        """Return one that stands at the same bar and goes its own way from there."""
        return type(self)(self.indicator, self._memory)
