"""One strategy on one series, at any parameters and on any span: what the methods here play.

A strategy's answer on a bar depends on the bars up to it, counted from the first. So it is asked
once about all bars, and a span is played with its part of the answers: whatever lies before the
span warms it up, nothing after it is known, and no position is carried in. Money is exact, as in
every backtest here; what is open at the end of a span is worth its last close.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.strategies.strategy import BaseStrategy
from traderbot.infrastructure.compute.arrays import FloatArray
from traderbot.infrastructure.compute.backtests.running import settle_signals
from traderbot.infrastructure.compute.backtests.terms import Terms
from traderbot.infrastructure.compute.columns import Columns
from traderbot.infrastructure.compute.signals import Computed, signals_of
from traderbot.infrastructure.compute.statistics.catalogue import STATISTICS
from traderbot.infrastructure.compute.statistics.sample import Sample, sample
from traderbot.infrastructure.compute.statistics.trade_table import TradeTable
from traderbot.infrastructure.research.search import Figures
from traderbot.infrastructure.research.space import Parameters
from traderbot.infrastructure.research.splits import Span

_KEPT_BYTES = 64_000_000  # of answers and of indicators, each


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """One span played at one set of parameters.

    `returns` has a value per bar of the span, the first one against the cash; a run that ended
    early, since its cash was overdrawn, moves no more. `refused` counts buys that the cash, or a
    limit, did not allow.
    """

    sample: Sample
    returns: FloatArray
    trades: TradeTable
    refused: int


class Market:
    """A kind of strategy, the bars and the terms it is played on. It remembers answers."""

    def __init__(
        self,
        kind: type[BaseStrategy],
        bars: Columns,
        terms: Terms,
        *,
        timeframe: str = "1d",
        figures: Sequence[str] = ("sharpe", "total_return", "max_drawdown", "trade_count"),
    ) -> None:
        """Take what is played, and which statistics are told of each set.

        Raises:
            InvalidValueError: there are no bars, or no statistic has such a name.
        """
        unknown = [name for name in figures if name not in STATISTICS]
        if unknown:
            raise InvalidValueError(
                f"there is no statistic {unknown[0]!r:.40}; there are: {', '.join(STATISTICS)}"
            )
        if not len(bars):
            raise InvalidValueError("there are no bars: nothing can be played")
        self.bars = bars
        self._kind, self._terms, self._timeframe = kind, terms, timeframe
        self._figures = tuple(figures)
        self._answers: dict[tuple[tuple[str, object], ...], npt.NDArray[np.int8]] = {}
        self._computed: Computed = {}

    def on(self, bars: Columns) -> Market:
        """Return the same strategy and terms on other bars."""
        return Market(
            self._kind, bars, self._terms, timeframe=self._timeframe, figures=self._figures
        )

    def play(self, parameters: Parameters, span: Span) -> tuple[Figures, FloatArray]:
        """Return the figures of a set on a span, `refused` among them, and its returns."""
        found = self.run(parameters, span)
        figures = {name: STATISTICS[name](found.sample) for name in self._figures}
        return {**figures, "refused": float(found.refused)}, found.returns

    def run(self, parameters: Parameters, span: Span | None = None) -> Played:
        """Play a set on a span, or on all bars.

        Raises:
            InvalidParameterError: no such parameter, or a value out of its bounds.
            InvalidValueError: the strategy wants series besides the one that is played.
            NotInKernelError: an amount does not fit into 64 bits.
        """
        begin, end = span or (0, len(self.bars))
        outcome = settle_signals(
            self._answered(parameters)[begin:end], self.bars.part(begin, end), self._terms
        )
        equity = np.full(end - begin, outcome.equity[-1])
        equity[: outcome.equity.size] = outcome.equity
        table = outcome.trade_table()
        taken = sample(equity, self.bars.at[begin:end], table, benchmark=self.bars.close[begin:end])
        before = np.concatenate(([float(self._terms.cash)], equity[:-1]))
        moved = np.divide(equity, before, out=np.ones_like(equity), where=before > 0) - 1.0
        return Played(sample=taken, returns=moved, trades=taken.trades, refused=outcome.refused)

    def _answered(self, parameters: Parameters) -> npt.NDArray[np.int8]:
        key = tuple(sorted(parameters.items()))
        found = self._answers.get(key)
        if found is None:
            if (len(self._answers) + 1) * len(self.bars) > _KEPT_BYTES:
                self._answers.clear()
            kept = sum(column.nbytes for columns in self._computed.values() for column in columns)
            if kept > _KEPT_BYTES:
                self._computed.clear()
            strategy = self._kind(**parameters)
            if strategy.also:
                names = ", ".join(one.name for one in strategy.also)
                raise InvalidValueError(
                    f"it wants further series ({names}), and here one series is played: use "
                    "traderbot backtest run"
                )
            found = signals_of(
                strategy,
                self.bars,
                timeframe=self._timeframe,
                computed=self._computed,
            )
            self._answers[key] = found
        return found
