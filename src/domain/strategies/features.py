"""What a strategy computes from: the columns of the bars, and indicators of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from traderbot.domain.strategies.errors import InvalidParameterError, hint
from traderbot.domain.strategies.indicators.catalogue import indicator
from traderbot.domain.strategies.indicators.indicator import Indicator

# What every strategy may look at without asking: the bar, when it opened (nanoseconds since 1970),
# and the number of its UTC day, at which a session VWAP begins anew.
BASE_COLUMNS = ("at", "open", "high", "low", "close", "volume", "session")

# A column holds a value a bar, oldest first: a numpy array in batch, a `Column` of a few bars live.
# What a strategy does with it has to work on both: operators do.
AnyColumn = Any
Features = Mapping[str, AnyColumn]


@dataclass(frozen=True, slots=True)
class Feature:
    """An indicator of the run's bars, or of a further series: `Feature("rsi", {"period": 14})`.

    Attributes:
        indicator: its name in the catalogue (docs/indicators.md).
        parameters: its own; what is left out keeps its default.
        output: which of several outputs; left out, the first.
        of: the name of a further series whose bars it is computed from.
    """

    indicator: str
    parameters: Mapping[str, object] = field(default_factory=dict)
    output: str = ""
    of: str = ""

    def __post_init__(self) -> None:
        """Raise InvalidParameterError for what the catalogue does not have."""
        made = self.made()
        if self.output and self.output not in made.outputs:
            raise InvalidParameterError(
                "output",
                f"{self.indicator} has no {self.output!r:.60}{hint(self.output, made.outputs)}",
            )

    def __hash__(self) -> int:
        return hash((self.source, self.output))

    @property
    def source(self) -> tuple[object, ...]:
        """What has to be computed for it; features of one source share the work."""
        return self.of, self.indicator, tuple(sorted(self.parameters.items()))

    @property
    def place(self) -> int:
        """Where among the outputs of its indicator it stands."""
        return self.made().outputs.index(self.output) if self.output else 0

    def made(self) -> Indicator:
        """Return the indicator, before the first bar."""
        return indicator(self.indicator, **self.parameters)


def session_of(at: int) -> float:
    """Return the number of the UTC day of an instant in nanoseconds since 1970."""
    return float(at // 86_400_000_000_000)
