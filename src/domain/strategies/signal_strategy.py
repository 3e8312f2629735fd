"""A strategy that is written once over columns, and answers bar by bar as well."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from traderbot.domain.strategies.answers import (
    Explanation,
    Signal,
    StrategyContext,
    StrategyResult,
    TickerData,
)
from traderbot.domain.strategies.column import Column
from traderbot.domain.strategies.features import AnyColumn, Feature, Features
from traderbot.domain.strategies.seeing import SignalWatcher
from traderbot.domain.strategies.strategy import BaseStrategy
from traderbot.domain.strategies.watching import rows_of

_UNSURE = 0.5


class _WarmUp:
    """Says with how many bars everything is known, unless a class or an instance says so itself."""

    def __get__(self, strategy: SignalStrategy | None, kind: type[SignalStrategy]) -> int:
        if strategy is None:
            return 1
        needed = (each.made().warm_up for each in strategy.features.values() if not each.of)
        return max(needed, default=1) + strategy.lookback - 1


class SignalStrategy(BaseStrategy):
    """The base of strategies over columns. `features` and `signals` must be written.

    `signals` is asked with whole series in a backtest, and with the last `lookback` bars by a bot.
    Both times it must say the same of the last bar: so it looks no further back than that, and
    never forward. `traderbot strategy check` finds out.

    Attributes:
        features: what it computes from beside the columns of the bars, by names of its own.
        lookback: how many of the last bars `signals` must see to answer for the last one.
        warm_up: before so many bars the answer is HOLD; by default until every feature is known
            over the whole lookback.
    """

    warm_up: int = _WarmUp()  # type: ignore[assignment]  # reads as a number
    window: int | None = None
    lookback: int = 2
    features: Mapping[str, Feature] = {}

    def column(self, values: Iterable[Any]) -> AnyColumn:
        """Return the last values of a column as `signals` sees them when it is asked live."""
        return Column(values)

    def signals(self, features: Features) -> AnyColumn:
        """Return +1 to buy, -1 to sell, 0 for neither, for each bar of the columns.

        Args:
            features: the declared ones by their names, the columns of the bars ("open", "high",
                "low", "close", "volume", "at", "session"), and those of the further series
                ("daily.close").
        """
        msg = "Subclass must implement signals()"
        raise NotImplementedError(msg)

    def asked(self, features: Features) -> AnyColumn:
        """Ask `signals`: everybody who asks it asks it so."""
        return self.signals(features)

    def confidence(self, signal: Signal, features: Features) -> float:
        """Return how sure it is of the last bar's signal, 0 to 1; by default it cannot tell."""
        del signal, features
        return _UNSURE

    def reason(self, signal: Signal, features: Features) -> str:
        """Return why, as a sentence; by default the values it saw."""
        seen = ", ".join(f"{name} {value:.6g}" for name, value in self.values(features).items())
        return f"{signal} at close {features['close'][-1]:.6g}{': ' if seen else ''}{seen}."

    def waiting(self, bars: int, features: Features) -> str:
        """Return what is missing before a signal can come, when there are so many bars."""
        del features
        return f"Too few bars: {self.warm_up} are needed, there are {bars}."

    def rules(self, features: Features) -> Mapping[str, bool]:
        """Return whether each rule held at the last bar; by default buy and sell."""
        signs = self.asked(features)
        sign = signs[-1]
        return {"buy": bool(sign > 0), "sell": bool(sign < 0)}

    def values(self, features: Features) -> Mapping[str, float]:
        """Return what was seen at the last bar, by name; what is not known is left out."""
        last = {name: float(features[name][-1]) for name in self.features if len(features[name])}
        return {name: value for name, value in last.items() if math.isfinite(value)}

    def execute(self, ticker_data: TickerData, context: StrategyContext) -> StrategyResult:
        """Answer for the last of these bars, taken as a run that begins with the first of them.

        Raises:
            InvalidValueError: a value is not a finite number.
        """
        return self._after(ticker_data, context).seen().result

    def explain(self, ticker_data: TickerData) -> Explanation:
        """Return the values and the rules behind `execute`. Raises as it does."""
        context = StrategyContext(timeframe="1d", user_id="", bot_run_id="")
        return self._after(ticker_data, context).seen().explanation

    def watch(self, symbol: str, context: StrategyContext) -> SignalWatcher:
        """Return eyes for one run that remember the state of each indicator, and no bars."""
        return SignalWatcher(self, symbol, context)

    def _after(self, data: TickerData, context: StrategyContext) -> SignalWatcher:
        watcher = self.watch(data["symbol"], context)
        for row in rows_of(data):
            watcher.keep(row)
        return watcher
