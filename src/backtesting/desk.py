"""Backtests as the command line asks for them: texts in, one document out, kept in a folder."""

from __future__ import annotations

import json
import os
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from traderbot.application.backtesting.errors import InvalidBacktestError, UnknownBacktestError
from traderbot.application.backtesting.spec import (
    UNLIMITED,
    AtEnd,
    BacktestSpec,
    OnGap,
    Trader,
)
from traderbot.application.backtesting.tape import Tape
from traderbot.backtesting import run as run_spec
from traderbot.backtesting.log_file import ensure_new, write_log
from traderbot.backtesting.report import report_input, write_report
from traderbot.domain.bots.sizing_rule import Sizing, SizingRule
from traderbot.domain.risk.limits import PAPER
from traderbot.domain.shared.decimals import exact, plain
from traderbot.domain.shared.values import Money
from traderbot.domain.simulation.fill_model import FillModel, Slippage, SlippageKind
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.infrastructure.reports.report import report_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from traderbot.application.backtesting.result import BacktestResult
    from traderbot.domain.market.bars import Bar

_SPEC: Final = "traderbot.backtest/1"
_KEPT: Final = 1_000  # documents of one person; the oldest go
_TRADES: Final = 10_000  # in one document; the report's files have them all
_LONE: Final = {
    "share": SizingRule.SHARE,
    "quantity": SizingRule.FIXED,
    "risk": SizingRule.RISK,
}


class BacktestDesk:
    """Runs backtests, and remembers the figures of each under its run id."""

    def __init__(self, folder: Path) -> None:
        """Keep documents in a folder, which is made with the first of them."""
        self._folder = folder

    def run(
        self,
        strategy: str,
        series: Sequence[Sequence[Bar]],
        *,
        parameters: Mapping[str, str],
        terms: Mapping[str, str],
        out: Path | None,
        log: Path | None,
        progress: Callable[[int, int], None],
    ) -> Mapping[str, Any]:
        """Run a strategy on each of these series, on one cash, and return what came of it.

        Raises:
            InvalidBacktestError, BadSeriesError, MissingBarsError: it cannot be run.
            InvalidParameterError, UnknownStrategyError: there is no such strategy.
            InvalidValueError: a term is no number, or out of its bounds.
        """
        if log is not None:
            ensure_new(log)  # before the work, not after it
        spec = _spec(strategy, series, parameters, terms)
        result = run_spec(spec, progress)
        files = [] if out is None else [str(path) for path in write_report(result, out)]
        if log is not None:
            files.append(str(write_log(result, log, progress)))
        document = _document(result)
        self._keep(document)
        return {**document, "files": files}

    def list(self) -> Sequence[Mapping[str, Any]]:
        """Return the main figures of every backtest that was run here, the newest first."""
        return [_without(_read(path), "trades", "statistics") for path in self._files()]

    def show(self, run: str) -> Mapping[str, Any]:
        """Return one of them whole, by its run id or the beginning of it.

        Raises:
            UnknownBacktestError: there is none, or several begin like that.
        """
        if run and run.isalnum():
            found = sorted(self._folder.glob(f"{run}*.json"))
            if len(found) == 1:
                return _read(found[0])
            if found:
                msg = f"{len(found)} backtests begin with {run}; give more of the run id"
                raise UnknownBacktestError(msg)
        msg = f"no backtest is {run!r:.70}; see: traderbot backtest list"
        raise UnknownBacktestError(msg)

    def _keep(self, document: Mapping[str, Any]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{document['run_id']}.json"
        beside = path.with_suffix(".part")
        beside.write_text(json.dumps(document, sort_keys=True, allow_nan=False) + "\n")
        os.replace(beside, path)  # noqa: PTH105 - the old file or the new one, never half of one
        for oldest in self._files()[_KEPT:]:
            oldest.unlink(missing_ok=True)

    def _files(self) -> Sequence[Path]:
        """Return the documents, the newest first."""
        found = [(path.stat().st_mtime_ns, path) for path in self._folder.glob("*.json")]
        return [path for _, path in sorted(found, reverse=True)]


def _spec(
    strategy: str,
    series: Sequence[Sequence[Bar]],
    parameters: Mapping[str, str],
    terms: Mapping[str, str],
) -> BacktestSpec:
    sizing = _sizing(terms)
    slippage = _number(terms, "slippage_bps", "5")
    fee = _number(terms, "fee_bps", "10")
    participation = terms.get("participation")
    model = FillModel(
        maker_fee_bps=_number(terms, "maker_fee_bps", plain(fee)),
        taker_fee_bps=fee,
        slippage=Slippage(SlippageKind.BPS if slippage else SlippageKind.NONE, slippage),
        spread_bps=_number(terms, "spread_bps", "0"),
        participation=None if participation is None else exact(participation),
    )
    traders = tuple(
        Trader(
            strategy=StrategyRegistry.create(strategy, parameters),
            tape=Tape.of_bars(bars),
            allocation=_number(terms, "share", "0.1") if sizing is None else Decimal(1),
            sizing=sizing,
        )
        for bars in series
    )
    return BacktestSpec(
        traders=traders,
        cash=tuple(Money.parse(each) for each in terms.get("cash", "100000 USD").split(",")),
        model=model,
        limits=PAPER if terms.get("limits") == "paper" else UNLIMITED,
        at_end=AtEnd(terms.get("at_end", "mark")),
        on_gap=OnGap(terms.get("on_gap", "flag")),
        borrow_bps=_number(terms, "borrow_bps", "0"),
    )


def _sizing(terms: Mapping[str, str]) -> Sizing | None:
    """Return the rule that is asked for; None: the share that is the default of everything."""
    named = [name for name in _LONE if name in terms]
    if len(named) > 1:
        raise InvalidBacktestError(f"one of {' and '.join(named)} says how much is bought")
    protected = terms.keys() & {"stop_loss", "take_profit"} or terms.get("short") == "yes"
    if not named and not protected:
        return None
    name = named[0] if named else "share"
    return Sizing(
        rule=_LONE[name],
        amount=_number(terms, name, "0.1"),
        stop_loss=exact(terms["stop_loss"]) if "stop_loss" in terms else None,
        take_profit=exact(terms["take_profit"]) if "take_profit" in terms else None,
        short=terms.get("short") == "yes",
    )


def _number(terms: Mapping[str, str], name: str, default: str) -> Decimal:
    return exact(terms.get(name, default))


def _document(result: BacktestResult) -> dict[str, Any]:
    figures = report_of(report_input(result)).figures
    trades = [
        {
            "symbol": it.symbol.code,
            "side": it.side.value,
            "quantity": plain(it.quantity),
            "entry_at": it.entry_at.isoformat(),
            "exit_at": it.exit_at.isoformat(),
            "entry_price": plain(it.entry_price),
            "exit_price": plain(it.exit_price),
            "profit": plain(it.profit),
            "fees": plain(it.fees),
        }
        for it in result.trades[:_TRADES]
    ]
    told = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in result.summary().items()
    }
    told["trade_count"] = told.pop("trades")
    return {"spec": _SPEC, **told, "statistics": figures, "trades": trades}


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        msg = f"{path} cannot be read: {error}; delete it, and run the backtest again"
        raise UnknownBacktestError(msg) from error
    if not isinstance(found, dict) or found.get("spec") != _SPEC:
        msg = f"{path} is no backtest of this program; delete it, or move it away"
        raise UnknownBacktestError(msg)
    return found


def _without(document: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    return {name: value for name, value in document.items() if name not in names}
