"""Research as the command line asks for it: texts in, one document out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from math import sqrt
from typing import Any, Final

import numpy as np

from traderbot.domain.market.bars import Bar
from traderbot.domain.market.instrument import default_instrument
from traderbot.domain.shared.decimals import exact
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.strategies.errors import UnknownStrategyError
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.domain.strategies.strategy import BaseStrategy
from traderbot.infrastructure.compute.backtests.grid import grid_of_texts, sets_of
from traderbot.infrastructure.compute.backtests.terms import Terms
from traderbot.infrastructure.compute.columns import Columns
from traderbot.infrastructure.compute.statistics.catalogue import statistics_of
from traderbot.infrastructure.compute.statistics.sample import sample
from traderbot.infrastructure.compute.statistics.sharpe_evidence import (
    deflated_sharpe,
    deviation_of,
    sharpe_per_bar,
)
from traderbot.infrastructure.research.market import Market, Played
from traderbot.infrastructure.research.monte_carlo import MonteCarlo, block_bootstrap, trade_order
from traderbot.infrastructure.research.overfitting import overfitting
from traderbot.infrastructure.research.paths import other_histories
from traderbot.infrastructure.research.search import GridSearcher
from traderbot.infrastructure.research.significance import entry_significance
from traderbot.infrastructure.research.space import Choice, Parameters, Space, Value
from traderbot.infrastructure.research.splits import Span, walk_forward_splits
from traderbot.infrastructure.research.walk_forward import walk_forward

Document = Mapping[str, Any]
Progress = Callable[[int, int], None]

_SPEC: Final = "traderbot.research/1"
_CELLS_MAX: Final = 50_000_000  # returns held in memory: bars times sets


class ResearchDesk:
    """Answers questions about a strategy on bars. Nothing is kept: the seed makes it again."""

    def walk_forward(
        self,
        strategy: str,
        bars: Sequence[Bar],
        *,
        grid: Mapping[str, str],
        terms: Mapping[str, str],
        train: int,
        test: int,
        gap: int,
        anchored: bool,
        figure: str,
        progress: Progress,
    ) -> Document:
        """Choose the best set on each train span, and judge it on the bars after.

        Raises:
            UnknownStrategyError: no strategy is registered by that name.
            InvalidValueError: a length, a figure or a term that cannot be.
        """
        kind = _kind(strategy)
        names = tuple(dict.fromkeys((figure, "total_return", "max_drawdown", "trade_count")))
        market = _market(kind, bars, terms, names)
        space = _space(kind, grid)
        found = walk_forward(
            walk_forward_splits(len(bars), train=train, test=test, gap=gap, anchored=anchored),
            market.play,
            lambda _: GridSearcher(space),
            figure=figure,
            trials=len(sets_of(grid_of_texts(kind, grid))),
            progress=progress,
        )
        windows = [
            {
                "train": _instants(bars, window.train),
                "test": _instants(bars, window.test),
                "parameters": dict(window.chosen.parameters),
                "chosen": dict(window.chosen.figures),
                "judged": dict(window.judged),
            }
            for window in found.windows
        ]
        equity = _terms(bars[0], terms).cash
        judged = sample(
            float(equity) * np.cumprod(1.0 + found.returns), market.bars.at[train + gap :]
        )
        return {
            **_about("walk-forward", strategy, bars, found.trials),
            "figure": figure,
            "kept": found.kept,
            "refused": sum(int(window.judged["refused"] or 0) for window in found.windows),
            "windows": windows,
            "out_of_sample": statistics_of(judged),
        }

    def monte_carlo(
        self,
        strategy: str,
        bars: Sequence[Bar],
        *,
        parameters: Mapping[str, str],
        terms: Mapping[str, str],
        runs: int,
        seed: int,
        block: float | None,
        progress: Progress,
    ) -> Document:
        """Put trades, bars and the market together anew.

        A block is as long as a trade on average, unless it is said.

        Raises:
            UnknownStrategyError: no strategy is registered by that name.
            InvalidValueError: no trade was closed, or a number out of its bounds.
        """
        kind = _kind(strategy)
        market = _market(kind, bars, terms)
        given = _checked(kind.values_of(parameters))
        played = market.run(given)
        profits, cash = played.trades["profit"], float(_terms(bars[0], terms).cash)
        if not profits.size:
            raise InvalidValueError("no trade was closed: there is nothing to put in another order")
        held = played.trades["exit_bar"] - played.trades["entry_bar"]
        length = block or max(1.0, float(held.mean()))
        drawn = trade_order(profits, cash=cash, runs=runs, seed=seed, replace=True)
        chance = {"runs": runs, "seed": seed}
        found: dict[str, MonteCarlo] = {
            "trade_order": trade_order(profits, cash=cash, runs=runs, seed=seed),
            "trades_drawn": drawn,
            "bars_in_blocks": block_bootstrap(played.returns, cash=cash, block=length, **chance),
            "other_histories": other_histories(
                market, given, block=length, progress=progress, **chance
            ),
        }
        about = _about("monte-carlo", strategy, bars, None)
        told = {name: asdict(each) for name, each in found.items()}
        return {
            **about,
            "parameters": dict(parameters),
            "trades": int(profits.size),
            "refused": played.refused,
            **told,
        }

    def significance(
        self,
        strategy: str,
        bars: Sequence[Bar],
        *,
        parameters: Mapping[str, str],
        terms: Mapping[str, str],
        runs: int,
        seed: int,
    ) -> Document:
        """Compare the entries with random ones.

        Raises:
            UnknownStrategyError: no strategy is registered by that name.
            InvalidValueError: no trade was closed, or a number out of its bounds.
        """
        played = _played(strategy, bars, parameters, terms)
        opens = Columns.of_bars(bars).open
        found = entry_significance(opens, played.trades, runs=runs, seed=seed)
        about = _about("significance", strategy, bars, None)
        given = {"parameters": dict(parameters), "refused": played.refused}
        return {**about, **given, **asdict(found)}

    def overfitting(
        self,
        strategy: str,
        bars: Sequence[Bar],
        *,
        grid: Mapping[str, str],
        terms: Mapping[str, str],
        slices: int,
        progress: Progress,
    ) -> Document:
        """Try every set on all bars, and say how likely the best of them is best by chance.

        Raises:
            UnknownStrategyError: no strategy is registered by that name.
            InvalidValueError: one set only, too few bars, or more sets than memory is for.
        """
        kind = _kind(strategy)
        sets = sets_of(grid_of_texts(kind, grid))
        if len(sets) * len(bars) > _CELLS_MAX:
            raise InvalidValueError(
                f"{len(sets):,} sets on {len(bars):,} bars are too much to compare at once: take "
                f"{_CELLS_MAX // len(bars):,} sets at most"
            )
        market = _market(kind, bars, terms)
        returns = np.empty((len(bars), len(sets)))
        sharpes = np.zeros(len(sets))
        refused = 0
        for number, parameters in enumerate(sets):
            played = market.run(_checked(parameters))
            returns[:, number] = played.returns
            refused += played.refused
            sharpes[number] = sharpe_per_bar(returns[:, number]) or 0.0
            progress(number + 1, len(sets))
        best = int(sharpes.argmax())
        yearly = sample(np.ones(len(bars)), market.bars.at).periods_per_year
        return {
            **_about("overfitting", strategy, bars, len(sets)),
            **asdict(overfitting(returns, slices=slices)),
            "refused": refused,
            "best": dict(sets[best]),
            "best_sharpe": float(sharpes[best]) * sqrt(yearly or 1.0),
            "deflated_sharpe": deflated_sharpe(
                returns[:, best], trials=len(sets), deviation_of_trials=deviation_of(sharpes)
            ),
        }


def _played(
    strategy: str, bars: Sequence[Bar], parameters: Mapping[str, str], terms: Mapping[str, str]
) -> Played:
    kind = _kind(strategy)
    return _market(kind, bars, terms).run(_checked(kind.values_of(parameters)))


def _checked(parameters: Mapping[str, Any]) -> Parameters:
    return {name: _value(value) for name, value in parameters.items()}


def _market(
    kind: type[BaseStrategy],
    bars: Sequence[Bar],
    terms: Mapping[str, str],
    figures: Sequence[str] = ("sharpe",),
) -> Market:
    return Market(
        kind,
        Columns.of_bars(bars),
        _terms(bars[0], terms),
        timeframe=bars[0].timeframe.value,
        figures=figures,
    )


def _kind(strategy: str) -> type[BaseStrategy]:
    kind = StrategyRegistry.get(strategy)
    if kind is None:
        raise UnknownStrategyError(strategy, StrategyRegistry.list_all())
    return kind


def _space(kind: type[BaseStrategy], grid: Mapping[str, str]) -> Space:
    found = grid_of_texts(kind, grid)
    return {name: Choice(tuple(map(_value, values))) for name, values in found.items()}


def _value(given: object) -> Value:
    if not isinstance(given, int | float | str):
        raise InvalidValueError(f"a value is a number, a text or a truth, not {given!r:.40}")
    return given


def _terms(bar: Bar, texts: Mapping[str, str]) -> Terms:
    instrument = default_instrument(bar.symbol)
    amounts = {name: exact(text) for name, text in texts.items()}
    return Terms(**amounts, lot=instrument.lot_size.value, tick=instrument.tick_size.value)


def _about(method: str, strategy: str, bars: Sequence[Bar], trials: int | None) -> Document:
    return {
        "spec": _SPEC,
        "method": method,
        "strategy": strategy,
        "symbol": bars[0].symbol.code,
        "timeframe": bars[0].timeframe.value,
        "bars": len(bars),
        "first": bars[0].at.isoformat(),
        "last": bars[-1].at.isoformat(),
        "trials": trials,  # None: the method tries one set, and cannot know how it was chosen
    }


def _instants(bars: Sequence[Bar], span: Span) -> tuple[str, str]:
    return bars[span[0]].at.isoformat(), bars[span[1] - 1].at.isoformat()
