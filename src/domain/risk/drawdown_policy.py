"""The steps of the drawdown protocol: where sizes get smaller, and how a step is climbed back."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from traderbot.domain.risk.sizing.sized_quantity import fraction
from traderbot.domain.shared.decimals import EXACT, ZERO, exact, plain
from traderbot.domain.shared.errors import InvalidValueError


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawdownStep:
    """From this drawdown on, sizes are multiplied by this factor; latched until a person acts."""

    drawdown: Decimal
    factor: Decimal
    latched: bool = False

    def __post_init__(self) -> None:
        """Raise InvalidValueError unless 0 < drawdown < 1 and 0 <= factor < 1."""
        if not 0 < exact(self.drawdown) < 1:
            msg = f"a step's drawdown is between 0 and 1, not {plain(self.drawdown)}"
            raise InvalidValueError(msg)
        if not 0 <= exact(self.factor) < 1:
            msg = f"a step's factor is from 0 to below 1, not {plain(self.factor)}"
            raise InvalidValueError(msg)


_DEFAULT_STEPS = (
    DrawdownStep(drawdown=Decimal("0.05"), factor=Decimal("0.75")),
    DrawdownStep(drawdown=Decimal("0.10"), factor=Decimal("0.5")),
    DrawdownStep(drawdown=Decimal("0.15"), factor=ZERO, latched=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawdownPolicy:
    """The steps, shallow to deep, and how one is climbed back.

    `recovery` is the share of a band that has to be recovered; `profitable_days` in a row do, too.
    """

    steps: tuple[DrawdownStep, ...] = _DEFAULT_STEPS
    recovery: Decimal = Decimal("0.5")
    profitable_days: int = 5

    def __post_init__(self) -> None:
        """Raise InvalidValueError unless the steps go down in order and recovery takes effort."""
        if not self.steps:
            msg = "a drawdown policy has at least one step"
            raise InvalidValueError(msg)
        for above, below in pairwise(self.steps):
            if not (above.drawdown < below.drawdown and above.factor >= below.factor):
                msg = (
                    f"steps go deeper and never grow in size: {plain(above.drawdown)} with "
                    f"{plain(above.factor)}, then {plain(below.drawdown)} with "
                    f"{plain(below.factor)}"
                )
                raise InvalidValueError(msg)
        fraction("recovery", self.recovery)
        if self.profitable_days < 1:
            msg = f"profitable_days is at least 1, not {self.profitable_days}"
            raise InvalidValueError(msg)

    def level_of(self, drawdown: Decimal) -> int:
        """Return how many steps down this drawdown asks for."""
        return len([step for step in self.steps if drawdown >= step.drawdown])

    def begins_at(self, level: int) -> Decimal:
        """Return the drawdown at which a level begins; level 0 begins at 0."""
        return self.steps[level - 1].drawdown if level else ZERO

    def recovered_at(self, level: int) -> Decimal:
        """Return the drawdown at or below which enough of a level's band is recovered."""
        top, bottom = self.begins_at(level - 1), self.begins_at(level)
        return EXACT.subtract(bottom, EXACT.multiply(EXACT.subtract(bottom, top), self.recovery))


DEFAULT_POLICY = DrawdownPolicy()
