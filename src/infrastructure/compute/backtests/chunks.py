"""Computes one chunk of a sweep: here, in another thread, process or machine; the same bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from traderbot.domain.strategies.rsi_cross import RsiCrossStrategy
from traderbot.domain.strategies.strategy import BaseStrategy
from traderbot.infrastructure.compute.arrays import FloatArray
from traderbot.infrastructure.compute.backtests.planning import Chunk
from traderbot.infrastructure.compute.backtests.running import check_further, refuse, strengths_of
from traderbot.infrastructure.compute.backtests.terms import Scaled
from traderbot.infrastructure.compute.columns import Columns
from traderbot.infrastructure.compute.kernels.trading import runs, settling
from traderbot.infrastructure.compute.kernels.trading.entries import entry
from traderbot.infrastructure.compute.kernels.trading.settling import Integers
from traderbot.infrastructure.compute.signals import Computed, signals_of

_SHARED_BYTES = 64_000_000  # of indicators that are kept for the next set


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """What every chunk of a sweep needs."""

    kind: type[BaseStrategy]
    bars: Columns
    terms: Scaled
    timeframe: str


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """One row a set: what `settle` counted, and what was summed over its curve."""

    numbers: tuple[int, ...]
    totals: Integers
    sums: FloatArray


def compute(work: Work, chunk: Chunk) -> Rows:
    """Run every set of a chunk.

    Raises:
        NotInKernelError: an amount does not fit.
        StrategyAnswerError: the strategy gave something that is no answer.
    """
    rows = Rows(
        chunk.numbers,
        np.zeros((len(chunk.numbers), settling.TOTALS), np.int64),
        np.zeros((len(chunk.numbers), runs.FIGURES)),
    )
    if chunk.pairs is None:
        _by_signals(work, chunk, rows)
    else:
        _by_levels(work, chunk, chunk.pairs, rows)
    return rows


def _by_levels(
    work: Work, chunk: Chunk, given: tuple[tuple[float, float], ...], rows: Rows
) -> None:
    bars, terms = work.bars, work.terms
    strategy = RsiCrossStrategy(**chunk.sets[0])
    strengths = strengths_of(strategy, bars, {})
    lows, low_of = np.unique([low for low, _ in given], return_inverse=True)
    highs, high_of = np.unique([high for _, high in given], return_inverse=True)
    pairs = np.ascontiguousarray(np.stack((low_of, high_of), axis=1).astype(np.int32))
    lists = np.empty((len(lows) + len(highs), len(bars) // 2 + 2), np.int32)
    log, equity = np.empty((len(bars) + 8, settling.COLUMNS), np.int64), np.empty(len(bars))
    code = entry(runs.run_grid)(
        strengths,
        lows,
        highs,
        pairs,
        strategy.warm_up - 1,
        bars.open,
        bars.close,
        bars.at,
        terms.integers,
        terms.floats,
        lists,
        log,
        equity,
        rows.totals,
        rows.sums,
    )
    if code != settling.SETTLED:
        refuse(code, bars, rows.totals[np.flatnonzero(rows.totals[:, settling.WHERE] >= 0)[0]])


def _by_signals(work: Work, chunk: Chunk, rows: Rows) -> None:
    bars, terms = work.bars, work.terms
    run = entry(runs.run_one_of_grid)
    log, equity = np.empty((len(bars) + 8, settling.COLUMNS), np.int64), np.empty(len(bars))
    computed: Computed = {}
    for k, chosen in enumerate(chunk.sets):
        strategy = work.kind(**chosen)
        check_further(strategy)
        signals = signals_of(strategy, bars, timeframe=work.timeframe, computed=computed)
        code = run(
            signals,
            bars.open,
            bars.close,
            bars.at,
            terms.integers,
            terms.floats,
            log,
            rows.totals[k],
            equity,
            rows.sums[k],
        )
        refuse(code, bars, rows.totals[k])
        if sum(each.nbytes for outputs in computed.values() for each in outputs) > _SHARED_BYTES:
            computed.clear()
