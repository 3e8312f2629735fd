"""What a strategy is: bars in; a signal, a confidence and a reason out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

from traderbot.domain.strategies.answers import (
    Explanation,
    Signal,
    StrategyContext,
    StrategyResult,
    TickerData,
)
from traderbot.domain.strategies.bounds import Bound, check_bounds
from traderbot.domain.strategies.further import Wanted
from traderbot.domain.strategies.parameters import parameter_texts, parse_parameters
from traderbot.domain.strategies.watching import Watcher, WindowWatcher

__all__ = [
    "BaseStrategy",
    "Explanation",
    "Signal",
    "StrategyContext",
    "StrategyResult",
    "TickerData",
]


class BaseStrategy:
    """The base of every strategy. `execute` must be written; the rest has defaults.

    A strategy is a function of its parameters and of the bars it is shown: it reads no clock, no
    network and no random source, and keeps nothing between two calls. Otherwise a backtest and a
    replay could not repeat what a live bot did.

    Attributes:
        name: what it is registered as.
        description: one sentence for people who choose.
        warm_up: how many bars must be there before a signal can come.
        window: how many of the last bars it looks at, at most; more need not be kept for it. None:
            its answer depends on every bar since the first of the run.
        bounds: what its parameters may be, by name; whoever makes it from texts is held to them.
        also: further series it wants to see beside its bars.
    """

    name: ClassVar[str] = ""
    description: ClassVar[str] = ""
    warm_up: int = 1
    window: int | None = 500
    bounds: ClassVar[Mapping[str, Bound]] = {}
    also: tuple[Wanted, ...] = ()

    def execute(self, ticker_data: TickerData, context: StrategyContext) -> StrategyResult:
        """Answer for the last of these bars. Raises DomainError if the bars are no numbers."""
        msg = "Subclass must implement execute()"
        raise NotImplementedError(msg)

    def explain(self, ticker_data: TickerData) -> Explanation:
        """Return what `execute` sees in the same bars, for the record of the decision."""
        del ticker_data  # here for those who override it
        return Explanation()

    def watch(self, symbol: str, context: StrategyContext) -> Watcher:
        """Return eyes for one run, before its first bar."""
        return WindowWatcher(self, symbol, context)

    def parameters(self) -> Mapping[str, str]:
        """Return the current parameters as text, enough to make an equal strategy.

        Raises:
            InvalidParameterError: a parameter of `__init__` is no attribute of the same name.
        """
        return parameter_texts(self)

    @classmethod
    def values_of(cls, parameters: Mapping[str, str]) -> Mapping[str, object]:
        """Return the arguments of `__init__` that these texts stand for, and no others.

        Raises:
            InvalidParameterError: an unknown parameter, or a text of the wrong form.
        """
        return parse_parameters(cls, parameters)

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, str]) -> Self:
        """Return the strategy these texts describe; what they leave out keeps its default.

        Raises:
            InvalidParameterError: an unknown parameter, a text of the wrong form, or a value out of
                its bounds.
        """
        values = parse_parameters(cls, parameters)
        check_bounds(cls.bounds, values)
        return cls(**values)
