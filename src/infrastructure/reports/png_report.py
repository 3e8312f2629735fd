"""The report as one picture: equity, drawdown, price and the key figures, by matplotlib."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from traderbot.infrastructure.brokers.extras import MissingExtraError
from traderbot.infrastructure.reports.charts import benchmark_money, trades_on
from traderbot.infrastructure.reports.report import Report
from traderbot.infrastructure.reports.texts import grouped, percent
from traderbot.infrastructure.reports.thinning import thinned

if TYPE_CHECKING:  # an extra: the report's other forms need nothing
    from matplotlib.axes import Axes

_INK, _SOFT, _FAINT = "#161b22", "#5d6775", "#e4e7ec"
_OWN, _RIVAL, _GAIN, _LOSS = "#2a5bd7", "#9aa4b2", "#0a7d5c", "#c2411f"
_COLUMNS = 1400


def png_report(report: Report) -> bytes:
    """Return the picture, 1,600 pixels wide. It carries no date: the same report, the same bytes.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError(
            "a picture of the report needs matplotlib, which is not installed: install this "
            "program with its extra [report], as in pip install '.[report]'"
        ) from error
    rows = 3 if report.given.prices else 2
    picture = Figure(figsize=(16, 3.2 + 3 * rows), dpi=100, layout="constrained", facecolor="white")
    FigureCanvasAgg(picture)
    picture.suptitle(
        f"{report.given.title}\n{_key_figures(report)}", x=0.01, ha="left", color=_INK, fontsize=15
    )
    axes = picture.subplots(rows, 1, sharex=True, height_ratios=[3, 1.2, 3][:rows])
    _equity(axes[0], report)
    _drawdown(axes[1], report)
    if report.given.prices:
        _price(axes[2], report)
    file = BytesIO()
    picture.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def _equity(axis: Axes, report: Report) -> None:
    _plain(axis, f"Equity, {report.given.currency}")
    rival = benchmark_money(report)
    if rival is not None:
        _line(axis, report, rival, _RIVAL, "Buy and hold")
    _line(axis, report, report.sample.equity, _OWN, "Equity")
    axis.legend(loc="upper left", frameon=False, labelcolor=_SOFT)


def _drawdown(axis: Axes, report: Report) -> None:
    _plain(axis, "Drawdown, %")
    if report.sample.falls is not None:
        below = -100.0 * report.sample.falls
        _line(axis, report, below, _LOSS, "")
        bars = thinned(below, _COLUMNS)
        axis.fill_between(_when(report)[bars], below[bars], 0, color=_LOSS, alpha=0.15, lw=0)


def _price(axis: Axes, report: Report) -> None:
    path, trades = report.given.prices[0], trades_on(report, 0)
    _plain(axis, path.symbol)
    _line(axis, report, path.close, _SOFT, "")
    when = _when(report)
    bought = [(trades["entry_bar"], trades["entry_price"], trades["side"] > 0),
              (trades["exit_bar"], trades["exit_price"], trades["side"] < 0)]  # fmt: skip
    for bars, prices, buys in bought:
        axis.scatter(when[bars[buys]], prices[buys], marker="^", s=36, color=_GAIN, zorder=3)
        axis.scatter(when[bars[~buys]], prices[~buys], marker="v", s=36, color=_LOSS, zorder=3)


def _line(axis: Axes, report: Report, values: np.ndarray, color: str, name: str) -> None:
    bars = thinned(values, _COLUMNS)
    axis.plot(_when(report)[bars], values[bars], color=color, lw=1.4, label=name)


def _plain(axis: Axes, title: str) -> None:
    axis.set_title(title, loc="left", color=_SOFT, fontsize=11)
    axis.grid(axis="y", color=_FAINT)
    axis.tick_params(colors=_SOFT, length=0)
    axis.spines[:].set_visible(False)


def _when(report: Report) -> np.ndarray:
    return report.sample.at.astype("datetime64[ns]")


def _key_figures(report: Report) -> str:
    found = report.figures
    sharpe = found["sharpe"]
    trials = report.evidence.trials
    return "   ".join(
        (
            f"return {percent(found['total_return'], 1, signed=True)}",
            f"drawdown {percent(found['max_drawdown'], 1)}",
            f"Sharpe {grouped(sharpe, 2) if sharpe is not None else 'not defined'}",
            f"{report.trades.size:,} trades",
            f"trials: {trials:,}" if trials is not None else "trials: not counted",
        )
    )
