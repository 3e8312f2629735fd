"""What a strategy is: bars in; a signal, a confidence and a reason out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Self, TypedDict

from traderbot.domain.strategies.parameters import parameter_texts, parse_parameters

Signal = Literal["BUY", "SELL", "HOLD"]


class TickerData(TypedDict):
    """The closed bars a strategy may look at: lists of one length, oldest first."""

    symbol: str
    opens: list[float]
    highs: list[float]
    lows: list[float]
    closes: list[float]
    volumes: list[float]


class StrategyContext(TypedDict):
    """On whose behalf, and on which bars, a strategy is asked."""

    timeframe: str
    user_id: str
    bot_run_id: str


class StrategyResult(TypedDict):
    """What a strategy answers: confidence from 0 to 1, the reason as a sentence."""

    signal: Signal
    confidence: float
    reason: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a strategy saw: the value of each indicator, and whether each rule held."""

    indicators: Mapping[str, float] = field(default_factory=dict)
    rules: Mapping[str, bool] = field(default_factory=dict)


class BaseStrategy:
    """The base of every strategy. `execute` must be written; the rest has defaults.

    A strategy is a function of its parameters and of the bars it is shown: it reads no clock, no
    network and no random source, and keeps nothing between two calls. Otherwise a backtest and a
    replay could not repeat what a live bot did.

    Attributes:
        name: what it is registered as.
        description: one sentence for people who choose.
        warm_up: how many bars must be there before a signal can come.
        window: how many of the last bars it looks at, at most; more need not be kept for it.
    """

    name: ClassVar[str] = ""
    description: ClassVar[str] = ""
    warm_up: int = 1
    window: int = 500

    def execute(self, ticker_data: TickerData, context: StrategyContext) -> StrategyResult:
        """Answer for the last of these bars. Raises DomainError if the bars are no numbers."""
        msg = "Subclass must implement execute()"
        raise NotImplementedError(msg)

    def explain(self, ticker_data: TickerData) -> Explanation:
        """Return what `execute` sees in the same bars, for the record of the decision."""
        del ticker_data  # here for those who override it
        return Explanation()

    def parameters(self) -> Mapping[str, str]:
        """Return the current parameters as text, enough to make an equal strategy.

        Raises:
            InvalidParameterError: a parameter of `__init__` is no attribute of the same name.
        """
        return parameter_texts(self)

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, str]) -> Self:
        """Return the strategy these texts describe; what they leave out keeps its default.

        Raises:
            InvalidParameterError: an unknown parameter or a text of the wrong form.
        """
        return cls(**parse_parameters(cls, parameters))
