"""The report for spreadsheets: three tables, each a CSV text with a head line."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from io import StringIO

from traderbot.infrastructure.compute.statistics.catalogue import STATISTICS
from traderbot.infrastructure.reports.charts import path_of
from traderbot.infrastructure.reports.report import Report

_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


def statistics_csv(report: Report) -> str:
    """Return a line per statistic; the value is empty where it is not defined."""
    return _table(
        ("name", "title", "value", "unit", "formula"),
        (
            (one.name, one.title, _number(report.figures[name]), str(one.unit), one.formula)
            for name, one in STATISTICS.items()
        ),
    )


def trades_csv(report: Report) -> str:
    """Return a line per closed trade, the oldest first; instants are UTC."""
    at = report.sample.at.astype("datetime64[ns]").astype("datetime64[us]")
    names = [name for name in report.trades.dtype.names or () if name != "symbol"]
    rows = []
    for trade in report.trades:
        path = path_of(report, trade)
        rows.append(
            (
                _text(path.symbol) if path else "",
                f"{at[trade['entry_bar']]}Z",
                f"{at[trade['exit_bar']]}Z",
                *(repr(trade[name].item()) for name in names),
            )
        )
    return _table(("symbol", "entry_at", "exit_at", *names), rows)


def equity_csv(report: Report) -> str:
    """Return a line per bar."""
    at = report.sample.at.astype("datetime64[ns]").astype("datetime64[us]")
    columns = {"equity": report.sample.equity}
    if report.sample.falls is not None:
        columns["drawdown"] = report.sample.falls
    if report.sample.position_value is not None:
        columns["position_value"] = report.sample.position_value
    if report.sample.benchmark is not None:
        columns["benchmark"] = report.sample.benchmark
    return _table(
        ("at", *columns),
        (
            (f"{moment}Z", *(repr(value) for value in values))
            for moment, *values in zip(
                at.astype(str).tolist(),
                *(values.tolist() for values in columns.values()),
                strict=True,
            )
        ),
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue()


def _number(value: float | None) -> str:
    return "" if value is None else repr(value)


def _text(text: str) -> str:
    # A spreadsheet would take it for a formula.
    return f"'{text}" if text.startswith(_FORMULA_SIGNS) else text
