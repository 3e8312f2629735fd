"""How much it traded, how long it held, and what that cost."""

from __future__ import annotations

from math import fsum

import numpy as np

from traderbot.infrastructure.compute.statistics import growth
from traderbot.infrastructure.compute.statistics.moments import ratio, total
from traderbot.infrastructure.compute.statistics.sample import DAY, Sample
from traderbot.infrastructure.compute.statistics.statistic import Unit, statistic

_NO_TRADE = "no closed trade"


@statistic("Exposure", Unit.SHARE)
def exposure(sample: Sample) -> float | None:
    """Return the share of bars at whose close something was held.

    Formula:
        count(position != 0) / bars

    Source:
        definition
    """
    return int(np.count_nonzero(sample.held)) / sample.held.size


@statistic("Average leverage", Unit.RATIO, undefined="position values were not given, or insolvent")
def average_leverage(sample: Sample) -> float | None:
    """Return what was held, long or short, per unit of equity, on average over all bars.

    Formula:
        mean(|position value| / E)

    Source:
        definition
    """
    if sample.position_value is None or not sample.solvent:
        return None
    return total(np.abs(sample.position_value) / sample.equity) / sample.equity.size


@statistic("Long trades", Unit.SHARE, undefined=_NO_TRADE)
def long_share(sample: Sample) -> float | None:
    """Return the share of closed trades that bought first.

    Formula:
        count(side = +1) / n

    Source:
        definition
    """
    return ratio(float(np.count_nonzero(sample.trades["side"] > 0)), float(sample.trades.size))


@statistic("Average holding time", Unit.DAYS, undefined=_NO_TRADE)
def average_holding(sample: Sample) -> float | None:
    """Return how long a trade was held on average.

    Formula:
        mean(at[exit] - at[entry])

    Source:
        definition
    """
    held = sample.at[sample.trades["exit_bar"]] - sample.at[sample.trades["entry_bar"]]
    return ratio(sum(held.tolist()) / DAY, float(held.size))


@statistic("Longest holding time", Unit.DAYS, undefined=_NO_TRADE)
def longest_holding(sample: Sample) -> float | None:
    """Return how long the longest trade was held.

    Formula:
        max(at[exit] - at[entry])

    Source:
        definition
    """
    held = sample.at[sample.trades["exit_bar"]] - sample.at[sample.trades["entry_bar"]]
    return int(held.max()) / DAY if held.size else None


@statistic("Turnover", Unit.PER_YEAR, undefined="one bar only, or an average equity of zero")
def turnover(sample: Sample) -> float | None:
    """Return how many times a year the average equity was bought or sold by closed trades.

    Formula:
        sum(quantity * (entry price + exit price)) / mean(E) / years

    Source:
        definition; both sides count
    """
    traded = sample.trades["quantity"] * (
        np.abs(sample.trades["entry_price"]) + np.abs(sample.trades["exit_price"])
    )
    return ratio(ratio(fsum(traded.tolist()), growth.average_equity(sample)), sample.years)


@statistic("Fees", Unit.MONEY)
def fees(sample: Sample) -> float | None:
    """Return what the closed trades paid in fees.

    Formula:
        sum(fees)

    Source:
        definition
    """
    return fsum(sample.trades["fees"].tolist())


@statistic(
    "Fees per gross profit", Unit.SHARE, undefined="the trades earned nothing before their fees"
)
def fee_share(sample: Sample) -> float | None:
    """Return which part of what the trades earned went into fees; above 1 they ate all of it.

    Formula:
        sum(fees) / (sum(profit) + sum(fees))

    Source:
        definition
    """
    paid = fsum(sample.trades["fees"].tolist())
    earned = fsum(sample.profits) + paid
    return paid / earned if earned > 0 else None
