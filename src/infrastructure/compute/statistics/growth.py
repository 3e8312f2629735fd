"""What was earned."""

from __future__ import annotations

import numpy as np

from traderbot.infrastructure.compute.statistics.calendar import monthly_returns
from traderbot.infrastructure.compute.statistics.moments import mean, power, total
from traderbot.infrastructure.compute.statistics.sample import Sample
from traderbot.infrastructure.compute.statistics.statistic import Unit, statistic

_NO_RETURNS = "fewer than two bars, or the equity reached zero"


@statistic("Final equity", Unit.MONEY)
def final_equity(sample: Sample) -> float | None:
    """Return cash and positions at the last bar's close.

    Formula:
        E[last]

    Source:
        definition
    """
    return float(sample.equity[-1])


@statistic("Profit", Unit.MONEY)
def profit(sample: Sample) -> float | None:
    """Return what was added to the equity, open positions included.

    Formula:
        E[last] - E[0]

    Source:
        definition
    """
    return float(sample.equity[-1] - sample.equity[0])


@statistic("Total return", Unit.SHARE, undefined="the equity began at zero or below")
def total_return(sample: Sample) -> float | None:
    """Return the profit as a share of the equity at the first bar.

    Formula:
        E[last] / E[0] - 1

    Source:
        definition
    """
    first = float(sample.equity[0])
    return float(sample.equity[-1]) / first - 1.0 if first > 0 else None


@statistic("Annual growth (CAGR)", Unit.SHARE, undefined=_NO_RETURNS)
def cagr(sample: Sample) -> float | None:
    """Return the constant yearly rate that leads from the first equity to the last.

    Formula:
        (E[last] / E[0]) ** (1 / years) - 1, with years = (bars - 1) / N

    Source:
        CFA Institute, Global Investment Performance Standards, 2020, annualised return
    """
    if sample.returns is None or not sample.years:
        return None
    return power(float(sample.equity[-1] / sample.equity[0]), 1.0 / sample.years) - 1.0


@statistic("Mean annual return", Unit.SHARE, undefined=_NO_RETURNS)
def mean_annual_return(sample: Sample) -> float | None:
    """Return the average return of a bar, times the bars of a year, nothing reinvested.

    Formula:
        mean(r) * N

    Source:
        W. F. Sharpe, "The Sharpe Ratio", Journal of Portfolio Management 21(1), 1994
    """
    if sample.returns is None or sample.periods_per_year is None:
        return None
    average = mean(sample.returns)
    return None if average is None else average * sample.periods_per_year


@statistic("Best bar", Unit.SHARE, undefined=_NO_RETURNS)
def best_bar(sample: Sample) -> float | None:
    """Return the largest return of one bar.

    Formula:
        max(r)

    Source:
        definition
    """
    return None if sample.returns is None else float(sample.returns.max())


@statistic("Worst bar", Unit.SHARE, undefined=_NO_RETURNS)
def worst_bar(sample: Sample) -> float | None:
    """Return the smallest return of one bar.

    Formula:
        min(r)

    Source:
        definition
    """
    return None if sample.returns is None else float(sample.returns.min())


@statistic("Winning bars", Unit.SHARE, undefined=f"{_NO_RETURNS}, or no bar moved it")
def winning_bars(sample: Sample) -> float | None:
    """Return the share of bars that gained, among those that gained or lost.

    Formula:
        count(r > 0) / count(r != 0)

    Source:
        definition
    """
    if sample.returns is None:
        return None
    moved = int(np.count_nonzero(sample.returns))
    return int(np.count_nonzero(sample.returns > 0)) / moved if moved else None


@statistic("Best month", Unit.SHARE, undefined=_NO_RETURNS)
def best_month(sample: Sample) -> float | None:
    """Return the largest return of a calendar month (UTC), the first and the last as far as ran.

    Formula:
        max over months of E[last of month] / E[last of month before] - 1

    Source:
        definition
    """
    months = monthly_returns(sample)
    return max(month.gained for month in months) if months else None


@statistic("Worst month", Unit.SHARE, undefined=_NO_RETURNS)
def worst_month(sample: Sample) -> float | None:
    """Return the smallest return of a calendar month (UTC), the first and the last as far as ran.

    Formula:
        min over months of E[last of month] / E[last of month before] - 1

    Source:
        definition
    """
    months = monthly_returns(sample)
    return min(month.gained for month in months) if months else None


@statistic("Winning months", Unit.SHARE, undefined=_NO_RETURNS)
def winning_months(sample: Sample) -> float | None:
    """Return the share of calendar months (UTC) that gained.

    Formula:
        count(month > 0) / count(months)

    Source:
        definition
    """
    months = monthly_returns(sample)
    return sum(month.gained > 0 for month in months) / len(months) if months else None


@statistic("Average equity", Unit.MONEY)
def average_equity(sample: Sample) -> float | None:
    """Return the mean of the equity over all bars.

    Formula:
        mean(E)

    Source:
        definition
    """
    return total(sample.equity) / sample.equity.size
