"""Backtests for whoever uses the program as a library: exact, and with the log of a live run.

from traderbot.backtesting import backtest, tape

result = backtest(MyStrategy(), tape("IBM", "1d", bars), cash="100000 USD")
result.final_equity, result.trades, result.write_log("run.db")
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from traderbot.application.backtesting.adjusting import Dividend, Split, adjusted
from traderbot.application.backtesting.engine import (
    BATCH_PATIENCE,
    Engine,
    Played,
    ensure_whole,
)
from traderbot.application.backtesting.errors import (
    BadSeriesError,
    InvalidBacktestError,
    MissingBarsError,
    StrategyChangedItsMindError,
)
from traderbot.application.backtesting.express import Express, Signals, express
from traderbot.application.backtesting.result import BacktestResult
from traderbot.application.backtesting.round_trips import RoundTrip
from traderbot.application.backtesting.spec import (
    UNLIMITED,
    AtEnd,
    BacktestSpec,
    Heard,
    OnGap,
    Trader,
    heard_of,
)
from traderbot.application.backtesting.tape import COLUMNS, Amount, Tape
from traderbot.application.backtesting.watchdog import StrategyHangsError, Watchdog
from traderbot.domain.bots.sizing_rule import Sizing, SizingRule
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.risk.limits import LIVE, PAPER, Limits
from traderbot.domain.shared.values import Money, symbol
from traderbot.domain.simulation.fill_model import FillModel, Slippage, SlippageKind
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.domain.strategies.strategy import BaseStrategy
from traderbot.infrastructure.repeatable import ReplayClock, SeededIds

if TYPE_CHECKING:
    from pathlib import Path

    from traderbot.infrastructure.compute.columns import Columns
    from traderbot.infrastructure.compute.statistics.trade_table import TradeTable

__all__ = [
    "COLUMNS",
    "LIVE",
    "PAPER",
    "UNLIMITED",
    "AtEnd",
    "BacktestResult",
    "BacktestSpec",
    "BadSeriesError",
    "Dividend",
    "FillModel",
    "Heard",
    "InvalidBacktestError",
    "Limits",
    "MissingBarsError",
    "OnGap",
    "RoundTrip",
    "Sizing",
    "SizingRule",
    "Slippage",
    "SlippageKind",
    "Split",
    "StrategyChangedItsMindError",
    "Tape",
    "Trader",
    "adjusted",
    "backtest",
    "heard_of",
    "run",
    "sweep",
    "tape",
    "trade_table",
    "write_log",
    "write_report",
]

Progress = Callable[[int, int], None]
# The columns of a series as arrays, made once for all that run on it.
_COLUMNS: WeakKeyDictionary[Tape, Columns] = WeakKeyDictionary()


def backtest(
    strategy: BaseStrategy | str,
    bars: Tape | Sequence[Bar],
    *,
    cash: str = "100000 USD",
    sizing: Sizing | None = None,
    allocation: str = "0.1",
    model: FillModel | None = None,
    limits: Limits = PAPER,
    at_end: AtEnd = AtEnd.MARK,
    on_gap: OnGap | str = OnGap.FLAG,
    also: Mapping[str, Tape] | None = None,
    on_progress: Progress | None = None,
) -> BacktestResult:
    """Run one strategy on one series; `run` takes several of both.

    A strategy is an object, or the name of one that is registered. Without `sizing`, an order uses
    at most `allocation` of the equity, within the `limits` of the gate; `UNLIMITED` has none.
    `also` are the further series of bars that the strategy wants, by their names.

    Raises:
        InvalidBacktestError, BadSeriesError, MissingBarsError: it cannot be run.
        UnknownStrategyError: no strategy is registered by that name.
    """
    if isinstance(strategy, str):
        strategy = _named(strategy)
    series = bars if isinstance(bars, Tape) else Tape.of_bars(bars)
    trader = Trader(
        strategy=strategy,
        tape=series,
        allocation=Decimal(allocation),
        sizing=sizing,
        further={name: heard_of(each) for name, each in (also or {}).items()},
    )
    spec = BacktestSpec(
        traders=(trader,),
        cash=(Money.parse(cash),),
        model=model or FillModel(),
        limits=limits,
        at_end=at_end,
        on_gap=OnGap(on_gap),
    )
    return run(spec, on_progress)


def run(
    spec: BacktestSpec, on_progress: Progress | None = None, *, seconds: float = 10.0
) -> BacktestResult:
    """Run a whole backtest. A strategy that takes longer than `seconds` to answer is stopped.

    Raises:
        MissingBarsError: there are holes, and the spec refuses them.
    """
    run_id = spec.run_id
    ensure_whole(spec)

    def play(signals: Signals | None) -> Played:
        clock = ReplayClock(spec.begins_at)
        batch = _batch if signals is None else lambda _strategy, _tape: signals
        engine = Engine(spec, clock, SeededIds(run_id, clock), batch=batch, seconds=seconds)
        return engine.run(on_progress if signals is None else None)

    return BacktestResult(spec, run_id, _short_way(spec, on_progress, seconds), play)


def tape(
    code: str,
    timeframe: str,
    at: Sequence[datetime | int],
    columns: Mapping[str, Sequence[Amount]],
) -> Tape:
    """Return columns as a series: open, high, low, close, volume, one value a bar, oldest first.

    Raises:
        BadSeriesError: names the row and the column that is no bar.
        InvalidBacktestError: a column is missing, or there are too few bars.
    """
    return Tape.of_columns(symbol(code), Timeframe(timeframe), at, columns)


def trade_table(result: BacktestResult) -> TradeTable:
    """Return the closed trades as a numpy table: what statistics and reports read."""
    from traderbot.backtesting.tables import trade_table as table_of  # noqa: PLC0415 - needs numpy

    return table_of(result)


def write_log(
    result: BacktestResult, path: str | Path, on_progress: Progress | None = None
) -> Path:
    """Write the log of a run into a new SQLite database; `traderbot audit` works on it.

    Raises:
        InvalidBacktestError: there is a file already.
        StrategyChangedItsMindError: asked again, the strategy says something else.
    """
    from traderbot.backtesting.log_file import write_log as write  # noqa: PLC0415 - needs a database

    return write(result, path, on_progress)


def write_report(result: BacktestResult, folder: str | Path) -> Sequence[Path]:
    """Write report.html, report.json and three CSV files into a folder; return them."""
    from traderbot.backtesting.report import write_report as write  # noqa: PLC0415 - needs numpy

    return write(result, folder)


def sweep(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as the one it stands for
    """Run many sets of parameters: `traderbot.infrastructure.compute.backtests.sweeping.sweep`."""
    from traderbot.infrastructure.compute.backtests import sweeping  # noqa: PLC0415 - needs numba

    return sweeping.sweep(*arguments, **options)


def _named(name: str) -> BaseStrategy:
    if StrategyRegistry.get(name) is None:
        from traderbot.infrastructure.strategies.known import know_strategies  # noqa: PLC0415

        know_strategies()
    return StrategyRegistry.create(name)


def _short_way(spec: BacktestSpec, on_progress: Progress | None, seconds: float) -> Express | None:
    trader = spec.traders[0]
    try:
        with Watchdog(BATCH_PATIENCE * seconds).watching():
            signals = _batch(trader.strategy, trader.tape)
    except (Exception, StrategyHangsError):  # noqa: BLE001 - the engine meets it again, and tells
        return None
    return express(spec, signals, on_progress, seconds=seconds)


def _batch(strategy: BaseStrategy, series: Tape) -> Sequence[int] | None:
    """Ask a strategy over columns about all bars at once; None for one that answers bar by bar."""
    from traderbot.domain.strategies.signal_strategy import SignalStrategy  # noqa: PLC0415

    if not isinstance(strategy, SignalStrategy) or strategy.also:
        return None
    import numpy as np  # noqa: PLC0415 - only strategies over columns need it

    from traderbot.infrastructure.compute.columns import Columns  # noqa: PLC0415
    from traderbot.infrastructure.compute.signals import signals_of  # noqa: PLC0415

    columns = _COLUMNS.get(series)
    if columns is None:
        columns = _COLUMNS[series] = Columns(*map(np.array, series.columns))
    found = signals_of(
        strategy,
        columns,
        timeframe=series.timeframe.value,
        symbol=series.symbol.code,
    )
    signals: list[int] = found.tolist()
    return signals
