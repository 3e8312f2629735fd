"""What a report is made of: plain arrays and texts, filled by whoever ran the strategy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.compute.arrays import FloatArray
from traderbot.infrastructure.compute.statistics.trade_table import TradeTable

Instants = npt.NDArray[np.int64]  # nanoseconds since 1970-01-01 UTC


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PricePath:
    """The bars of one symbol, one value per bar of the run, oldest first."""

    symbol: str
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """One thing the result rests on: what, how much, and what it means for the reader."""

    name: str
    value: str
    meaning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """How often somebody looked before this result was chosen.

    Attributes:
        count: tried sets of parameters, this one among them; 1 or more.
        sharpe_deviation: standard deviation, over the trials, of their Sharpe ratios per bar (not
            made annual); None if it was not kept, or with one trial.
    """

    count: int
    sharpe_deviation: float | None = None

    def __post_init__(self) -> None:
        """Refuse less than one trial: this result is one.

        Raises:
            InvalidValueError: the count is below 1, or the deviation is no number of 0 or above.
        """
        if self.count < 1:
            raise InvalidValueError(f"a result is at least 1 trial, not {self.count}")
        spread = self.sharpe_deviation
        if spread is not None and not 0 <= spread < np.inf:
            raise InvalidValueError(f"a deviation is 0 or above, not {spread}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReportInput:
    """One run, ready to be shown. Every array has one value per bar, oldest first.

    Attributes:
        title: what ran on what, such as "RSI_CROSS on BTCUSDT, 1h".
        run_id: digest of code, parameters, data and engine.
        currency: of the equity, the profits and the fees.
        at: the instant each bar opens, as everywhere; a month is told by it.
        equity: cash and positions, marked at each bar's close.
        trades: closed round trips, columns as in `trade_table.TRADE`; profit is after fees.
        prices: one path per symbol; a trade's `symbol` column counts them, without it all trades
            belong to the first.
        position_value: market value of what was held, below zero for short; None: it is read
            from the trades' bars, and what is still open at the end is not seen.
        benchmark: anything the run is to be held against, such as a price; only its ratios
            matter. None: buy and hold of all paths, for equal money each.
        parameters: of the strategy, as texts.
        assumptions: fees, slippage, fill model, borrow cost: in the order they are shown.
        data: where the bars came from: source, range, digest.
        warnings: what the reader must know first: holes in the data, a run that was stopped.
        refused: how many orders were refused, by the code of the refusal.
        trials: None says that nobody counted, and the report says so.
        periods_per_year: bars a year, for annual figures; None counts them in `at`.
        verify: commands that prove the figures, one a line.
        log_digest: of the event log, if there is one.
        made_by: the program and its version.
    """

    title: str
    run_id: str
    currency: str
    at: Instants
    equity: FloatArray
    trades: TradeTable
    prices: Sequence[PricePath] = ()
    position_value: FloatArray | None = None
    benchmark: FloatArray | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    assumptions: Sequence[Assumption] = ()
    data: Mapping[str, str] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    refused: Mapping[str, int] = field(default_factory=dict)
    trials: Trials | None = None
    periods_per_year: float | None = None
    verify: Sequence[str] = ()
    log_digest: str = ""
    made_by: str = "traderbot"

    def held_against(self) -> FloatArray | None:
        """Return the benchmark, or what the symbols bought for equal money at first came to.

        None if there is neither, or if a price was not above zero.
        """
        if self.benchmark is not None:
            return self.benchmark
        closes = [path.close for path in self.prices]
        if not closes or any((close <= 0).any() for close in closes):
            return None
        held = np.zeros_like(closes[0])
        for close in closes:
            held += close / close[0]
        return held / len(closes)
