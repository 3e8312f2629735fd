"""SENTIMENT: another strategy, kept from buying in a bad mood and from selling in a good one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from traderbot.domain.strategies.answers import (
    Explanation,
    Signal,
    StrategyContext,
    StrategyResult,
    TickerData,
)
from traderbot.domain.strategies.bounds import Bound, Real, check_bounds
from traderbot.domain.strategies.errors import InvalidParameterError
from traderbot.domain.strategies.further import Further, Wanted
from traderbot.domain.strategies.parameters import parameter_text, parse_parameters
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.domain.strategies.strategy import BaseStrategy
from traderbot.domain.strategies.watching import Row, Seen, Watcher, rows_of

_SERIES = "sentiment"
_INNER = "of."  # in front of a parameter of the strategy below
_CALM = 0.5


class SentimentStrategy(BaseStrategy):
    """Asks another strategy, and makes a HOLD of what the mood of the market speaks against.

    The mood is the one that was known last when the bar closed. Without any, and while its
    confidence is below `least_confidence`, it has no say.
    """

    name: ClassVar[str] = "SENTIMENT"
    description: ClassVar[str] = (
        "Follows another strategy, but buys nothing in a bad mood and sells nothing in a good one."
    )
    bounds: ClassVar[Mapping[str, Bound]] = {
        "buy_above": Real(-1, 1),
        "sell_below": Real(-1, 1),
        "least_confidence": Real(0, 1),
    }
    window: int | None = None

    def __init__(
        self,
        of: str = "RSI_CROSS",
        buy_above: float = -0.2,
        sell_below: float = 0.2,
        least_confidence: float = 0.5,
        inner: Mapping[str, str] | None = None,
    ) -> None:
        """Raise InvalidParameterError or UnknownStrategyError if there is no such strategy.

        Args:
            of: the name of the strategy below.
            buy_above: a score at or below it speaks against buying.
            sell_below: a score at or above it speaks against selling.
            least_confidence: a mood less sure than this has no say.
            inner: the parameters of the strategy below, as texts.
        """
        given = {
            "buy_above": buy_above,
            "sell_below": sell_below,
            "least_confidence": least_confidence,
        }
        check_bounds(self.bounds, given)
        if of == self.name:
            raise InvalidParameterError("of", "another strategy than this one")
        self.of = of
        self.buy_above, self.sell_below = float(buy_above), float(sell_below)
        self.least_confidence = float(least_confidence)
        self.inner = StrategyRegistry.create(of, inner)
        self.warm_up = self.inner.warm_up
        self.also = (*self.inner.also, Wanted(_SERIES, kind="sentiment"))

    def parameters(self) -> Mapping[str, str]:
        """Return its own, and those of the strategy below as `of.rsi_period`."""
        names = ("of", "buy_above", "sell_below", "least_confidence")
        own = {name: parameter_text(name, getattr(self, name)) for name in names}
        return own | {f"{_INNER}{name}": text for name, text in self.inner.parameters().items()}

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, str]) -> Self:
        """Return the strategy these texts describe; `of.` begins a parameter of the one below."""
        inner = {
            name.removeprefix(_INNER): text
            for name, text in parameters.items()
            if name.startswith(_INNER)
        }
        own = {name: text for name, text in parameters.items() if not name.startswith(_INNER)}
        if "inner" in own:
            raise InvalidParameterError("inner", f"write {_INNER}NAME for the strategy below")
        values: dict[str, Any] = parse_parameters(cls, own)
        return cls(**values, inner=inner)

    def watch(self, symbol: str, context: StrategyContext) -> Watcher:
        """Return the eyes of the strategy below, with the mood beside."""
        return _MoodWatcher(self, self.inner.watch(symbol, context), context)

    def execute(self, ticker_data: TickerData, context: StrategyContext) -> StrategyResult:
        """Answer for the last of these bars; without a series of moods there is none."""
        return self._last(ticker_data, context).result

    def explain(self, ticker_data: TickerData) -> Explanation:
        """Return what the strategy below saw, and the mood."""
        context = StrategyContext(timeframe="1d", user_id="", bot_run_id="")
        return self._last(ticker_data, context).explanation

    def speaks_against(self, signal: Signal, score: float, confidence: float) -> bool:
        """Whether this mood forbids this signal."""
        if confidence < self.least_confidence:
            return False
        if signal == "BUY":
            return score <= self.buy_above
        return signal == "SELL" and score >= self.sell_below

    def _last(self, data: TickerData, context: StrategyContext) -> Seen:
        watcher = self.watch(data["symbol"], context)
        rows = rows_of(data)
        for row in rows[:-1]:
            watcher.keep(row)
        if rows:
            return watcher.look(rows[-1])
        return Seen(self.inner.execute(data, context), self.inner.explain(data))


class _MoodWatcher:
    """Looks through the eyes of another strategy, and minds the mood."""

    def __init__(
        self, strategy: SentimentStrategy, inner: Watcher, context: StrategyContext
    ) -> None:
        self._strategy = strategy
        self._inner = inner
        self._moods = Further(strategy.also[-1:], context["timeframe"])

    def look(self, row: Row) -> Seen:
        """Return the answer of the strategy below, or a HOLD with both reasons."""
        seen = self._inner.look(row)
        mood = self._mood(row)
        indicators, rules = dict(seen.explanation.indicators), dict(seen.explanation.rules)
        rules["mood_known"] = mood is not None
        if mood is None:
            return Seen(seen.result, Explanation(indicators, rules))
        score, confidence = mood
        against = self._strategy.speaks_against(seen.result["signal"], score, confidence)
        indicators |= {"sentiment": score, "sentiment_confidence": confidence}
        rules["mood_against"] = against
        result = seen.result
        if against:
            result = {
                "signal": "HOLD",
                "confidence": min(result["confidence"], _CALM),
                "reason": (
                    f"The mood of {score:g} (confidence {confidence:g}) speaks against a "
                    f"{result['signal']}: {result['reason']}"
                ),
            }
        return Seen(result, Explanation(indicators, rules))

    def signal(self, row: Row) -> Signal:
        """Return the signal only."""
        signal = self._inner.signal(row)
        mood = self._mood(row)
        return "HOLD" if mood and self._strategy.speaks_against(signal, *mood) else signal

    def keep(self, row: Row) -> None:
        """Let the strategy below keep the bar."""
        self._inner.keep(row)
        self._moods.forget(_SERIES, self._moods.known(_SERIES, row.at) - 1)

    def hear(self, name: str, known_at: int, values: Sequence[float]) -> None:
        """Take in a mood, or a row the strategy below wants."""
        if name == _SERIES:
            self._moods.hear(name, known_at, values)
        else:
            self._inner.hear(name, known_at, values)

    def _mood(self, row: Row) -> tuple[float, float] | None:
        known = self._moods.known(_SERIES, row.at)
        if not known:
            return None
        score, confidence = self._moods.row(_SERIES, known - 1)
        return score, confidence


StrategyRegistry.register(SentimentStrategy.name, SentimentStrategy)
