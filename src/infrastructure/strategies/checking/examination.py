"""Asks a strategy the same things in several ways; the answers have to be the same.

The order matters: what could remember the future is first asked before it saw any.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from time import monotonic
from typing import Any

import numpy as np

from traderbot.domain.strategies.answers import StrategyContext
from traderbot.domain.strategies.errors import StrategyAnswerError
from traderbot.domain.strategies.further import lasts
from traderbot.domain.strategies.signal_strategy import SignalStrategy
from traderbot.domain.strategies.strategy import BaseStrategy
from traderbot.domain.strategies.watching import Row, Seen, Watcher
from traderbot.infrastructure.compute.columns import Columns
from traderbot.infrastructure.compute.signals import (
    FurtherColumns,
    Signs,
    features_of,
    signals_of,
    signs_of,
)
from traderbot.infrastructure.strategies.checking.findings import (
    Finding,
    Kind,
    LaterStart,
    line_of,
)

_SIGN = {"BUY": 1, "SELL": -1, "HOLD": 0}
_LATER = (1, 7, 50, 250)
_NOT_ASKED = 2
_PATIENCE = 20.0  # seconds
_AHEAD = 512  # how far ahead is looked for what a strategy looked at
Progress = Callable[[int, int], None]
OnCall = Callable[[], None]


@dataclass(slots=True)
class Report:
    """What became of it."""

    findings: list[Finding] = field(default_factory=list)
    later: list[LaterStart] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)  # of each answer, reasons and all
    buys: int = 0
    sells: int = 0
    cut: int = 0  # at how many decisions the future was cut off
    unknown: list[str] = field(default_factory=list)  # further series that had no rows


class StoppedError(Exception):
    """The strategy failed; there is nothing more to ask it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """One strategy, made anew as often as it is asked, on one series of bars."""

    make: Callable[[], BaseStrategy]
    bars: Columns
    symbol: str
    timeframe: str
    also: Mapping[str, FurtherColumns]
    files: tuple[str, ...]  # where the strategy is written
    on_progress: Progress
    on_call: OnCall  # before each call of the strategy, which may hang

    def answers(self) -> Report:
        """Ask every bar once, and return the digest of each answer."""
        report = Report()
        with suppress(StoppedError):
            self._answers(report, self._context("0"))
        return report

    def whole(self) -> Report:
        """Ask in every way."""
        report = Report()
        strategy = self.make()
        over_columns = isinstance(strategy, SignalStrategy) and (
            type(strategy).watch is SignalStrategy.watch
        )
        with suppress(StoppedError):
            if isinstance(strategy, SignalStrategy) and over_columns:
                whole = self._columns(report)
                live = self._answers(report, self._context("0"))
                self._lookback(report, strategy.lookback, whole, live)
                self._again(report, live)
            else:
                live = self._answers(report, self._context("0"))
                self._again(report, live)
                self._cut_lists(report, live)
            self._later(report)
        report.buys = sum(sign > 0 for sign in _signs(report.digests))
        report.sells = sum(sign < 0 for sign in _signs(report.digests))
        return report

    def _answers(self, report: Report, context: StrategyContext) -> list[int]:
        """Show the bars one after another; fill in the digests, and return the signals."""
        watcher = self._watcher(self.make(), context)
        for place, row in enumerate(self.bars.rows()):
            seen = self._guarded(report, place, partial(watcher.look, row))
            _sound_explanation(report, place, seen)
            watcher.keep(row)
            report.digests.append(_digest(seen))
            self._tell(place, 0)
        return _signs(report.digests)

    def _again(self, report: Report, live: Sequence[int]) -> None:
        """Ask a second time in the same process, and on behalf of somebody else."""
        ways: tuple[tuple[Kind, str, str], ...] = (
            ("state", "0", "asked a second time, it says something else: it remembers what it saw"),
            ("context", "1", "asked for another user and run, it says something else"),
        )
        for kind, context, words in ways:
            other = Report()
            signs = self._answers(other, self._context(context))
            if other.findings:
                report.findings += other.findings
                raise StoppedError
            where = [
                place for place, told in enumerate(report.digests) if other.digests[place] != told
            ]
            if where:
                signals = sum(signs[place] != live[place] for place in where)
                detail = f"{words} ({signals} of them with another signal)"
                report.findings.append(
                    Finding(kind=kind, message=detail, bar=where[0], bars=len(where))
                )

    def _cut_columns(self, report: Report) -> Signs:
        """Return what it says of each bar when there are no bars after it."""
        strategy = self.make()
        assert isinstance(strategy, SignalStrategy)  # noqa: S101 - asked by the caller
        columns = dict(self._features(strategy))
        signs = np.full(len(self.bars), _NOT_ASKED, dtype=np.int8)
        for place in self._places(report):
            # Copies: a slice would still have the whole series as its `base`.
            shown = {name: column[: place + 1].copy() for name, column in columns.items()}
            asked = strategy if place % 8 else self.make()  # now and then one that saw nothing
            assert isinstance(asked, SignalStrategy)  # noqa: S101 - as above
            signs[place] = self._guarded(
                report,
                place,
                partial(signs_of, asked, shown, place + 1),
            )[-1]
        return signs

    def _columns(self, report: Report) -> Signs:
        """Ask for all bars at once, and compare with the future cut off; return the former."""
        cut = self._cut_columns(report)
        strategy = self.make()
        assert isinstance(strategy, SignalStrategy)  # noqa: S101 - asked by the caller
        columns = dict(self._features(strategy))
        last = len(self.bars) - 1
        whole: Signs = self._guarded(
            report, last, partial(signs_of, strategy, columns, len(self.bars))
        )
        ahead = np.flatnonzero((cut != _NOT_ASKED) & (whole != cut))
        if len(ahead):
            first = int(ahead[0])
            needs = self._needs(strategy, columns, first, int(whole[first]))
            message = (
                f"it says {_word(whole[first])} of bar {first} when it sees the bars after it, "
                f"and {_word(cut[first])} when it does not{needs}"
            )
            report.findings.append(
                Finding(kind="look-ahead", bar=first, bars=len(ahead), message=message)
            )
            return cut  # what it may say; a bot is compared with that
        return whole

    @staticmethod
    def _lookback(report: Report, lookback: int, whole: Signs, live: Sequence[int]) -> None:
        """Compare what a bot hears with what a backtest hears."""
        other = np.flatnonzero((whole != _NOT_ASKED) & (np.array(live) != whole))
        if len(other):
            first = int(other[0])
            message = (
                f"a bot, which shows it the last {lookback} bars, hears {_word(live[first])} of "
                f"bar {first}, a backtest {_word(whole[first])}: raise `lookback`, or use no "
                "values of the whole series"
            )
            report.findings.append(
                Finding(kind="lookback", bar=first, bars=len(other), message=message)
            )

    def _needs(
        self, strategy: SignalStrategy, columns: Mapping[str, Any], place: int, sign: int
    ) -> str:
        """Return how many further bars it takes to say what it says with all of them."""
        for more in range(1, min(_AHEAD, len(self.bars) - place)):
            shown = {name: column[: place + 1 + more] for name, column in columns.items()}
            if signs_of(strategy, shown, place + 1 + more)[place] == sign:
                return f"; {more} further bar{'s' if more > 1 else ''} change its mind"
        return "; only a much longer series changes its mind"

    def _cut_lists(self, report: Report, live: Sequence[int]) -> None:
        """Show a new strategy at each bar only what it may see; it must say the same."""
        rows = self.bars.rows()
        wrong = []
        for place in self._places(report):
            row, strategy = rows[place], self.make()
            watcher = self._watcher(strategy, self._context("0"), until=row)
            window = strategy.window
            for before in rows[0 if window is None else max(0, place - window + 1) : place]:
                watcher.keep(before)
            seen = self._guarded(report, place, partial(watcher.look, row))
            if _SIGN[seen.result["signal"]] != live[place]:
                wrong.append(place)
        if wrong:
            report.findings.append(
                Finding(
                    kind="state",
                    bar=wrong[0],
                    bars=len(wrong),
                    message=(
                        "a new one that is shown the same bars says another signal: it remembers "
                        "between two calls, or looks at more than its `window`"
                    ),
                )
            )

    def _later(self, report: Report) -> None:
        """Begin some bars later, and see how long that makes a difference."""
        strategy = self.make()
        whole = self._all(report, self.bars)
        for bars in (*_LATER, 2 * strategy.warm_up):
            if bars + strategy.warm_up >= len(self.bars) // 2:
                continue
            part = self._all(report, self.bars.part(bars))
            begun = strategy.warm_up - 1
            differ = np.flatnonzero(part[begun:] != whole[bars + begun :]) + begun
            report.later.append(
                LaterStart(
                    bars=bars,
                    compared=len(part) - begun,
                    differing=len(differ),
                    first=int(differ[0]) if len(differ) else None,
                    last=int(differ[-1]) if len(differ) else None,
                )
            )

    def _all(self, report: Report, bars: Columns) -> Signs:
        ask = partial(signals_of, timeframe=self.timeframe, symbol=self.symbol, also=self.also)
        signs: Signs = self._guarded(report, None, partial(ask, self.make(), bars))
        return signs

    def _features(self, strategy: SignalStrategy) -> Mapping[str, Any]:
        return features_of(strategy, self.bars, timeframe=self.timeframe, also=self.also)

    def _watcher(
        self, strategy: BaseStrategy, context: StrategyContext, until: Row | None = None
    ) -> Watcher:
        watcher = strategy.watch(self.symbol, context)
        for name, known_at, values in self._told(strategy):
            if until is None or known_at <= until.at + lasts(self.timeframe):
                watcher.hear(name, known_at, values)
        return watcher

    def _told(self, strategy: BaseStrategy) -> Iterator[tuple[str, int, tuple[float, ...]]]:
        for wanted in strategy.also:
            further = self.also.get(wanted.name)
            if further is not None:
                columns = [further.columns[name].tolist() for name in wanted.columns]
                rows = zip(*columns, strict=True)
                for known_at, values in zip(further.known_at.tolist(), rows, strict=True):
                    yield wanted.name, known_at, values

    def _guarded(self, report: Report, place: int | None, call: Callable[[], Any]) -> Any:  # noqa: ANN401
        self.on_call()
        try:
            return call()
        except StrategyAnswerError as error:
            found = Finding(kind="answer", bar=place, message=str(error))
        except Exception as error:  # noqa: BLE001 - somebody's own code
            found = Finding(
                kind="raises",
                bar=place,
                message=f"{type(error).__name__}: {error}",
                line=line_of(error, self.files),
            )
        report.findings.append(found)
        raise StoppedError

    def _context(self, who: str) -> StrategyContext:
        return StrategyContext(
            timeframe=self.timeframe, user_id=f"user-{who}", bot_run_id=f"run-{who}"
        )

    def _places(self, report: Report) -> Iterator[int]:
        """Yield where to cut: every bar, or with a slow strategy fewer and fewer of them."""
        place, began = 0, monotonic()
        while place < len(self.bars):
            yield place
            self._tell(place, 1)
            report.cut += 1
            place += 1 << int(max(0.0, monotonic() - began - _PATIENCE) / _PATIENCE)

    def _tell(self, place: int, part: int) -> None:
        if place % 50 == 0:
            self.on_progress(part * len(self.bars) + place, 2 * len(self.bars))


def _sound_explanation(report: Report, place: int, seen: Seen) -> None:
    wrong = [
        name
        for name, value in seen.explanation.indicators.items()
        if not isinstance(value, int | float) or not math.isfinite(value)
    ]
    if wrong:
        told = seen.explanation.indicators[wrong[0]]
        message = f"explain gave {told!r:.60} for {wrong[0]!r:.60}; it is to be a finite number"
        report.findings.append(Finding(kind="answer", bar=place, message=message))
        raise StoppedError


def _digest(seen: Seen) -> str:
    """Return a short name of an answer; its first letter is the signal."""
    told = (
        sorted(seen.result.items()),
        sorted((name, float(value)) for name, value in seen.explanation.indicators.items()),
        sorted((name, bool(held)) for name, held in seen.explanation.rules.items()),
    )
    return seen.result["signal"][0] + sha256(repr(told).encode()).hexdigest()[:16]


def _signs(digests: Sequence[str]) -> list[int]:
    return [{"B": 1, "S": -1, "H": 0}[each[0]] for each in digests]


def _word(sign: int) -> str:
    return {1: "BUY", -1: "SELL", 0: "HOLD"}[int(sign)]
