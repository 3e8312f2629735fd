"""What a bar of a backtest costs when the strategy is asked at each: the short way, the engine.

One RSI cross in plain Python, ten shares, 100,000 hourly bars of the walk of seed 7. Processor
time, for the machine is shared. The engine's run differs by a cap on participation that never
binds, which the short way cannot know.
"""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING

from benchmarks.harness import Claim, Contestant, print_rates, ratio, take_turns
from tests.walks import walk
from traderbot.backtesting import (
    UNLIMITED,
    FillModel,
    Sizing,
    SizingRule,
    Slippage,
    SlippageKind,
    Tape,
    backtest,
)
from traderbot.strategies import BaseStrategy, Row, Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from traderbot.domain.strategies.answers import Signal, StrategyContext

_BARS = 100_000
_PERIOD = 14
_NO_SLIPPAGE = Slippage(SlippageKind.NONE)


class _Cross(BaseStrategy):
    """Wilder's RSI across 30 and 70, in constant memory."""

    name = "CROSS"

    def watch(self, symbol: str, context: StrategyContext) -> _Eyes:
        del symbol, context
        return _Eyes()


class _Eyes:
    def __init__(self) -> None:
        self._bars = 0
        self._gain = self._loss = self._close = 0.0
        self._rsi: float | None = None

    def signal(self, row: Row) -> Signal:
        close, bars = row.close, self._bars
        self._bars = bars + 1
        change, self._close = close - self._close, close
        if not bars:
            return "HOLD"
        up = max(change, 0.0)
        down = up - change
        if bars <= _PERIOD:
            self._gain += up / _PERIOD
            self._loss += down / _PERIOD
        else:
            self._gain = (self._gain * (_PERIOD - 1) + up) / _PERIOD
            self._loss = (self._loss * (_PERIOD - 1) + down) / _PERIOD
        if bars < _PERIOD:
            return "HOLD"
        before, loss = self._rsi, self._loss
        rsi = self._rsi = 100.0 - 100.0 / (1.0 + self._gain / loss) if loss else 100.0
        if before is None:
            return "HOLD"
        if before <= 30 < rsi:  # noqa: PLR2004 - the levels everybody uses
            return "BUY"
        return "SELL" if before >= 70 > rsi else "HOLD"  # noqa: PLR2004 - as above

    def keep(self, row: Row) -> None:
        del row

    def look(self, row: Row) -> Seen:
        raise NotImplementedError

    def hear(self, name: str, known_at: int, values: Sequence[float]) -> None:
        raise NotImplementedError


def measure(rounds: int = 5) -> list[Claim]:
    """Measure, print the rates, return the claims."""
    tape = walk(_BARS)
    tape.digest, tape.closes_at, tape.rows  # noqa: B018 - made once for all runs, and not timed
    short = FillModel(slippage=_NO_SLIPPAGE)
    capped = FillModel(slippage=_NO_SLIPPAGE, participation=Decimal(1))
    contestants = [
        Contestant("the strategy alone", _timed(lambda: _alone(tape)), _BARS),
        Contestant("the short way", _timed(lambda: _run(tape, short)), _BARS),
        Contestant("the engine", _timed(lambda: _run(tape, capped)), _BARS),
    ]
    take_turns(contestants, rounds)
    print_rates("a backtest, by processor time", contestants, "bars/s")
    _, quick, engine = contestants
    return [Claim("the short way against the engine", 4.0, ratio(quick, engine))]


def _alone(tape: Tape) -> None:
    signal = _Eyes().signal
    for row in tape.rows:
        signal(row)


def _run(tape: Tape, model: FillModel) -> None:
    result = backtest(
        _Cross(),
        tape,
        cash="1000000 USD",
        sizing=Sizing(rule=SizingRule.FIXED, amount=Decimal(10)),
        model=model,
        limits=UNLIMITED,
    )
    assert result.final_equity
    assert result.equity


def _timed(work: Callable[[], None]) -> Callable[[int], float]:
    def run(_operations: int) -> float:
        begun = time.process_time()
        work()
        return time.process_time() - begun

    return run
