"""Runs a backtest in the kernel: a strategy, bars and terms in, exact money and its log out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.strategies.rsi_cross import RsiCrossStrategy
from traderbot.domain.strategies.strategy import BaseStrategy
from traderbot.infrastructure.compute.backtests.outcome import Outcome
from traderbot.infrastructure.compute.backtests.terms import (
    NotInKernelError,
    Scaled,
    Terms,
    finer_places,
    places_of,
    scaled,
)
from traderbot.infrastructure.compute.columns import Columns
from traderbot.infrastructure.compute.kernels import running
from traderbot.infrastructure.compute.kernels.trading import runs, settling
from traderbot.infrastructure.compute.kernels.trading.entries import entry
from traderbot.infrastructure.compute.signals import Computed, features_of, signals_of

Signs = npt.NDArray[np.int8]
_SMALL = 20_000  # bars; below it loading the compiled loop takes longer than not having it
_FEW_ROWS = 64
_used: set[object] = set()  # entrances that are loaded already


def backtest(
    strategy: BaseStrategy, bars: Columns, terms: Terms, *, timeframe: str = "1d"
) -> Outcome:
    """Run a strategy over bars: decided at a close, filled at the next open, money exact.

    RSI_CROSS goes through one loop that never stores its indicator; any other strategy is asked for
    its column of signals first. Fills, cash and events are those of the exact engine.

    Raises:
        NotInKernelError: the terms or a price cannot be said exactly in 64 bits.
        InvalidValueError: there are no bars, or a value is no finite number.
        StrategyAnswerError: the strategy gave something that is no answer.
    """
    _check(bars)
    check_further(strategy)
    if type(strategy) is RsiCrossStrategy and _worth_it(len(bars), runs.run_rsi):
        found = _rsi_cross(strategy, bars, terms)
        if found is not None:
            return found
    return settle_signals(signals_of(strategy, bars, timeframe=timeframe), bars, terms)


def settle_signals(signals: Signs, bars: Columns, terms: Terms) -> Outcome:
    """Run a column of signals over bars: +1 buys, -1 sells. Raises as `backtest`."""
    _check(bars)
    if len(signals) != len(bars):
        raise InvalidValueError(f"there are {len(signals)} signals for {len(bars)} bars")
    loop = runs.run_signals
    run = entry(loop) if _worth_it(len(bars), loop) else loop
    given = np.ascontiguousarray(signals, np.int8)
    found = _exactly(bars, terms, lambda *rest: run(given, *rest))
    assert found is not None  # noqa: S101 - only closes with a gap come to nothing
    return found


def _rsi_cross(strategy: RsiCrossStrategy, bars: Columns, terms: Terms) -> Outcome | None:
    levels = np.array([strategy.oversold, strategy.overbought])
    first = strategy.warm_up - 1
    if strategy.smoothing == "wilder":
        memory = np.array(strategy.features["rsi"].made().start())
        run = entry(runs.run_rsi)
        return _exactly(bars, terms, lambda *rest: run(memory, levels, first, *rest))
    strengths = strengths_of(strategy, bars, {})
    run = entry(runs.run_strengths)
    return _exactly(bars, terms, lambda *rest: run(strengths, levels, first, *rest))


def strengths_of(strategy: RsiCrossStrategy, bars: Columns, computed: Computed) -> Any:  # noqa: ANN401 - a column
    """Return the RSI of an RSI_CROSS at every bar; those computed before are not made again."""
    return np.ascontiguousarray(features_of(strategy, bars, computed=computed)["rsi"])


def _exactly(bars: Columns, terms: Terms, run: Callable[..., int]) -> Outcome | None:
    """Run with the places of a tick; where a price has more, with those of all prices."""
    found = scaled(terms, places_of(terms))
    code, outcome = _once(bars, found, run)
    if code == settling.OFF_GRID:
        found = scaled(terms, finer_places(terms, bars.open, bars.close))
        code, outcome = _once(bars, found, run)
    if code == runs.TROUBLE:
        return None
    refuse(code, bars, outcome.totals)
    return outcome


def _once(bars: Columns, terms: Scaled, run: Callable[..., int]) -> tuple[int, Outcome]:
    rows = _FEW_ROWS + len(bars) // 16
    totals = np.zeros(settling.TOTALS, np.int64)
    equity, sums = np.empty(len(bars)), np.zeros(runs.FIGURES)
    while True:
        log = np.empty((rows, settling.COLUMNS), np.int64)
        with np.errstate(all="ignore"):  # as compiled: a return on no equity is no number
            code = run(
                *(bars.open, bars.close, bars.at, terms.integers, terms.floats),
                *(log, totals, equity, sums),
            )
        if code != settling.LOG_FULL:
            break
        rows *= 8
    last = int(totals[settling.LAST])
    rows = int(totals[settling.ROWS])
    return code, Outcome(bars, terms, log[:rows], totals, equity[: last + 1], sums)


def refuse(code: int, bars: Columns, totals: settling.Integers) -> None:
    """Raise NotInKernelError for a code that is not `SETTLED`."""
    if code == settling.SETTLED:
        return
    bar = int(totals[settling.WHERE])
    prices = (
        f"bar {bar} opens at {float(bars.open[bar])!r} and closes at {float(bars.close[bar])!r}"
    )
    if code == settling.OFF_GRID:
        raise NotInKernelError(f"{prices}: a price is above 0 and on a grid of decimal places")
    raise NotInKernelError(f"{prices}: an amount does not fit into 64 bits there")


def check_further(strategy: BaseStrategy) -> None:
    """Raise NotInKernelError if a strategy wants to see more than its own bars."""
    if strategy.also:
        names = ", ".join(each.name for each in strategy.also)
        raise NotInKernelError(f"the kernel knows no further series ({names})")


def _check(bars: Columns) -> None:
    if not len(bars):
        raise InvalidValueError("there is nothing to trade on: no bars")


def _worth_it(bars: int, loop: object) -> bool:
    """Whether loading the compiled loop pays; once it is loaded, it always does."""
    if loop in _used:
        return True
    if bars > _SMALL and running.is_compiled():
        _used.add(loop)
        return True
    return False
