"""A sweep before it is run: what identifies it, and the chunks it may be shared out in.

Whoever has the same strategy, grid, bars and terms makes the same job, on any machine. Each takes
some of its chunks, in any order, and stores the rows; then the sweep has nothing left to do.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np

from traderbot.domain.shared.decimals import plain
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.strategies.strategy import BaseStrategy
from traderbot.infrastructure.compute.backtests.chunks import Work
from traderbot.infrastructure.compute.backtests.grid import Grid, ParameterSet, sets_of
from traderbot.infrastructure.compute.backtests.planning import Chunk, plan
from traderbot.infrastructure.compute.backtests.terms import Terms, finer_places, scaled
from traderbot.infrastructure.compute.backtests.trial import Sweep, empty_sweep
from traderbot.infrastructure.compute.columns import PRICES, Columns

ENGINE = "traderbot.kernel/1"  # whatever changes a result changes this


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A sweep to be run: `chunks.compute(job.work, chunk)` gives the rows of one of its chunks."""

    digest: str
    sets: Sequence[ParameterSet] = field(repr=False)
    work: Work = field(repr=False)
    chunks: Sequence[Chunk] = field(repr=False)
    about: Mapping[str, Any] = field(repr=False)

    def nothing_done(self) -> Sweep:
        """Return the sweep before its first row."""
        return empty_sweep(self.digest, self.sets, self.work.terms, len(self.work.bars))


def job_of(
    strategy: type[BaseStrategy],
    grid: Grid,
    bars: Columns,
    terms: Terms,
    *,
    timeframe: str = "1d",
    curve: bool = True,
) -> Job:
    """Return what is to be done. Takes and raises what `sweep` does, but runs no set."""
    if not len(bars):
        raise InvalidValueError("there is nothing to trade on: no bars")
    late = np.flatnonzero(np.diff(bars.at) <= 0)
    if len(late):
        raise InvalidValueError(f"at[{int(late[0]) + 1}] is not after the bar before it: sort them")
    sets = sets_of(grid)
    work = Work(
        strategy,
        bars,
        scaled(terms, finer_places(terms, bars.open, bars.close), keep=False, curve=curve),
        timeframe,
    )
    chunks = plan(strategy, sets, len(bars))
    digest = _digest(strategy, sets, bars, terms, timeframe, curve=curve)
    return Job(digest, sets, work, chunks, _about(strategy, grid, work, terms))


def _digest(
    strategy: type[BaseStrategy],
    sets: Sequence[ParameterSet],
    bars: Columns,
    terms: Terms,
    timeframe: str,
    *,
    curve: bool,
) -> str:
    """Return what identifies a sweep: engine, code, sets, data and terms."""
    digest = hashlib.sha256()
    for part in (
        ENGINE,
        _code_of(strategy),
        json.dumps([sorted(chosen.items()) for chosen in sets], default=str),
        json.dumps(_texts(terms)),
        timeframe,
        str(curve),
    ):
        digest.update(hashlib.sha256(part.encode()).digest())
    for name in ("at", *PRICES):
        digest.update(hashlib.sha256(getattr(bars, name).tobytes()).digest())
    return digest.hexdigest()[:32]


def _code_of(strategy: type[BaseStrategy]) -> str:
    try:
        return inspect.getsource(inspect.getmodule(strategy) or strategy)
    except (OSError, TypeError):  # typed into a prompt: its name has to do
        return f"{strategy.__module__}.{strategy.__qualname__}"


def _about(strategy: type[BaseStrategy], grid: Grid, work: Work, terms: Terms) -> dict[str, object]:
    return {
        "engine": ENGINE,
        "strategy": strategy.name or strategy.__qualname__,
        "grid": grid,
        "bars": len(work.bars),
        "timeframe": work.timeframe,
        "terms": _texts(terms),
        "places": work.terms.places,
        "curve": bool(work.terms.floats[2]),
    }


def _texts(terms: Terms) -> dict[str, str | None]:
    return {
        name: plain(value) if isinstance(value, Decimal) else None
        for name, value in asdict(terms).items()
    }
