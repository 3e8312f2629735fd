"""Backtests as documents: what a door asks for in texts, and shows as it stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from traderbot.domain.market.bars import Bar


class Backtests(Protocol):
    """The backtests of one person, or of whoever sits at this machine.

    A document has `run_id`, the figures, and where it is whole `statistics` and `trades`;
    docs/backtesting.md says what they hold. Exact amounts are texts.
    """

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
        """Run a strategy on each of these series, on one cash, and keep the figures.

        `terms` are cash, sizing, costs and limits by name; what is left out keeps its default.

        Raises:
            DomainError: it cannot be run; the message says why.
        """
        ...

    def list(self) -> Sequence[Mapping[str, Any]]:
        """Return the main figures of every backtest, the newest first."""
        ...

    def show(self, run: str) -> Mapping[str, Any]:
        """Return one of them whole, by its run id or the beginning of it."""
        ...
