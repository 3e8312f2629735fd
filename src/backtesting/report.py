"""A backtest as files for people: what it rests on stands beside its figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from traderbot.backtesting.tables import opens_at, prices_of, trade_table
from traderbot.infrastructure.reports.report_input import Assumption, PricePath, ReportInput
from traderbot.infrastructure.reports.writing import DEFAULT_FORMS, write_reports

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from traderbot.application.backtesting.result import BacktestResult
    from traderbot.application.backtesting.spec import Trader

_PATHS = ("open", "high", "low", "close")


def write_report(
    result: BacktestResult, folder: str | Path, forms: Iterable[str] = DEFAULT_FORMS
) -> Sequence[Path]:
    """Write the report of a run in these forms: html, json, csv, png.

    Raises:
        ReportNotWrittenError: the folder cannot be made or written to.
    """
    return write_reports(report_input(result), Path(folder), forms)


def report_input(result: BacktestResult) -> ReportInput:
    """Return what a report is made of."""
    spec = result.spec
    return ReportInput(
        title=", ".join(dict.fromkeys(_title(it) for it in spec.traders)),
        run_id=result.run_id,
        currency=spec.currency.code,
        at=opens_at(result),
        equity=np.array(result.equity),
        trades=trade_table(result),
        prices=[
            PricePath(
                symbol=tape.symbol.code,
                **{name: prices_of(result, tape, name) for name in _PATHS},
            )
            for tape in spec.tapes
        ],
        parameters={
            name: text for it in spec.traders for name, text in it.strategy.parameters().items()
        },
        assumptions=_assumptions(result),
        data={
            f"{tape.symbol} {tape.timeframe.value}": (
                f"{len(tape)} bars, {tape.at[0]:%Y-%m-%d %H:%M} to {tape.at[-1]:%Y-%m-%d %H:%M} "
                f"UTC, digest {tape.digest}"
            )
            for tape in spec.tapes
        },
        warnings=_warnings(result),
        refused=result.blocked,
    )


def _title(trader: Trader) -> str:
    return f"{trader.name} on {trader.tape.symbol}, {trader.tape.timeframe.value}"


def _assumptions(result: BacktestResult) -> Sequence[Assumption]:
    spec = result.spec
    found = [
        Assumption(
            name="fills",
            value=spec.model.name,
            meaning="market orders trade at the open of the bar after the decision",
        ),
        Assumption(name="cash", value=", ".join(map(str, spec.cash))),
        Assumption(
            name="at the end",
            value=spec.at_end.value,
            meaning="mark: what is open is worth the last close; close: it is sold before",
        ),
    ]
    if any(it.sizing is not None and it.sizing.short for it in spec.traders):
        cost = f"{spec.borrow_bps} bps a year"
        found.append(Assumption(name="borrowing", value=cost, meaning="of what is short"))
    return found


def _warnings(result: BacktestResult) -> Sequence[str]:
    found = [
        f"{symbol}: {len(holes)} holes in the bars, the first after {holes[0].after:%Y-%m-%d %H:%M}"
        for symbol, holes in result.holes.items()
    ]
    found += [f"{it.strategy} on {it.symbol} was stopped: {it.reason}" for it in result.stopped]
    return [*found, f"the run ended early: {result.ended}"] if result.ended else found
