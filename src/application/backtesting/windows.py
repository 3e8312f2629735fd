"""The eyes of a strategy that is asked with lists of the last bars: cut from whole columns.

A bot's `WindowWatcher` gathers bars as they come. A backtest has them all, and cuts the same lists
out of columns that are made once; nothing after the bar that is asked about is ever in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from traderbot.application.backtesting.tape import Tape
from traderbot.domain.strategies.answers import (
    Signal,
    StrategyContext,
    TickerData,
    sound,
)
from traderbot.domain.strategies.strategy import BaseStrategy
from traderbot.domain.strategies.watching import Row, Seen

_ALL: Final = 1 << 62


class TapeWatcher:
    """`Watcher` of a strategy without further series, on a series that is whole."""

    def __init__(self, strategy: BaseStrategy, tape: Tape, context: StrategyContext) -> None:
        """Begin before the first bar."""
        self._strategy = strategy
        self._execute = strategy.execute
        self._context = context
        self._symbol = tape.symbol.code
        self._window = _ALL if strategy.window is None else strategy.window
        self._ats, self._columns = tape.columns[0], tape.columns[1:]
        self._end = 1  # how many bars there are with the one that is asked about

    def look(self, row: Row) -> Seen:
        """Ask `execute` and `explain`."""
        del row  # it is the next of the tape
        result = sound(self._execute(self._shown(), self._context))
        return Seen(result, self._strategy.explain(self._shown()))

    def signal(self, row: Row) -> Signal:
        """Ask `execute` only."""
        del row
        return sound(self._execute(self._shown(), self._context))["signal"]

    def keep(self, row: Row) -> None:
        """Go on to the next bar."""
        del row
        self._end += 1

    def hear(self, name: str, known_at: int, values: Sequence[float]) -> None:
        """Refuse: who wants further series is shown them by a bot's own watcher."""
        msg = f"no further series is wanted: {name} {known_at} {values}"
        raise NotImplementedError(msg)

    def _shown(self) -> TickerData:
        ats, (opens, highs, lows, closes, volumes) = self._ats, self._columns
        end = self._end
        shown = slice(end - self._window if end > self._window else 0, end)
        return {
            "symbol": self._symbol,
            "opens": opens[shown],
            "highs": highs[shown],
            "lows": lows[shown],
            "closes": closes[shown],
            "volumes": volumes[shown],
            "ats": ats[shown],
        }


def asks_by_windows(strategy: BaseStrategy) -> bool:
    """Whether a strategy looks through the eyes every strategy has by default, and no others."""
    return type(strategy).watch is BaseStrategy.watch and not strategy.also
