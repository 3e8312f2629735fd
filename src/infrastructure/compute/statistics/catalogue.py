"""All statistics, in the order they are shown, and what a run comes to by them."""

from __future__ import annotations

from dataclasses import dataclass

from traderbot.infrastructure.compute.statistics import (
    activity,
    comparison,
    growth,
    reward,
    risk,
    trading,
    under_water,
)
from traderbot.infrastructure.compute.statistics.sample import Sample
from traderbot.infrastructure.compute.statistics.statistic import Statistic


@dataclass(frozen=True, slots=True)
class Group:
    """Statistics that answer one question."""

    title: str
    statistics: tuple[Statistic, ...]


GROUPS = (
    Group(
        "Growth",
        (
            growth.final_equity,
            growth.profit,
            growth.total_return,
            growth.cagr,
            growth.mean_annual_return,
            growth.best_bar,
            growth.worst_bar,
            growth.winning_bars,
            growth.best_month,
            growth.worst_month,
            growth.winning_months,
            growth.average_equity,
        ),
    ),
    Group(
        "Risk",
        (
            risk.volatility,
            risk.downside_deviation,
            risk.value_at_risk,
            risk.conditional_value_at_risk,
            risk.tail_ratio,
            risk.skewness,
            risk.excess_kurtosis,
        ),
    ),
    Group(
        "Drawdowns",
        (
            under_water.max_drawdown,
            under_water.average_drawdown,
            under_water.longest_drawdown,
            under_water.deepest_fall_lasted,
            under_water.deepest_fall_recovered,
            under_water.time_under_water,
            under_water.drawdown_count,
            under_water.ulcer_index,
        ),
    ),
    Group(
        "Reward for risk",
        (
            reward.sharpe,
            reward.sharpe_error,
            reward.sharpe_above_zero,
            reward.sortino,
            reward.calmar,
            reward.martin,
            reward.omega,
            reward.recovery_factor,
            reward.stability,
        ),
    ),
    Group(
        "Trades",
        (
            trading.trade_count,
            trading.trades_per_year,
            trading.win_rate,
            trading.profit_factor,
            trading.expectancy,
            trading.expectancy_ratio,
            trading.average_win,
            trading.average_loss,
            trading.payoff_ratio,
            trading.best_trade,
            trading.worst_trade,
            trading.system_quality_number,
            trading.kelly,
            trading.winning_streak,
            trading.losing_streak,
            trading.adverse_excursion,
            trading.favourable_excursion,
        ),
    ),
    Group(
        "Activity and costs",
        (
            activity.exposure,
            activity.average_leverage,
            activity.long_share,
            activity.average_holding,
            activity.longest_holding,
            activity.turnover,
            activity.fees,
            activity.fee_share,
        ),
    ),
    Group(
        "Against the benchmark",
        (
            comparison.benchmark_return,
            comparison.benchmark_cagr,
            comparison.excess_return,
            comparison.alpha,
            comparison.beta,
            comparison.correlation,
            comparison.tracking_error,
            comparison.information_ratio,
            comparison.up_capture,
            comparison.down_capture,
        ),
    ),
)

STATISTICS = {one.name: one for group in GROUPS for one in group.statistics}


def statistics_of(sample: Sample) -> dict[str, float | None]:
    """Return every statistic of a run by its name; None where it is not defined."""
    return {name: one(sample) for name, one in STATISTICS.items()}
