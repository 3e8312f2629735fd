"""Showing a strategy the bars of one run, one after another, and never more of them.

Backtests, bots, questions about what might have been and parity checks look through these eyes. A
strategy's answer on a bar is a function of the bars from the first one of the run to that one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol

from traderbot.domain.market.bars import Bar
from traderbot.domain.strategies.answers import (
    Explanation,
    Signal,
    StrategyContext,
    StrategyResult,
    TickerData,
    sound,
)
from traderbot.domain.strategies.further import Further, Wanted

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Row(NamedTuple):
    """One closed bar as strategies see it; `at` is when it opened, nanoseconds since 1970, UTC."""

    at: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class Seen(NamedTuple):
    """What a strategy said of a bar, and what it saw."""

    result: StrategyResult
    explanation: Explanation


class Watcher(Protocol):
    """The eyes of one strategy on one run. `strategy.watch(symbol, context)` opens them."""

    def look(self, row: Row) -> Seen:
        """Return what the strategy says of the bar after the kept ones; it is not kept yet.

        Raises:
            StrategyAnswerError: the strategy gave something that is no answer.
            InvalidValueError: the bar is no row of finite numbers.
        """
        ...

    def signal(self, row: Row) -> Signal:
        """Return the signal that `look` would return, without the words. Raises as it does."""
        ...

    def keep(self, row: Row) -> None:
        """Go on to the next bar: this one has been decided on."""
        ...

    def hear(self, name: str, known_at: int, values: Sequence[float]) -> None:
        """Take in a row of a further series; it is shown to bars that close no earlier.

        Args:
            name: the one under which the strategy wants it (`strategy.also`).
            known_at: nanoseconds since 1970; never before the row heard last.
            values: one for each of the columns, in their order.
        """
        ...


class Executing(Protocol):
    """What can be asked about lists of bars."""

    window: int | None
    also: tuple[Wanted, ...]

    def execute(self, ticker_data: TickerData, context: StrategyContext) -> StrategyResult:
        """Answer for the last bar."""
        ...

    def explain(self, ticker_data: TickerData) -> Explanation:
        """Tell what was seen in the same bars."""
        ...


class WindowWatcher:
    """Shows a strategy the last `window` bars as the lists of `TickerData`."""

    def __init__(self, strategy: Executing, symbol: str, context: StrategyContext) -> None:
        """Begin before the first bar of a run."""
        self._strategy = strategy
        self._symbol = symbol
        self._context = context
        self._window = strategy.window
        self._columns: tuple[list[Any], ...] = ([], [], [], [], [], [])
        self._further = Further(strategy.also, context["timeframe"])

    def look(self, row: Row) -> Seen:
        """Ask `execute` and `explain`."""
        data = self._shown(row)
        result = sound(self._strategy.execute(data, self._context))
        # Its own copy: a strategy that sorts its lists in place spoils nothing but that call.
        return Seen(result, self._strategy.explain(self._shown(row)))

    def signal(self, row: Row) -> Signal:
        """Ask `execute` only."""
        return sound(self._strategy.execute(self._shown(row), self._context))["signal"]

    def keep(self, row: Row) -> None:
        """Remember the bar, and forget what is beyond the window now and then."""
        for column, value in zip(self._columns, row, strict=True):
            column.append(value)
        if self._window is not None and len(self._columns[0]) >= 2 * self._window + 64:
            for column in self._columns:
                del column[: -self._window]

    def hear(self, name: str, known_at: int, values: Sequence[float]) -> None:
        """Take in a row of a further series."""
        self._further.hear(name, known_at, values)

    def _shown(self, row: Row) -> TickerData:
        before = len(self._columns[0])
        first = 0 if self._window is None else max(0, before - self._window + 1)
        ats, opens, highs, lows, closes, volumes = (
            [*column[first:], value] for column, value in zip(self._columns, row, strict=True)
        )
        data: TickerData = {
            "symbol": self._symbol,
            "opens": opens,
            "highs": highs,
            "lows": lows,
            "closes": closes,
            "volumes": volumes,
            "ats": ats,
        }
        if self._strategy.also:
            data["also"] = self._further.tables(row.at, self._window)
        return data


def row_of(bar: Bar) -> Row:
    """Return a bar as strategies see it: each exact amount as the nearest float."""
    return Row(
        nanoseconds(bar.at),
        float(bar.open.value),
        float(bar.high.value),
        float(bar.low.value),
        float(bar.close.value),
        float(bar.volume.value),
    )


def nanoseconds(at: datetime) -> int:
    """Return an instant as nanoseconds since 1970, UTC, exactly."""
    return (at - _EPOCH) // _MICROSECOND * 1000


def rows_of(data: TickerData | Mapping[str, Any]) -> list[Row]:
    """Return the bars of a document as rows; bars without instants are numbered from 0."""
    ats = data.get("ats") or range(len(data["closes"]))
    columns = (data[name] for name in ("opens", "highs", "lows", "closes", "volumes"))
    return [Row(*values) for values in zip(ats, *columns, strict=True)]
