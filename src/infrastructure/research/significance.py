"""Whether the entry rule knows anything: the same trades, entered at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.compute.arrays import FloatArray, Numbers, series
from traderbot.infrastructure.compute.statistics.moments import total
from traderbot.infrastructure.compute.statistics.trade_table import TradeTable, trades_of
from traderbot.infrastructure.research.chance import below, choice, permutation
from traderbot.infrastructure.research.distribution import Spread, spread_of

_RUNS_MAX = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Significance:
    """How the entries compare with random ones. The seed makes them again.

    Attributes:
        trades: how many were compared.
        runs: sets of random entries.
        seed: of the random numbers.
        mean_return: average return of a trade from entry to exit, before fees, as a fraction.
        p_value: how likely chance enters as well or better. Below 0.05 is called significant, but
            only if this rule is the only one that was ever tried.
        overlapping: whether the trades lay over each other, so that random ones may as well.
    """

    trades: int
    runs: int
    seed: int
    mean_return: Spread
    p_value: float
    overlapping: bool


def entry_significance(
    prices: Numbers, trades: TradeTable, *, runs: int = 1000, seed: int = 0
) -> Significance:
    """Compare the entries with random ones of the same sides and holding times.

    Both are entered and left at `prices`. Random trades do not overlap unless the real ones do; all
    ways to place them are equally likely. What the market gained on the whole is in both, so a rule
    that only holds long in a rising market finds no significance here.

    Args:
        prices: what a trade of a bar pays, as a rule the opens; one value above zero per bar.
        trades: columns as in `trade_table.TRADE`, on one symbol.
        runs: how many sets of random entries; the smallest p-value is 1 / (runs + 1).
        seed: of the random numbers.

    Raises:
        InvalidValueError: no trade, a price that is not above zero, or no runs.

    Source:
        D. Aronson, "Evidence-Based Technical Analysis", 2006, chapter 5 (Monte-Carlo permutation);
        A. C. Davison and D. V. Hinkley, "Bootstrap Methods and their Application", 1997.
    """
    paid = series("prices", prices)
    wrong = np.flatnonzero(~((paid > 0) & (paid < np.inf)))
    if wrong.size:
        raise InvalidValueError(f"prices row {int(wrong[0])} is {paid[wrong[0]]}: it is above zero")
    table = trades_of(trades, paid.size)
    if not table.size:
        raise InvalidValueError("there is no closed trade: nothing can be compared")
    if not 1 <= runs <= _RUNS_MAX:
        raise InvalidValueError(f"runs are from 1 to {_RUNS_MAX:,}, not {runs}")
    table = table[np.argsort(table["entry_bar"], kind="stable")]
    begins, held = table["entry_bar"], table["exit_bar"] - table["entry_bar"]
    overlapping = bool((begins[1:] < table["exit_bar"][:-1]).any())
    sides = table["side"].astype(np.float64)
    made = np.empty(runs)
    for run in range(runs):
        order = permutation(held.size, seed, 2 * run)
        lengths = held[order]
        starts = _placed(lengths, paid.size, seed, 2 * run + 1, overlapping=overlapping)
        made[run] = _mean_return(paid, starts, lengths, sides[order])
    found = spread_of(_mean_return(paid, begins, held, sides), made)
    return Significance(
        trades=table.size,
        runs=runs,
        seed=seed,
        mean_return=found,
        p_value=found.at_least,
        overlapping=overlapping,
    )


def _placed(
    lengths: npt.NDArray[np.int64], bars: int, seed: int, run: int, *, overlapping: bool
) -> npt.NDArray[np.int64]:
    if overlapping:
        numbers = below(2**31, seed, run, lengths.size)
        return numbers * (bars - lengths) >> 31
    # Free bars are dealt out to the gaps before, between and after: every way is equally likely
    # when as many of the places among free bars and trades are chosen for the trades.
    free = bars - 1 - int(lengths.sum())
    gaps = choice(lengths.size, free + lengths.size, seed, run) - np.arange(lengths.size)
    return gaps + np.concatenate(([0], np.cumsum(lengths)[:-1]))


def _mean_return(
    paid: FloatArray,
    starts: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.int64],
    sides: FloatArray,
) -> float:
    gained: FloatArray = sides * (paid[starts + lengths] / paid[starts] - 1.0)
    return total(gained) / gained.size
