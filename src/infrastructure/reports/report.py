"""A run with everything computed that any form of the report shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.compute.statistics.calendar import Month, monthly_returns
from traderbot.infrastructure.compute.statistics.catalogue import statistics_of
from traderbot.infrastructure.compute.statistics.episodes import Episode, deepest
from traderbot.infrastructure.compute.statistics.sample import Sample, sample
from traderbot.infrastructure.compute.statistics.trade_table import TradeTable
from traderbot.infrastructure.reports.evidence import Evidence, evidence_of
from traderbot.infrastructure.reports.report_input import ReportInput
from traderbot.infrastructure.reports.texts import money

_WORST = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Report:
    """The run, and what it comes to. `trades` are checked, and sorted by exit."""

    given: ReportInput
    sample: Sample
    trades: TradeTable
    figures: dict[str, float | None]
    months: tuple[Month, ...]
    worst: tuple[Episode, ...]
    evidence: Evidence
    warnings: tuple[str, ...]


def report_of(given: ReportInput) -> Report:
    """Compute a report. Nothing in it depends on when or where it is made.

    Raises:
        InvalidValueError: arrays that do not fit each other, or are no numbers; row and column are
            named.
    """
    _check_paths(given)
    checked = sample(
        given.equity,
        given.at,
        given.trades,
        periods_per_year=given.periods_per_year,
        position_value=given.position_value,
        benchmark=given.held_against(),
    )
    if "symbol" in (checked.trades.dtype.names or ()) and given.prices:
        beyond = (checked.trades["symbol"] < 0) | (checked.trades["symbol"] >= len(given.prices))
        if beyond.any():
            raise InvalidValueError(
                f"trades row {int(beyond.argmax())}, column symbol counts no path: there are "
                f"{len(given.prices)}"
            )
    return Report(
        given=given,
        sample=checked,
        trades=checked.trades,
        figures=statistics_of(checked),
        months=monthly_returns(checked),
        worst=deepest(checked.episodes, _WORST),
        evidence=evidence_of(checked, given.trials),
        warnings=(*given.warnings, *_noticed(checked, given.currency)),
    )


def _check_paths(given: ReportInput) -> None:
    bars = given.equity.shape
    for path in given.prices:
        for name in ("open", "high", "low", "close"):
            values = getattr(path, name)
            if values.shape != bars or not np.isfinite(values).all():
                raise InvalidValueError(
                    f"{path.symbol} {name} is of shape {values.shape} for {bars[0]} bars, or has a "
                    "value that is no number"
                )


def _noticed(checked: Sample, currency: str) -> tuple[str, ...]:
    found = []
    if not checked.solvent:
        found.append("The equity reached zero: returns, ratios and drawdowns are not defined.")
    held = checked.position_value
    if held is not None and held[-1]:
        found.append(
            f"A position of {money(float(held[-1]))} {currency} is open at the end. What it gained "
            "so far is in the equity, not in the trades."
        )
    return tuple(found)
