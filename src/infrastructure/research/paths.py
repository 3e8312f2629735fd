"""Other histories of the same market: its bars put together anew, and the strategy run on them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.compute.arrays import FloatArray
from traderbot.infrastructure.compute.columns import Columns
from traderbot.infrastructure.research.distribution import spread_of
from traderbot.infrastructure.research.market import Market
from traderbot.infrastructure.research.monte_carlo import (
    MonteCarlo,
    checked_runs,
    resampled,
)
from traderbot.infrastructure.research.space import Parameters

_PLACES_MAX = 8
_SHORTEST = 3


def other_histories(
    market: Market,
    parameters: Parameters,
    *,
    block: float,
    runs: int = 1000,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> MonteCarlo:
    """Run a set on histories made of blocks of the market's own bars.

    The strategy decides anew on each. If it came out far better on the real one than on most
    others, it is fitted to the order in which things happened.

    Args:
        market: the strategy and its bars.
        parameters: the set.
        block: average length of a block in bars, 1 or more; longer than the strategy's memory.
        runs: how many histories.
        seed: of the random numbers.
        progress: called after each.

    Raises:
        InvalidValueError: too few bars, no runs, or a block below 1.

    Source:
        D. N. Politis and J. P. Romano, "The Stationary Bootstrap", Journal of the American
        Statistical Association 89(428), 1994, of whole bars relative to the close before.
    """
    checked_runs(runs)
    finals, falls = np.empty(runs), np.empty(runs)
    for run in range(runs):
        bars = resampled_bars(market.bars, block=block, seed=seed, run=run)
        finals[run], falls[run] = _came_to(market.on(bars), parameters)
        if progress is not None:
            progress(run + 1, runs)
    final, fall = _came_to(market, parameters)
    return MonteCarlo(
        runs=runs,
        seed=seed,
        method=f"the market in blocks of {block:g} bars on average",
        final=spread_of(final, finals),
        drawdown=spread_of(fall, falls),
        ruined=int(np.count_nonzero(falls >= 1.0)) / runs,
    )


def resampled_bars(bars: Columns, *, block: float, seed: int, run: int) -> Columns:
    """Return a history of as many bars, each moving from the close before it as a real one did.

    The first bar and the instants are the real ones; prices have as many places as the real ones.

    Raises:
        InvalidValueError: fewer than three bars, a close that is not above zero, or a block below
            1 bar.
    """
    if len(bars) < _SHORTEST:
        raise InvalidValueError(f"{len(bars)} bars make no other history: 3 or more are needed")
    if not 1 <= block < np.inf:
        raise InvalidValueError(f"a block is 1 bar or more on average, not {block}")
    if (bars.close <= 0).any():
        raise InvalidValueError(f"close row {int((bars.close <= 0).argmax())} is not above zero")
    order = resampled(len(bars) - 1, block, seed, run) + 1
    before = bars.close[order - 1]
    close = bars.close[0] * np.cumprod(bars.close[order] / before)
    last = np.concatenate((bars.close[:1], close[:-1]))
    places = _places(bars)

    def column(name: str) -> FloatArray:
        real: FloatArray = getattr(bars, name)
        made = np.maximum(np.round(last * (real[order] / before), places), 10.0**-places)
        return np.concatenate((real[:1], made))

    prices = {name: column(name) for name in ("open", "high", "low", "close")}
    volume = np.concatenate((bars.volume[:1], bars.volume[order]))
    return Columns(at=bars.at, volume=volume, **prices)


def _came_to(market: Market, parameters: Parameters) -> tuple[float, float]:
    equity = market.run(parameters).sample.equity
    if (equity <= 0).any():
        return float(equity[-1]), 1.0
    return float(equity[-1]), float((1.0 - equity / np.maximum.accumulate(equity)).max())


def _places(bars: Columns) -> int:
    prices = np.concatenate((bars.open, bars.high, bars.low, bars.close))
    for places in range(_PLACES_MAX):
        if (np.round(prices, places) == prices).all():
            return places
    return _PLACES_MAX
