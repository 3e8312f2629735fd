"""What the command line asks about sweeps: to run one, to list them, to show the best sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

from traderbot.domain.market.bars import Bar
from traderbot.domain.market.instrument import default_instrument
from traderbot.domain.shared.decimals import exact
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.strategies.errors import UnknownStrategyError
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.infrastructure.compute.backtests.grid import grid_of_texts
from traderbot.infrastructure.compute.backtests.sweeping import sweep
from traderbot.infrastructure.compute.backtests.terms import Terms
from traderbot.infrastructure.compute.backtests.trial import Sweep
from traderbot.infrastructure.compute.backtests.trials import TrialStore
from traderbot.infrastructure.compute.columns import Columns


class SweepDesk:
    """Sweeps whose trials are kept in one file."""

    def __init__(self, path: Path) -> None:
        """Take the file; it is made with the first sweep."""
        self._path = path

    def run(
        self,
        strategy: str,
        bars: Sequence[Bar],
        *,
        grid: Mapping[str, str],
        terms: Mapping[str, str],
        resume: bool,
        processes: bool,
        best: int,
        by: str,
        progress: Callable[[int, int], None],
    ) -> Mapping[str, Any]:
        """Run a sweep, or what is left of it, and return its best sets.

        Args:
            strategy: the name it is registered by.
            bars: of one symbol, oldest first.
            grid: the values of each parameter, as text.
            terms: cash, quantity or share, fee_bps, slippage_bps, as text.
            resume: whether a sweep that was begun goes on.
            processes: whether to work in processes.
            best: how many sets to return.
            by: what they are ordered by.
            progress: called after every chunk.

        Raises:
            UnknownStrategyError: no strategy is registered by that name.
            InvalidValueError: it was begun before and is not to be resumed; also as `sweep`.
        """
        kind = StrategyRegistry.get(strategy)
        if kind is None:
            raise UnknownStrategyError(strategy, StrategyRegistry.list_all())
        store = TrialStore(self._path)

        def begun(digest: str, done: int, sets: int) -> None:
            if 0 < done < sets and not resume:
                raise InvalidValueError(
                    f"{done:,} of these {sets:,} sets were run already (sweep {digest[:12]}): go "
                    f"on with --resume, or see them with: traderbot sweep show {digest[:12]}"
                )

        found = sweep(
            kind,
            grid_of_texts(kind, grid),
            Columns.of_bars(bars),
            _terms(bars[0], terms),
            timeframe=bars[0].timeframe.value,
            store=store,
            processes=processes,
            progress=progress,
            begun=begun,
        )
        return self._document(found, strategy, best, by)

    def list(self) -> Sequence[Mapping[str, Any]]:
        """Return every sweep, the newest first."""
        if not self._path.exists():
            return []
        return [
            {
                "digest": each.digest,
                "started_at": each.started_at,
                "strategy": each.about["strategy"],
                "bars": each.about["bars"],
                "timeframe": each.about["timeframe"],
                "sets": each.sets,
                "done": each.done,
            }
            for each in TrialStore(self._path).sweeps()
        ]

    def show(self, digest: str, best: int, by: str) -> Mapping[str, Any]:
        """Return the best sets of a sweep.

        Raises:
            InvalidValueError: no sweep, or more than one, begins with that digest.
        """
        store = TrialStore(self._path)
        found = store.load(digest)
        (about,) = (each.about for each in store.sweeps() if each.digest == found.digest)
        return self._document(found, about["strategy"], best, by)

    def _document(self, found: Sweep, strategy: str, best: int, by: str) -> Mapping[str, Any]:
        return {
            "digest": found.digest,
            "strategy": strategy,
            "bars": found.bars,
            "sets": len(found),
            "done": int(found.done.sum()),
            "by": by,
            "best": [asdict(trial) for trial in found.best(best, by)],
            "file": str(self._path),
        }


def _terms(bar: Bar, texts: Mapping[str, str]) -> Terms:
    instrument = default_instrument(bar.symbol)
    amounts: dict[str, Decimal] = {name: exact(text) for name, text in texts.items()}
    return Terms(**amounts, lot=instrument.lot_size.value, tick=instrument.tick_size.value)
