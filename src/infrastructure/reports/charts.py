"""The charts of a report: equity, drawdown, price with entries and exits, profit by trade."""

from __future__ import annotations

import numpy as np

from traderbot.infrastructure.compute.arrays import FloatArray
from traderbot.infrastructure.compute.statistics.trade_table import TradeTable
from traderbot.infrastructure.reports.axes import round_values
from traderbot.infrastructure.reports.plot import Plot, bounds, scale_of
from traderbot.infrastructure.reports.report import Report
from traderbot.infrastructure.reports.report_input import PricePath
from traderbot.infrastructure.reports.texts import MINUS, escaped, money, percent
from traderbot.infrastructure.reports.thinning import sampled

PATHS_MAX = 12  # symbols that get a chart
SIGNS_MAX = 1500  # trades in one of them; more would hide the price
BARS_MAX = 400
_POINTS = 600
_SHALLOW = -0.05  # drawdowns that need a decimal place


def equity_chart(report: Report) -> str:
    """Draw the equity, and the benchmark as if the same money had been put into it."""
    equity = report.sample.equity
    rival = benchmark_money(report)
    curves = [equity] if rival is None else [equity, rival]
    low, high = bounds(*curves)
    plot = Plot(
        name="equity",
        title=f"Equity from {money(float(equity[0]))} to {money(float(equity[-1]))}",
        at=report.sample.at,
        low=low,
        high=high,
        height=300,
    )
    plot.level(float(equity[0]), "begin")
    if rival is not None:
        plot.line(rival, "rival")
    plot.area(equity, low, "own")
    plot.line(equity, "own")
    return plot.drawn([(value, _short(value)) for value in scale_of(low, high)])


def drawdown_chart(report: Report) -> str:
    """Draw how far below its peak the equity was; nothing if it reached zero."""
    falls = report.sample.falls
    if falls is None:
        return ""
    below = -falls
    low, _ = bounds(below, np.zeros(1))
    plot = Plot(
        name="drawdown",
        title=f"Drawdown, {percent(float(falls.max()))} at the deepest",
        at=report.sample.at,
        low=low,
        high=0.0,
        height=140,
    )
    plot.area(below, 0.0, "fall")
    plot.line(below, "fall")
    places = 0 if low < _SHALLOW else 1
    return plot.drawn([(value, percent(value, places)) for value in round_values(low, 0.0, 3)])


def price_chart(report: Report, which: int) -> str:
    """Draw the closes of one symbol, and where its trades began and ended if they are not many."""
    path = report.given.prices[which]
    trades = trades_on(report, which)
    low, high = bounds(path.low, path.high, *_prices(trades))
    plot = Plot(
        name=f"price{which}",
        title=f"{path.symbol} with {trades.size} trades",
        at=report.sample.at,
        low=low,
        high=high,
        height=320,
    )
    plot.line(path.close, "price")
    if trades.size <= SIGNS_MAX:
        _mark(plot, trades)
    return plot.drawn([(value, _short(value)) for value in scale_of(low, high)])


def profit_chart(report: Report) -> str:
    """Draw the profit of each trade, in the order of their exits; the last 400 of them."""
    profits = report.trades["profit"][-BARS_MAX:]
    if not profits.size:
        return ""
    low, high = bounds(profits, np.zeros(1))
    height, width = 150, 1000 / profits.size
    zero = _up(0.0, low, high, height)
    bars = []
    for place, profit in enumerate(profits.tolist()):
        y = _up(profit, low, high, height)
        kind = "gain" if profit > 0 else "loss"
        bars.append(
            f'<rect class="{kind}" x="{place * width + width * 0.1:.2f}" y="{min(y, zero):.1f}" '
            f'width="{width * 0.8:.2f}" height="{max(abs(y - zero), 0.6):.1f}"/>'
        )
    lines, texts = [], []
    for value in round_values(low, high, 3):
        level = f"{_up(value, low, high, height):.1f}"
        lines.append(f'<line x1="0" x2="100%" y1="{level}" y2="{level}"/>')
        texts.append(f'<text x="8" y="{level}" dy=".32em">{escaped(_short(value))}</text>')
    return (
        f'<div class="plot"><svg class="picture" height="{height}" role="img" '
        f'aria-label="Profit of each trade"><g class="grid">{"".join(lines)}</g>'
        f'<svg width="100%" height="{height}" viewBox="0 0 1000 {height}" '
        f'preserveAspectRatio="none">{"".join(bars)}</svg></svg>'
        f'<svg class="scale" height="{height}" aria-hidden="true">{"".join(texts)}</svg></div>'
    )


def points(report: Report) -> dict[str, object]:
    """Return what the pointer reads: some bars, and each chart's values there."""
    bars = sampled(report.sample.equity.size, _POINTS)
    last = max(report.sample.equity.size - 1, 1)
    lines: dict[str, list[tuple[str, FloatArray, str]]] = {
        "equity": [("Equity", report.sample.equity, "money")]
    }
    rival = benchmark_money(report)
    if rival is not None:
        lines["equity"].append(("Holding", rival, "money"))
    if report.sample.falls is not None:
        lines["drawdown"] = [("Drawdown", -report.sample.falls, "share")]
    for which, path in enumerate(report.given.prices[:PATHS_MAX]):
        lines[f"price{which}"] = [("Close", path.close, "money")]
    return {
        "at": [int(moment) // 1_000_000 for moment in report.sample.at[bars].tolist()],
        "x": [round(bar / last, 5) for bar in bars.tolist()],
        "charts": {
            chart: [
                {"name": name, "unit": unit, "values": [float(f"{v:.7g}") for v in values[bars]]}
                for name, values, unit in parts
            ]
            for chart, parts in lines.items()
        },
    }


def benchmark_money(report: Report) -> FloatArray | None:
    """Return the benchmark, scaled to begin with the equity; None if there is none."""
    rival = report.sample.benchmark
    if rival is None or report.sample.equity[0] <= 0:
        return None
    return np.asarray(rival / rival[0] * report.sample.equity[0])


def trades_on(report: Report, which: int) -> TradeTable:
    """Return the trades of one symbol."""
    if "symbol" not in (report.trades.dtype.names or ()):
        return report.trades if which == 0 else report.trades[:0]
    return np.asarray(report.trades[report.trades["symbol"] == which])


def path_of(report: Report, trade: np.void) -> PricePath | None:
    """Return the path that a trade belongs to; None without paths."""
    if not report.given.prices:
        return None
    which = trade["symbol"] if "symbol" in (report.trades.dtype.names or ()) else 0
    return report.given.prices[int(which)]


def _mark(plot: Plot, trades: TradeTable) -> None:
    ends = [
        (int(row["entry_bar"]), float(row["entry_price"]), int(row["exit_bar"]),
         float(row["exit_price"]))
        for row in trades
    ]  # fmt: skip
    won = (trades["profit"] > 0).tolist()
    plot.strokes([end for end, gained in zip(ends, won, strict=True) if gained], "gain")
    plot.strokes([end for end, gained in zip(ends, won, strict=True) if not gained], "loss")
    for (entry_bar, entry, exit_bar, left), side in zip(ends, trades["side"], strict=True):
        first, then = ("buy", "sell") if side > 0 else ("sell", "buy")
        plot.sign(entry_bar, entry, first)
        plot.sign(exit_bar, left, then)


def _prices(trades: TradeTable) -> list[FloatArray]:
    return [trades[name] for name in ("entry_price", "exit_price") if trades.size]


def _up(value: float, low: float, high: float, height: int) -> float:
    return 6 + (height - 12) * (high - value) / ((high - low) or 1.0)


def _short(value: float) -> str:
    for least, unit, letter in ((1e9, 1e9, "B"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if abs(value) >= least:
            return f"{value / unit:g}{letter}".replace("-", MINUS)
    return f"{value:g}".replace("-", MINUS)
