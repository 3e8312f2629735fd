"""Runs many sets of parameters over the same bars, each as an exact backtest; one row a set."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from functools import partial

from traderbot.domain.strategies.strategy import BaseStrategy
from traderbot.infrastructure.compute.backtests.chunks import Rows, Work, compute
from traderbot.infrastructure.compute.backtests.grid import Grid
from traderbot.infrastructure.compute.backtests.job import job_of
from traderbot.infrastructure.compute.backtests.planning import Chunk
from traderbot.infrastructure.compute.backtests.terms import Terms
from traderbot.infrastructure.compute.backtests.trial import Sweep
from traderbot.infrastructure.compute.backtests.trials import TrialStore
from traderbot.infrastructure.compute.columns import Columns

# Called with how many sets are done and how many there are.
Progress = Callable[[int, int], None]

_works: list[Work] = []  # of a worker process: the one sweep it was started for


def sweep(
    strategy: type[BaseStrategy],
    grid: Grid,
    bars: Columns,
    terms: Terms,
    *,
    timeframe: str = "1d",
    curve: bool = True,
    store: TrialStore | None = None,
    workers: int | None = None,
    processes: bool = False,
    progress: Progress | None = None,
    begun: Callable[[str, int, int], None] | None = None,
) -> Sweep:
    """Run a strategy with every set of a grid, or of a list of sets.

    The same strategy, sets, bars and terms give the same bits, however many work on it, in
    whatever order, and whether it was stopped in between.

    Args:
        strategy: its class; each set is given to it by name.
        grid: lists of values by parameter, or a list of sets.
        bars: oldest first.
        terms: cash, size, costs.
        timeframe: how long a bar lasts, for strategies that want further series.
        curve: whether to sum over the equity of every bar: drawdown, mean return, Sharpe ratio.
        store: where trials are kept, chunk by chunk; those that are there are not run again.
        workers: how many chunks at a time; as many as there are cores if left out.
        processes: work in processes, not threads: for strategies that are asked bar by bar.
        progress: called after every chunk.
        begun: called before the first one with the digest, and how many sets of how many are in
            the store already; it may raise.

    Raises:
        NotInKernelError: the terms or a price cannot be said exactly in 64 bits.
        InvalidParameterError: the strategy cannot be made with one of the sets.
        InvalidValueError: there are no bars or sets, or a value is no finite number.
        StrategyAnswerError: the strategy gave something that is no answer.
        KeyboardInterrupt: as it came; what was finished by then is in the store.
    """
    job = job_of(strategy, grid, bars, terms, timeframe=timeframe, curve=curve)
    found = job.nothing_done()
    if store is not None:
        store.begin(job.digest, job.about, len(found))
        store.fill(found)
    if begun is not None:
        begun(job.digest, int(found.done.sum()), len(found))
    missing = [chunk for chunk in job.chunks if not found.done[list(chunk.numbers)].all()]
    for rows in _computed(job.work, missing, workers or os.cpu_count() or 1, processes=processes):
        if store is not None:
            store.add(job.digest, rows)
        places = list(rows.numbers)
        found.totals[places], found.sums[places] = rows.totals, rows.sums
        found.done[places] = True
        if progress is not None:
            progress(int(found.done.sum()), len(found))
    return found


def _computed(
    work: Work, chunks: Sequence[Chunk], workers: int, *, processes: bool
) -> Iterator[Rows]:
    """Yield each chunk when it is ready; when asked to stop, begin no other."""
    if not processes and (workers == 1 or len(chunks) == 1):
        for chunk in chunks:
            yield compute(work, chunk)
        return
    with _pool(work, min(workers, max(len(chunks), 1)), processes=processes) as (pool, call):
        waiting = [pool.submit(call, chunk) for chunk in chunks]
        for ready in as_completed(waiting):
            yield ready.result()


@contextmanager
def _pool(
    work: Work, workers: int, *, processes: bool
) -> Iterator[tuple[Executor, Callable[[Chunk], Rows]]]:
    pool: Executor
    if processes:
        pool = ProcessPoolExecutor(workers, initializer=_take, initargs=(work,))
        call: Callable[[Chunk], Rows] = _compute_here
    else:
        pool = ThreadPoolExecutor(workers)
        call = partial(compute, work)
    try:
        yield pool, call
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _take(work: Work) -> None:
    _works[:] = [work]


def _compute_here(chunk: Chunk) -> Rows:
    return compute(_works[0], chunk)
