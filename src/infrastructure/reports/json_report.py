"""The report for programs: one JSON object, sorted keys, no NaN."""

from __future__ import annotations

import json
from typing import Any

from traderbot.infrastructure.compute.arrays import FloatArray
from traderbot.infrastructure.compute.statistics.catalogue import STATISTICS
from traderbot.infrastructure.reports.report import Report

SPEC = "traderbot.report/1"


def json_report(report: Report) -> str:
    """Return the report. What is not defined is null; instants are nanoseconds since 1970 UTC."""
    return json.dumps(report_object(report), sort_keys=True, allow_nan=False, indent=1) + "\n"


def report_object(report: Report) -> dict[str, Any]:
    """Return the report as JSON's own types."""
    given, found = report.given, report.evidence
    return {
        "spec": SPEC,
        "made_by": given.made_by,
        "title": given.title,
        "run_id": given.run_id,
        "log_digest": given.log_digest,
        "currency": given.currency,
        "bars": report.sample.equity.size,
        "first_at": int(report.sample.at[0]),
        "last_at": int(report.sample.at[-1]),
        "periods_per_year": report.sample.periods_per_year,
        "statistics": report.figures,
        "units": {name: str(one.unit) for name, one in STATISTICS.items()},
        "evidence": {
            "trials": found.trials,
            "sharpe_of_the_best_by_luck": found.best_by_luck,
            "deflated_sharpe": found.deflated,
            "deviation_of_trials_given": found.deviation_given,
            "says": list(found.sentences),
        },
        "months": [
            {"year": month.year, "month": month.month, "return": month.gained}
            for month in report.months
        ],
        "drawdowns": [
            {
                "depth": fall.depth,
                "peak_bar": fall.peak,
                "trough_bar": fall.trough,
                "recovered_bar": fall.recovered,
            }
            for fall in report.worst
        ],
        "parameters": dict(given.parameters),
        "assumptions": [
            {"name": one.name, "value": one.value, "meaning": one.meaning}
            for one in given.assumptions
        ],
        "data": dict(given.data),
        "warnings": list(report.warnings),
        "refused": dict(given.refused),
        "verify": list(given.verify),
        "symbols": [path.symbol for path in given.prices],
        "trades": [
            dict(zip(report.trades.dtype.names or (), trade.tolist(), strict=True))
            for trade in report.trades
        ],
        "equity": _numbers(report.sample.equity),
        "at": report.sample.at.tolist(),
    }


def _numbers(values: FloatArray) -> list[float]:
    return [float(value) for value in values.tolist()]
