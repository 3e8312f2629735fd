"""One contestant in a process of its own: reads tasks from stdin, answers with seconds.

usage: python benchmarks/backtest_worker.py CONTESTANT FOLDER

The folder holds the bars as .npy files. A task is one line: `run` or `sweep`. The answer is one
line of JSON: wall and CPU seconds of one repetition, fills, final equity, and the highest memory.
It needs numpy and the contestant, nothing of this project unless it is the contestant.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

CASH, QUANTITY, FEE = 1_000_000.0, 10.0, 0.001
PERIOD, LOW, HIGH = 14, 30.0, 70.0
# 1,000 sets: 20 periods x 10 lower x 5 upper levels.
PERIODS, LOWS, HIGHS = range(5, 25), range(20, 40, 2), (60, 65, 70, 75, 80)
_LEAST_SECONDS = 0.02

Bars = dict[str, Any]
Task = Callable[[], tuple[int, float | None]]


def main() -> None:
    """Answer until there are no more tasks."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    bars = {path.stem: np.load(path) for path in folder.glob("*.npy")}
    tasks = _CONTESTANTS[name](bars)
    for line in sys.stdin:
        task = tasks[line.strip()]
        times, cpu = 0, time.process_time()
        start = time.perf_counter()
        while True:
            fills, equity = task()
            times += 1
            wall = time.perf_counter() - start
            if wall > _LEAST_SECONDS:
                break
        answer = {
            "wall": wall / times,
            "cpu": (time.process_time() - cpu) / times,
            "fills": fills,
            "equity": equity,
            "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0,
        }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _traderbot(bars: Bars) -> dict[str, Task]:
    parts = _ours(bars)
    columns, terms, strategy = parts["columns"], parts["terms"], parts["strategy"]
    backtest = import_module(f"{_HERE}.running").backtest
    sweep = import_module(f"{_HERE}.sweeping").sweep
    kind = type(strategy)
    grid = {
        "rsi_period": list(PERIODS),
        "oversold": [float(low) for low in LOWS],
        "overbought": [float(high) for high in HIGHS],
        "smoothing": ["wilder"],
    }

    def run() -> tuple[int, float]:
        found = backtest(strategy, columns, terms)
        return found.fills, float(found.final_equity)

    def many(*, curve: bool) -> tuple[int, float]:
        found = sweep(kind, grid, columns, terms, workers=1, curve=curve)
        return int(found.totals[:, 1].sum()), float(found.sums[:, 3].sum())

    def sets(periods: range, lows: int) -> Task:
        chosen = {
            "rsi_period": list(periods),
            "oversold": [10.0 + 35.0 * k / lows for k in range(lows)],
            "overbought": [55.0 + 0.8 * k for k in range(50)],
            "smoothing": ["wilder"],
        }
        some = columns.part(0, 2_000)

        def task() -> tuple[int, float]:
            found = sweep(kind, chosen, some, terms, workers=1, curve=False)
            return len(found), 0.0

        return task

    return {
        "run": run,
        "sweep": lambda: many(curve=False),
        "sweep with curves": lambda: many(curve=True),
        "1,000 sets": sets(range(5, 25), 1),
        "100,000 sets": sets(range(5, 25), 100),
    }


def _floats(bars: Bars) -> dict[str, Task]:
    parts = _ours(bars)
    columns, strategy = parts["columns"], parts["strategy"]
    run_floats = import_module("benchmarks.backtest_floats").compiled()
    memory = np.array(strategy.features["rsi"].made().start())
    levels, money = np.array([LOW, HIGH]), np.array([CASH, QUANTITY, FEE])

    def run() -> tuple[int, float]:
        equity, sums = np.empty(len(columns)), np.zeros(5)
        fills = run_floats(
            memory, levels, strategy.warm_up - 1, columns.open, columns.close, money, equity, sums
        )
        return fills, float(sums[3])

    return {"run": run}


def _ours(bars: Bars) -> Bars:
    from decimal import Decimal  # noqa: PLC0415 - only this contestant needs it

    columns = import_module("traderbot.infrastructure.compute.columns").Columns(
        *(bars[name] for name in ("at", "open", "high", "low", "close", "volume"))
    )
    terms = import_module(f"{_HERE}.terms").Terms(
        cash=Decimal(1_000_000), quantity=Decimal(10), slippage_bps=Decimal(0)
    )
    kind = import_module("traderbot.domain.strategies.rsi_cross").RsiCrossStrategy
    return {"columns": columns, "terms": terms, "strategy": kind(smoothing="wilder")}


def _engine(bars: Bars) -> dict[str, Task]:
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415 - only this contestant needs it

    ours = import_module("traderbot.backtesting")
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    at = [begin + timedelta(minutes=k) for k in range(len(bars["close"]))]
    names = ("open", "high", "low", "close", "volume")
    tape = ours.tape(
        "IBM", "1m", at, {name: list(map(repr, bars[name].tolist())) for name in names}
    )
    strategy = _ours(bars)["strategy"]
    sizing = ours.Sizing(rule=ours.SizingRule.FIXED, amount=_decimal(10))
    model = ours.FillModel(slippage=ours.Slippage(ours.SlippageKind.NONE))

    def run() -> tuple[int, float]:
        found = ours.backtest(
            strategy,
            tape,
            cash="1000000 USD",
            sizing=sizing,
            model=model,
            limits=ours.UNLIMITED,
        )
        return len(found.fills), float(found.final_equity.amount)

    return {"run": run}


def _decimal(value: int) -> Any:  # noqa: ANN401 - a Decimal, imported only here
    return import_module("decimal").Decimal(value)


def _crossings(strengths: Any, low: float, high: float) -> tuple[Any, Any]:  # noqa: ANN401
    before, now = strengths[:-1], strengths[1:]
    return (before <= low) & (now > low), (before >= high) & (now < high)


def _vectorbt(bars: Bars) -> dict[str, Task]:
    pandas, talib, vbt = map(import_module, ("pandas", "talib", "vectorbt"))
    values = bars["close"]
    close, opened = pandas.Series(values), pandas.Series(bars["open"])

    def portfolio(entries: Any, exits: Any) -> Any:  # noqa: ANN401 - of a library without types
        return vbt.Portfolio.from_signals(
            *(close, entries, exits),
            price=opened,
            size=QUANTITY,
            size_type="amount",
            fees=FEE,
            init_cash=CASH,
            freq="1min",
        )

    def run() -> tuple[int, float]:
        entries, exits = np.zeros(len(values), bool), np.zeros(len(values), bool)
        up, down = _crossings(talib.RSI(values, PERIOD), LOW, HIGH)
        entries[2:], exits[2:] = up[:-1], down[:-1]
        found = portfolio(entries, exits)
        found.max_drawdown()  # ours has both moments and the drawdown
        found.sharpe_ratio()
        return int(found.orders.count()), float(found.final_value())

    def sweep() -> tuple[int, float]:
        sets = [(n, low, high) for n in PERIODS for low in LOWS for high in HIGHS]
        strengths = {n: talib.RSI(values, n) for n in PERIODS}
        shape = len(values), len(sets)
        entries, exits = np.zeros(shape, bool), np.zeros(shape, bool)
        for k, (n, low, high) in enumerate(sets):
            up, down = _crossings(strengths[n], low, high)
            entries[2:, k], exits[2:, k] = up[:-1], down[:-1]
        found = portfolio(entries, exits)
        return int(found.orders.count().sum()), float(found.final_value().sum())

    return {"run": run, "sweep": sweep}


def _raptorbt(bars: Bars) -> dict[str, Task]:
    raptor = import_module("raptorbt")
    values = bars["close"]
    columns = [bars[name] for name in ("at", "open", "high", "low", "close", "volume")]
    config = raptor.BacktestConfig(initial_capital=CASH, fees=FEE, fill_timing="next_bar_open")

    def signals(strengths: Any, low: float, high: float) -> tuple[Any, Any]:  # noqa: ANN401
        entries, exits = np.zeros(len(values), bool), np.zeros(len(values), bool)
        entries[1:], exits[1:] = _crossings(strengths, low, high)
        return entries, exits

    def run() -> tuple[int, None]:
        entries, exits = signals(raptor.rsi(values, PERIOD), LOW, HIGH)
        found = raptor.run_single_backtest(*columns, entries, exits, 1, 1.0, "X", config)
        return 2 * len(found.trades()), None

    def sweep() -> tuple[int, None]:
        fills = 0
        for n in PERIODS:
            strengths = raptor.rsi(values, n)
            items = [
                raptor.BatchSingleItem(f"{n}-{low}-{high}", *signals(strengths, low, high))
                for low in LOWS
                for high in HIGHS
            ]
            for each in raptor.batch_single_backtest(*columns, items, config):
                found = each[1] if isinstance(each, tuple) else each
                fills += 2 * found.metrics.total_trades
        return fills, None

    return {"run": run, "sweep": sweep}


def _ferro(bars: Bars) -> dict[str, Task]:
    ferro, core = import_module("ferro_ta"), import_module("ferro_ta._ferro_ta")
    many = import_module("ferro_ta.analysis.sweep").sweep
    opened, high, low, close = (bars[name] for name in ("open", "high", "low", "close"))

    def run() -> tuple[int, None]:
        up, down = _crossings(ferro.RSI(close, PERIOD), LOW, HIGH)
        turns = np.zeros(len(close))
        turns[1:][up], turns[1:][down] = 1.0, -1.0
        last = np.where(turns != 0.0, np.arange(len(close)), 0)
        np.maximum.accumulate(last, out=last)
        held = np.where(turns[last] > 0.0, 1.0, 0.0)
        found = core.backtest_ohlcv_core(
            opened, high, low, close, held, fill_mode="market_open", initial_capital=CASH
        )
        return int((np.diff(np.nan_to_num(np.asarray(found[0]))) != 0).sum()), None

    def sweep() -> tuple[int, None]:
        sets = [
            {"timeperiod": n, "oversold": float(a), "overbought": float(b)}
            for n in PERIODS
            for a in LOWS
            for b in HIGHS
        ]
        for k in range(0, len(sets), 250):  # it keeps a matrix of bars x sets
            many(close, "rsi_30_70", sets[k : k + 250], parallel=False)
        return 0, None

    return {"run": run, "sweep": sweep}


def _backtesting(bars: Bars) -> dict[str, Task]:
    pandas, talib, library = map(import_module, ("pandas", "talib", "backtesting"))
    names = ("open", "high", "low", "close", "volume")
    frame = pandas.DataFrame(
        {name.capitalize(): bars[name] for name in names}, index=pandas.to_datetime(bars["at"])
    )

    class Cross(library.Strategy):  # type: ignore[misc, name-defined]
        """The same strategy in its words."""

        def init(self) -> None:
            """Declare the indicator."""
            self.rsi = self.I(talib.RSI, self.data.Close, PERIOD)

        def next(self) -> None:
            """Look at one bar."""
            before, now = self.rsi[-2], self.rsi[-1]
            if before <= LOW < now:
                if not self.position:
                    self.buy(size=int(QUANTITY))
            elif before >= HIGH > now and self.position:
                self.position.close()

    test = library.Backtest(frame, Cross, cash=CASH, commission=FEE, finalize_trades=False)

    def run() -> tuple[int, float]:
        found = test.run()
        left = len(found["_strategy"].trades)
        return 2 * len(found["_trades"]) + left, float(found["Equity Final [$]"])

    return {"run": run}


_HERE = "traderbot.infrastructure.compute.backtests"
_CONTESTANTS: dict[str, Callable[[Bars], dict[str, Task]]] = {
    "traderbot": _traderbot,
    "floats": _floats,
    "engine": _engine,
    "vectorbt": _vectorbt,
    "raptorbt": _raptorbt,
    "ferro-ta": _ferro,
    "backtesting.py": _backtesting,
}

if __name__ == "__main__":
    main()
