"""What the closed trades say. A trade wins if it kept more than nothing after its fees."""

from __future__ import annotations

from itertools import groupby
from math import fsum, sqrt

import numpy as np

from traderbot.infrastructure.compute.statistics.moments import deviation, ratio
from traderbot.infrastructure.compute.statistics.sample import Sample
from traderbot.infrastructure.compute.statistics.statistic import Unit, statistic

_NO_TRADE = "no closed trade"
_NO_LOSER = "no closed trade lost"
_NO_WINNER = "no closed trade won"
_NOT_BOTH = "no closed trade won, or none lost"


@statistic("Closed trades", Unit.COUNT)
def trade_count(sample: Sample) -> float | None:
    """Return how many round trips were closed.

    Formula:
        n

    Source:
        definition
    """
    return float(len(sample.profits))


@statistic("Trades a year", Unit.PER_YEAR, undefined="one bar only")
def trades_per_year(sample: Sample) -> float | None:
    """Return how many round trips a year closes.

    Formula:
        n / years

    Source:
        definition
    """
    return ratio(float(len(sample.profits)), sample.years)


@statistic("Win rate", Unit.SHARE, undefined=_NO_TRADE)
def win_rate(sample: Sample) -> float | None:
    """Return the share of closed trades that won.

    Formula:
        count(profit > 0) / n

    Source:
        definition
    """
    return ratio(float(len(_won(sample))), float(len(sample.profits)))


@statistic("Profit factor", Unit.RATIO, undefined=_NO_LOSER)
def profit_factor(sample: Sample) -> float | None:
    """Return what the winners kept per unit that the losers lost; 1 is neither.

    Formula:
        sum(profits above 0) / -sum(profits below 0)

    Source:
        R. Pardo, "The Evaluation and Optimization of Trading Strategies", 2nd ed., 2008
    """
    return ratio(fsum(_won(sample)), -fsum(_lost(sample)))


@statistic("Expectancy", Unit.MONEY, undefined=_NO_TRADE)
def expectancy(sample: Sample) -> float | None:
    """Return what a trade kept on average.

    Formula:
        mean(profit)

    Source:
        V. K. Tharp, "Trade Your Way to Financial Freedom", 2nd ed., 2006
    """
    return ratio(fsum(sample.profits), float(len(sample.profits)))


@statistic("Expectancy per average loss", Unit.RATIO, undefined=_NO_LOSER)
def expectancy_ratio(sample: Sample) -> float | None:
    """Return what a trade kept on average, per unit that a loser loses.

    Formula:
        mean(profit) / -mean(profits below 0)

    Source:
        V. K. Tharp, "Trade Your Way to Financial Freedom", 2nd ed., 2006, with the average loss
        in the place of the initial risk
    """
    lost = average_loss(sample)
    return None if lost is None else ratio(expectancy(sample), -lost)


@statistic("Average winner", Unit.MONEY, undefined=_NO_WINNER)
def average_win(sample: Sample) -> float | None:
    """Return what a winning trade kept on average.

    Formula:
        mean(profits above 0)

    Source:
        definition
    """
    won = _won(sample)
    return ratio(fsum(won), float(len(won)))


@statistic("Average loser", Unit.MONEY, undefined=_NO_LOSER)
def average_loss(sample: Sample) -> float | None:
    """Return what a losing trade kept on average: below zero.

    Formula:
        mean(profits below 0)

    Source:
        definition
    """
    lost = _lost(sample)
    return ratio(fsum(lost), float(len(lost)))


@statistic("Payoff ratio", Unit.RATIO, undefined=_NOT_BOTH)
def payoff_ratio(sample: Sample) -> float | None:
    """Return how large the average winner is in average losers.

    Formula:
        average winner / -average loser

    Source:
        R. Vince, "Portfolio Management Formulas", 1990
    """
    lost = average_loss(sample)
    return None if lost is None else ratio(average_win(sample), -lost)


@statistic("Best trade", Unit.MONEY, undefined=_NO_TRADE)
def best_trade(sample: Sample) -> float | None:
    """Return the largest profit of one trade.

    Formula:
        max(profit)

    Source:
        definition
    """
    return max(sample.profits, default=None)


@statistic("Worst trade", Unit.MONEY, undefined=_NO_TRADE)
def worst_trade(sample: Sample) -> float | None:
    """Return the smallest profit of one trade, below zero for a loss.

    Formula:
        min(profit)

    Source:
        definition
    """
    return min(sample.profits, default=None)


@statistic(
    "System quality number", Unit.RATIO, undefined="fewer than two closed trades, or all are alike"
)
def system_quality_number(sample: Sample) -> float | None:
    """Return how far the average trade is from zero, in its own standard errors.

    Formula:
        sqrt(n) * mean(profit) / s(profit); n is not capped at 100

    Source:
        V. K. Tharp, "Definitive Guide to Position Sizing", 2008, of profits instead of multiples
        of risk
    """
    profits = np.asarray(sample.profits, dtype=np.float64)
    found = ratio(expectancy(sample), deviation(profits))
    return None if found is None else found * sqrt(profits.size)


@statistic("Kelly fraction", Unit.SHARE, undefined=_NOT_BOTH)
def kelly(sample: Sample) -> float | None:
    """Return the share of equity to put at risk in a trade for the fastest growth, had it gone on.

    Below zero: do not trade it. It is the upper end of sense, not advice: see the risk models.

    Formula:
        W - (1 - W) / payoff ratio, W the share of winners among winners and losers

    Source:
        J. L. Kelly, "A New Interpretation of Information Rate", Bell System Technical Journal
        35(4), 1956
    """
    payoff = payoff_ratio(sample)
    if payoff is None:
        return None
    won, lost = len(_won(sample)), len(_lost(sample))
    share = won / (won + lost)
    return share - (1.0 - share) / payoff


@statistic("Longest winning streak", Unit.COUNT)
def winning_streak(sample: Sample) -> float | None:
    """Return how many trades won one after another, at most, in the order of their exits.

    Formula:
        longest run of profit > 0

    Source:
        definition
    """
    return float(_streak([profit > 0 for profit in sample.profits]))


@statistic("Longest losing streak", Unit.COUNT)
def losing_streak(sample: Sample) -> float | None:
    """Return how many trades lost one after another, at most, in the order of their exits.

    Formula:
        longest run of profit < 0

    Source:
        definition
    """
    return float(_streak([profit < 0 for profit in sample.profits]))


@statistic("Average adverse excursion", Unit.MONEY, undefined="no excursions were given")
def adverse_excursion(sample: Sample) -> float | None:
    """Return how far trades were against their holder at the worst, on average.

    Formula:
        mean(mae)

    Source:
        J. Sweeney, "Maximum Adverse Excursion", 1997
    """
    return _column(sample, "mae")


@statistic("Average favourable excursion", Unit.MONEY, undefined="no excursions were given")
def favourable_excursion(sample: Sample) -> float | None:
    """Return how far trades were in favour of their holder at the best, on average.

    Formula:
        mean(mfe)

    Source:
        J. Sweeney, "Maximum Adverse Excursion", 1997
    """
    return _column(sample, "mfe")


def _won(sample: Sample) -> list[float]:
    return [profit for profit in sample.profits if profit > 0]


def _lost(sample: Sample) -> list[float]:
    return [profit for profit in sample.profits if profit < 0]


def _streak(flags: list[bool]) -> int:
    return max((len(list(run)) for flag, run in groupby(flags) if flag), default=0)


def _column(sample: Sample, name: str) -> float | None:
    if name not in (sample.trades.dtype.names or ()):
        return None
    values = sample.trades[name].tolist()
    return ratio(fsum(values), float(len(values)))
