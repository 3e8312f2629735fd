"""The statistics of a run once more, with pandas and scipy, as text books print them: obvious."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import scipy.stats as st  # type: ignore[import-untyped]

Floats = Any


def returns_of(equity: Floats) -> pd.Series:
    return pd.Series(equity).pct_change().dropna()


def of_equity(equity: Floats, at: Floats, *, risk_free: float = 0.0) -> dict[str, float | None]:
    """Everything that is told by the equity alone, above zero and moving up and down."""
    curve = pd.Series(equity, index=pd.to_datetime(np.asarray(at), utc=True))
    r = returns_of(equity)
    year = pd.Timedelta(days=365.25)
    n = (len(curve) - 1) / ((curve.index[-1] - curve.index[0]) / year)
    years = (len(curve) - 1) / n
    excess = r - risk_free / n
    short = excess.where(excess < 0, 0.0)
    downside = math.sqrt((short**2).mean()) * math.sqrt(n)
    falls = 1 - curve / curve.cummax()
    grown = (equity[-1] / equity[0]) ** (1 / years) - 1
    ulcer = math.sqrt((falls**2).mean())
    ends = curve.groupby(curve.index.strftime("%Y-%m")).last()
    months = pd.concat([pd.Series([equity[0]]), ends]).pct_change().dropna()
    sharpe = excess.mean() / excess.std(ddof=1)
    skew, kurtosis = st.skew(excess), st.kurtosis(excess, fisher=False)
    error = math.sqrt((1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2) / (len(r) - 1))
    ordered = np.sort(r.to_numpy())
    worst = np.sort(-r.to_numpy())
    rank = math.ceil(round(0.95 * len(r), 9))
    at_risk = worst[rank - 1]
    spell = _under_water(list(equity), list(at))
    line = st.linregress(np.arange(len(r)), r.cumsum())
    return {
        "final_equity": equity[-1],
        "profit": equity[-1] - equity[0],
        "total_return": equity[-1] / equity[0] - 1,
        "cagr": grown,
        "mean_annual_return": r.mean() * n,
        "best_bar": r.max(),
        "worst_bar": r.min(),
        "winning_bars": (r > 0).sum() / (r != 0).sum(),
        "best_month": months.max(),
        "worst_month": months.min(),
        "winning_months": (months > 0).mean(),
        "average_equity": curve.mean(),
        "volatility": r.std(ddof=1) * math.sqrt(n),
        "downside_deviation": downside,
        "value_at_risk": at_risk,
        "conditional_value_at_risk": at_risk + np.maximum(-r - at_risk, 0).sum() / (0.05 * len(r)),
        "tail_ratio": ordered[rank - 1] / at_risk,
        "skewness": st.skew(r),
        "excess_kurtosis": st.kurtosis(r),
        "max_drawdown": falls.max(),
        "average_drawdown": float(np.mean([depth for depth, _, _, _ in spell])),
        "longest_drawdown": max(whole for _, whole, _, _ in spell),
        "deepest_fall_lasted": max(spell, key=lambda one: one[0])[2],
        "deepest_fall_recovered": max(spell, key=lambda one: one[0])[3],
        "time_under_water": (falls > 0).mean(),
        "drawdown_count": float(len(spell)),
        "ulcer_index": ulcer,
        "sharpe": sharpe * math.sqrt(n),
        "sharpe_error": error * math.sqrt(n),
        "sharpe_above_zero": float(st.norm.cdf(sharpe / error)),
        "sortino": excess.mean() * n / downside,
        "calmar": grown / falls.max(),
        "martin": (grown - risk_free) / ulcer,
        "omega": excess[excess > 0].sum() / -excess[excess < 0].sum(),
        "recovery_factor": (equity[-1] / equity[0] - 1) / falls.max(),
        "stability": line.rvalue**2,
    }


def of_trades(trades: Floats, equity: Floats, at: Floats) -> dict[str, float | None]:
    """Everything that is told by the closed trades, with winners and losers among them."""
    table = pd.DataFrame({name: trades[name] for name in trades.dtype.names})
    table = table.sort_values(["exit_bar", "entry_bar"], kind="stable")
    won, lost = table[table.profit > 0], table[table.profit < 0]
    payoff = won.profit.mean() / -lost.profit.mean()
    share = len(won) / (len(won) + len(lost))
    days = (np.asarray(at)[table.exit_bar] - np.asarray(at)[table.entry_bar]) / 86_400e9
    years = (at[-1] - at[0]) / 86_400e9 / 365.25
    traded = (table.quantity * (table.entry_price + table.exit_price)).sum()
    held = {bar for row in table.itertuples() for bar in range(row.entry_bar, row.exit_bar)}
    return {
        "trade_count": float(len(table)),
        "trades_per_year": len(table) / years,
        "win_rate": len(won) / len(table),
        "profit_factor": won.profit.sum() / -lost.profit.sum(),
        "expectancy": table.profit.mean(),
        "expectancy_ratio": table.profit.mean() / -lost.profit.mean(),
        "average_win": won.profit.mean(),
        "average_loss": lost.profit.mean(),
        "payoff_ratio": payoff,
        "best_trade": table.profit.max(),
        "worst_trade": table.profit.min(),
        "system_quality_number": math.sqrt(len(table)) * table.profit.mean() / table.profit.std(),
        "kelly": share - (1 - share) / payoff,
        "winning_streak": float(_longest(table.profit > 0)),
        "losing_streak": float(_longest(table.profit < 0)),
        "exposure": len(held) / len(equity),
        "long_share": (table.side == 1).mean(),
        "average_holding": days.mean(),
        "longest_holding": days.max(),
        "turnover": traded / np.mean(equity) / years,
        "fees": table.fees.sum(),
        "fee_share": (
            table.fees.sum() / (table.profit + table.fees).sum()
            if (table.profit + table.fees).sum() > 0
            else None
        ),
    }


def of_benchmark(equity: Floats, benchmark: Floats, n: float) -> dict[str, float]:
    """Everything that compares two curves."""
    r, b = returns_of(equity).to_numpy(), returns_of(benchmark).to_numpy()
    line = st.linregress(b, r)
    years = (len(equity) - 1) / n
    ahead = r - b
    return {
        "benchmark_return": benchmark[-1] / benchmark[0] - 1,
        "benchmark_cagr": (benchmark[-1] / benchmark[0]) ** (1 / years) - 1,
        "excess_return": equity[-1] / equity[0] - benchmark[-1] / benchmark[0],
        "beta": line.slope,
        "alpha": line.intercept * n,
        "correlation": float(np.corrcoef(r, b)[0, 1]),
        "tracking_error": ahead.std(ddof=1) * math.sqrt(n),
        "information_ratio": ahead.mean() / ahead.std(ddof=1) * math.sqrt(n),
        "up_capture": r[b > 0].mean() / b[b > 0].mean(),
        "down_capture": r[b < 0].mean() / b[b < 0].mean(),
    }


def _under_water(
    equity: list[float], at: list[int]
) -> list[tuple[float, float, float, float | None]]:
    """Depth, days in all, days down, days up again, by walking bar by bar."""
    found = []
    peak = trough = 0
    for bar in range(1, len(equity) + 1):
        if bar < len(equity) and equity[bar] < equity[peak]:
            if trough == peak or equity[bar] < equity[trough]:
                trough = bar
            continue
        if trough != peak:
            last = min(bar, len(equity) - 1)
            up = (at[bar] - at[trough]) / 86_400e9 if bar < len(equity) else None
            found.append(
                (
                    1 - equity[trough] / equity[peak],
                    (at[last] - at[peak]) / 86_400e9,
                    (at[trough] - at[peak]) / 86_400e9,
                    up,
                )
            )
        peak = trough = bar
    return found


def _longest(flags: Any) -> int:
    best = run = 0
    for flag in flags:
        run = run + 1 if flag else 0
        best = max(best, run)
    return best
