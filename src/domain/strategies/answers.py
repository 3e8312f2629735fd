"""What goes into a strategy and what comes out: the words both sides agree on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NotRequired, TypedDict, get_args

from traderbot.domain.strategies.errors import StrategyAnswerError

Signal = Literal["BUY", "SELL", "HOLD"]
SIGNALS: tuple[Signal, ...] = get_args(Signal)


class TickerData(TypedDict):
    """The closed bars a strategy may look at: lists of one length, oldest first.

    `ats` says when each bar opened, in nanoseconds since 1970 (UTC). `also` holds the further
    series a strategy asked for, by their names, as far as they were known when the bar closed.
    """

    symbol: str
    opens: list[float]
    highs: list[float]
    lows: list[float]
    closes: list[float]
    volumes: list[float]
    ats: NotRequired[list[int]]
    also: NotRequired[Mapping[str, Mapping[str, list[float]]]]


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


_KEYS = frozenset(StrategyResult.__annotations__)


def sound(result: Any) -> StrategyResult:  # noqa: ANN401 - whatever a strategy gave
    """Return the answer of a strategy if it is one.

    Raises:
        StrategyAnswerError: other keys than signal, confidence and reason; another signal than BUY,
            SELL and HOLD; a confidence that is no number from 0 to 1; a reason that is no text.
    """
    if not isinstance(result, dict):
        raise StrategyAnswerError(
            f"execute returned {result!r:.60}; it is to return a dict of signal, confidence, reason"
        )
    if result.keys() != _KEYS:
        raise StrategyAnswerError(
            f"the answer has the keys {', '.join(map(str, result)) or 'of nothing'}; "
            "they are to be signal, confidence, reason"
        )
    if result["signal"] not in SIGNALS:
        raise StrategyAnswerError(
            f"the signal is {result['signal']!r:.60}; it is BUY, SELL or HOLD"
        )
    confidence = result["confidence"]
    try:
        fits = 0 <= confidence <= 1  # NaN is no such number either
    except TypeError:
        fits = False
    if not fits:
        raise StrategyAnswerError(
            f"the confidence is {confidence!r:.60}; it is a number from 0 to 1"
        )
    if not isinstance(result["reason"], str):
        raise StrategyAnswerError(f"the reason is {result['reason']!r:.60}; it is a sentence")
    return result  # type: ignore[return-value]  # looked at above
